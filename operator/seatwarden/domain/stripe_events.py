"""What of an event of Stripe is kept: which object of which customer it is about, and nothing of how that object is.

An event tells how an object was when the event was made. It may come late, twice, or behind a later one, and it has personal
data. So it is taken as a hint to look: the object is read from Stripe, which is right whatever came and in which order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

_ID = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_.]{1,128}", re.ASCII)
_LATEST = 1 << 53


class ObjectKind(StrEnum):
    """The objects whose changes matter, by Stripe's names for them."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    CHECKOUT = "checkout.session"
    PRICE = "price"


_VERBS = {
    (ObjectKind.CUSTOMER, "customer"): ("created", "updated", "deleted"),
    (ObjectKind.SUBSCRIPTION, "customer.subscription"): (
        *("created", "updated", "deleted", "paused", "resumed", "trial_will_end"),
        *("pending_update_applied", "pending_update_expired"),
    ),
    (ObjectKind.INVOICE, "invoice"): (
        *("created", "updated", "finalized", "finalization_failed", "paid", "payment_succeeded"),
        *(
            "payment_failed",
            "payment_action_required",
            "overdue",
            "marked_uncollectible",
            "voided",
            "deleted",
        ),
    ),
    (ObjectKind.CHECKOUT, "checkout.session"): (
        *("completed", "expired", "async_payment_succeeded", "async_payment_failed"),
    ),
    (ObjectKind.PRICE, "price"): ("created", "updated", "deleted"),
}

EVENT_TYPES: Mapping[str, ObjectKind] = MappingProxyType(
    {f"{prefix}.{verb}": kind for (kind, prefix), verbs in _VERBS.items() for verb in verbs}
)
"""The events that are kept. Refunds and disputes are not among them: seats follow subscriptions and their invoices. Nor is
`invoice.upcoming`, whose invoice does not exist yet."""


class UnreadableEvent(Exception):
    """This is no event of Stripe. The text says what is wrong and quotes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedObject:
    """Which object it is: what is read again, once for any number of events about it."""

    kind: ObjectKind
    id: str
    live: bool
    account: str = ""
    """The connected account that it belongs to; empty for one's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something about ``object`` changed. The references are hints, empty where the event had none."""

    object: ChangedObject
    customer: str = ""
    subscription: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """An event that matters; ``created`` is Stripe's time, in seconds since 1970."""

    id: str
    type: str
    created: int
    change: Change


@dataclass(frozen=True, slots=True)
class UnknownType:
    """An event of a type that is not kept."""

    type: str


def read_event(body: Any) -> StripeEvent | UnknownType:
    """The event in the JSON ``body``.

    Raises:
        UnreadableEvent: it is none.
    """
    event = _object(body, "the body")
    said = _matching(_TYPE, event.get("type"), "type")
    kind = EVENT_TYPES.get(said)
    if kind is None:
        return UnknownType(said)
    about = _object(_object(event.get("data"), "data").get("object"), "data.object")
    if about.get("object") != kind.value:
        raise UnreadableEvent(f"data.object is no {kind.value}")
    changed = ChangedObject(
        kind=kind,
        id=_matching(_ID, about.get("id"), "data.object.id"),
        live=_livemode(event.get("livemode")),
        account=_reference(event.get("account")),
    )
    return StripeEvent(
        id=_matching(_ID, event.get("id"), "id"),
        type=said,
        created=_created(event.get("created")),
        change=Change(
            object=changed,
            customer=changed.id if kind is ObjectKind.CUSTOMER else _reference(about.get("customer")),
            subscription=changed.id if kind is ObjectKind.SUBSCRIPTION else _subscription_of(about),
        ),
    )


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableEvent(f"{name} is no object")
    return value


def _matching(pattern: re.Pattern[str], value: Any, name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise UnreadableEvent(f"{name} is none of Stripe's")
    return value


def _livemode(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnreadableEvent("livemode is neither true nor false")
    return value


def _created(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LATEST:
        raise UnreadableEvent("created is no time")
    return value


def _reference(value: Any) -> str:
    """The id that a field names, by itself or as the whole object; empty where it names none."""
    named = value.get("id") if isinstance(value, dict) else value
    return named if isinstance(named, str) and _ID.fullmatch(named) else ""


def _subscription_of(about: dict[str, Any]) -> str:
    # Of an invoice it is under `parent` since version 2025-03-31 of the API, and at the top before.
    parent = about.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, dict) else None
    newer = _reference(details.get("subscription")) if isinstance(details, dict) else ""
    return newer or _reference(about.get("subscription"))
