"""What the operator wrote last into a Stripe subscription, kept in its metadata.

It is written by the very call that makes the change, so it is never behind and never ahead of it, whatever dies when. What
differs from it was changed by somebody else: that is all there is to finding drift. A status that remembered the same would
take the operator's own change for that of a stranger whenever it died before it wrote the status.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import orjson

from seatwarden.domain.billing.facts import Collection, SubscriptionFacts

MAX_LENGTH = 500
"""Of a value in Stripe's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was wished when the subscription was written last. ``revision`` counts the writes."""

    price: str
    seats: int
    collection: Collection
    days_until_due: int | None = None
    trial_end: datetime | None = None
    discount: str | None = None
    cancel: bool = False
    """Whether the subscription was to end, now or with the period."""
    revision: int = 0

    def same_wish(self, other: "Applied") -> bool:
        """Whether both wish the same, in whichever write."""
        return self == replace(other, revision=self.revision)

    def written(self) -> str:
        """As text for the metadata."""
        told = {
            "price": self.price,
            "seats": self.seats,
            "collection": self.collection.value,
            "due": self.days_until_due,
            "trial": int(self.trial_end.timestamp()) if self.trial_end is not None else None,
            "discount": self.discount,
            "cancel": self.cancel or None,
            "rev": self.revision,
        }
        return orjson.dumps({name: value for name, value in told.items() if value is not None}).decode()

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """The wish that ``text`` has; None where it has none that makes sense, as after somebody edited it."""
        try:
            told: dict[str, Any] = orjson.loads(text or "")
            trial = told.get("trial")
            return cls(
                price=str(told["price"]),
                seats=int(told["seats"]),
                collection=Collection(told["collection"]),
                days_until_due=None if told.get("due") is None else int(told["due"]),
                trial_end=None if trial is None else datetime.fromtimestamp(int(trial), UTC),
                discount=None if told.get("discount") is None else str(told["discount"]),
                cancel=told.get("cancel") is True,
                revision=int(told["rev"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
            return None

    @classmethod
    def of(cls, subscription: SubscriptionFacts) -> Self | None:
        """What its metadata has."""
        return cls.read(subscription.applied)


def ends(subscription: SubscriptionFacts) -> bool:
    """Whether somebody has asked for the end of a subscription that is still there."""
    return subscription.cancel_at_period_end or subscription.cancel_at is not None


def ends_at(subscription: SubscriptionFacts) -> datetime | None:
    """When it ends, as far as that was asked for."""
    if subscription.cancel_at is not None:
        return subscription.cancel_at
    return subscription.period_end if subscription.cancel_at_period_end else None
