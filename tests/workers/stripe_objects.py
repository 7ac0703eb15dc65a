"""Changed objects and the events about them."""

from seatwarden.domain.stripe_agenda import Entry
from seatwarden.domain.stripe_events import Change, ChangedObject, ObjectKind, StripeEvent


def changed(number: int, *, account: str = "") -> ChangedObject:
    """Subscription ``number``."""
    return ChangedObject(kind=ObjectKind.SUBSCRIPTION, id=f"sub_{number}", live=True, account=account)


def change_of(number: int, *, customer: str | None = None, account: str = "") -> Change:
    """Something about it changed."""
    return Change(
        object=changed(number, account=account),
        customer=f"cus_{number}" if customer is None else customer,
        subscription=f"sub_{number}",
    )


def event_about(number: int, event: str | None = None, *, account: str = "") -> StripeEvent:
    """An event about it."""
    return StripeEvent(
        id=event or f"evt_about_{number}",
        type="customer.subscription.updated",
        created=1_764_590_400,
        change=change_of(number, account=account),
    )


def entry_about(number: int, sequence: int, *, tries: int = 1, arrived_ms: int = 0) -> Entry:
    """An entry about it."""
    return Entry(
        id=f"{arrived_ms}-{sequence}",
        event=f"evt_{sequence}",
        arrived_ms=arrived_ms,
        tries=tries,
        change=change_of(number),
    )
