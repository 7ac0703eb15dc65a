"""Answers of the endpoint, read strictly: what is not well formed is no answer of the endpoint.

Between a program and the endpoint there are proxies, portals and load balancers. Their 404 must not cost a seat and their 200
must not make one, so only a JSON object with a `code` counts. Anything else is silence, though its `Retry-After` is obeyed.
"""

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatwarden.client.errors import UNREACHABLE

_SESSION = re.compile(r"[0-9a-f]{32}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_OK = 200
_NOT_OK = 300
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, or that nothing did: then ``status`` is None and ``code`` is `UNREACHABLE`.

    Lengths of time are seconds. ``lease`` is the signed lease, if a new one came.
    """

    status: int | None
    code: str
    message: str = ""
    retry_after: float | None = None
    expires_in: float = 0.0
    next_heartbeat_in: float | None = None
    lease: str | None = None
    session: str = ""
    fence: int = 0
    taken_over: bool = False
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """All of it, for what is not named here."""

    @property
    def good(self) -> bool:
        """Was it granted, renewed, released or at least found alive?"""
        return self.status is not None and _OK <= self.status < _NOT_OK

    @property
    def server_fault(self) -> bool:
        """Could the server not decide, as it has a fault or its authority is away?"""
        return self.status is not None and self.status >= _SERVER_FAULT

    @property
    def silent(self) -> bool:
        """Did the endpoint say nothing?"""
        return self.status is None


def silence(why: str, retry_after: float | None = None) -> Answer:
    """No answer of the endpoint; ``why`` continues "The seat endpoint does not answer: "."""
    message = f"The seat endpoint does not answer: {why}."
    return Answer(status=None, code=UNREACHABLE, message=message, retry_after=retry_after)


def read_answer(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """The answer in one HTTP response."""
    told = headers.get("retry-after", "").strip()
    in_header = float(told) if _SECONDS.fullmatch(told) else None
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    return answer_in(status, body, in_header)


def answer_in(status: int, body: Any, in_header: float | None = None) -> Answer:
    """The answer that is a JSON ``body``, or a part of one; ``in_header`` is the `Retry-After`."""
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return silence(f"what came with status {status} is not from it", in_header)
    in_body = length(body.get("retry_after"))
    return Answer(
        status=status,
        code=body["code"],
        message=_text(body.get("detail")),
        retry_after=in_header if in_body is None else in_body,
        expires_in=length(body.get("expires_in")) or 0.0,
        next_heartbeat_in=length(body.get("next_heartbeat_in")),
        lease=_text(body.get("lease")) or None,
        session=_session(body.get("session_id")),
        fence=_fence(body.get("fence")),
        taken_over=body.get("taken_over") is True,
        body=body,
    )


def is_grant(answer: Answer) -> bool:
    """Does it give a seat, with all that is needed to keep it?"""
    return answer.good and bool(answer.session) and answer.fence > 0


def counts_for(lease: str | None) -> float:
    """How many seconds from its making a signed lease counts, by its own words; 0 where it is none.

    The server verifies it. Here it only says how long it is worth showing.
    """
    try:
        part = (lease or "").split(".")[1]
        claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        # Both are cut to whole seconds, so the difference may be a second too long.
        seconds = length(claims["exp"] - claims["iat"] - 1)
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0.0
    return seconds or 0.0


def length(value: Any) -> float | None:
    """``value`` of an answer as seconds, None where it is no length of time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _fence(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _session(value: Any) -> str:
    return value if isinstance(value, str) and _SESSION.fullmatch(value) else ""
