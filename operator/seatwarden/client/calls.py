"""The calls of the endpoint that a seat needs, as plain values: the sync and the async client send the same."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

_LICENSES = "/api/v1/licenses"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. All are safe to repeat. ``body`` is None where none is sent. ``document``: a signed text is asked for."""

    method: str
    path: str
    body: dict[str, Any] | None = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    document: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a seat is asked for with; it stays the same however often it is sent.

    ``named`` is how the holder is named in each request, see `holders.named`. ``nonce`` names one run of the program. With
    the same one a repetition gets the same lease.
    """

    named: Mapping[str, str]
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    quantity: int = 1
    group: str = ""
    queue: bool = False
    client_version: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    lease: str | None = None


def new_name() -> str:
    """A name for one try: a new `Idempotency-Key`."""
    return str(uuid4())


def acquire(wish: Wish, name: str) -> Call:
    """Ask for a seat. ``name`` is the `Idempotency-Key`."""
    body = {
        **wish.named,
        "nonce": wish.nonce,
        "quantity": wish.quantity,
        "group": wish.group,
        "queue": wish.queue,
        "client_version": wish.client_version,
        "metadata": dict(wish.metadata),
        "lease": wish.lease,
    }
    return Call("POST", f"{_LICENSES}/acquire", body, {"Idempotency-Key": name})


def acquire_all(wish: Wish, pools: Sequence[Mapping[str, Any]], name: str) -> Call:
    """Ask for seats of all of these ``pools``, each of which says how it is opened. ``name`` is the `Idempotency-Key`."""
    body = {
        **wish.named,
        "nonce": wish.nonce,
        "client_version": wish.client_version,
        "metadata": dict(wish.metadata),
        "pools": [dict(pool) for pool in pools],
    }
    return Call("POST", f"{_LICENSES}/acquire-all", body, {"Idempotency-Key": name})


def validate(
    named: Mapping[str, str],
    *,
    session: str | None,
    feature: str | None,
    client_version: str | None,
    group: str | None,
) -> Call:
    """Look at the licence, and at what is named or asked for."""
    asked = {
        "session_id": session,
        "feature": feature,
        "client_version": client_version,
        "group": group,
    }
    told = {name: value for name, value in asked.items() if value is not None}
    return Call("POST", f"{_LICENSES}/validate", {**named, **told})


def licence_document() -> Call:
    """Fetch the licence document."""
    return Call("GET", f"{_LICENSES}/license", None, document=True)


def heartbeat(session: str, fence: int, lease: str | None, named: Mapping[str, str]) -> Call:
    """Renew the lease, and show the signed one."""
    body = {**named, "fence": fence, "lease": lease}
    return Call("PATCH", f"{_LICENSES}/sessions/{session}/heartbeat", body)


def release(session: str, fence: int, named: Mapping[str, str]) -> Call:
    """Give the seat back."""
    return Call("DELETE", f"{_LICENSES}/sessions/{session}", {**named, "fence": fence})


def borrow(session: str, fence: int, seconds: float | None, named: Mapping[str, str]) -> Call:
    """Take the seat away for so many ``seconds``, or None for as long as may be."""
    length = {} if seconds is None else {"seconds": seconds}
    return Call("POST", f"{_LICENSES}/sessions/{session}/borrow", {**named, "fence": fence, **length})
