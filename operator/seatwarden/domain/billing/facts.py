"""What Stripe has, as far as a decision needs it: read, never remembered from an event.

Names and meanings follow https://docs.stripe.com/api. Instants are aware and in whole seconds, as Stripe has them. ``owner`` is
the uid of the resource that the object belongs to, from the object's metadata.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OWNER = "seatwarden.dev/uid"
"""Metadata: uid of the resource that owns the object."""
CLUSTER = "seatwarden.dev/cluster"
"""Metadata: id of the cluster that the resource is in. Two clusters may share one Stripe account."""
PAID_SEATS = "seatwarden.dev/paid-seats"
"""Metadata: the quantity that is paid for until the end of the period, where a smaller one is to be billed from then on."""
PAID_UNTIL = "seatwarden.dev/paid-until"
"""Metadata: the end of that period, in seconds since 1970."""
APPLIED = "seatwarden.dev/applied"
"""Metadata: what was written last, as `seatwarden.domain.billing.applied` puts it. What differs from it was changed by others."""


class StripeStatus(StrEnum):
    """Life of a Stripe subscription: https://docs.stripe.com/api/subscriptions/object#subscription_object-status."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELED = "canceled"
    UNPAID = "unpaid"
    PAUSED = "paused"


class PageState(StrEnum):
    """Life of a checkout page."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


ENDED = frozenset({StripeStatus.CANCELED, StripeStatus.INCOMPLETE_EXPIRED})
"""It costs nothing any more, and never will."""
OWING = frozenset({StripeStatus.PAST_DUE, StripeStatus.UNPAID})
"""A payment has not come."""


class Collection(StrEnum):
    """Who begins a payment."""

    CHARGE_AUTOMATICALLY = "charge_automatically"
    SEND_INVOICE = "send_invoice"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFacts:
    """A Stripe customer."""

    id: str
    owner: str | None
    cluster: str | None
    name: str | None
    email: str | None
    created: datetime
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFacts:
    """A recurring price."""

    id: str
    active: bool
    interval: str
    """month or year, as Stripe names it."""
    lookup_key: str | None = None
    unit_amount: int | None = None
    """Cost of one seat in an interval, in the smallest unit of the currency; None where it depends on the quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFacts:
    """A Stripe subscription with one item, which is the plan's seats."""

    id: str
    customer: str
    owner: str | None
    cluster: str | None
    status: StripeStatus
    item: str
    """Id of the item that has the price and the quantity."""
    price: PriceFacts
    quantity: int
    created: datetime
    period_start: datetime
    period_end: datetime
    collection: Collection
    trial_end: datetime | None = None
    cancel_at_period_end: bool = False
    cancel_at: datetime | None = None
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    collection_paused: bool = False
    """Whether somebody paused the collection of payments (pause_collection)."""
    unpaid_since: datetime | None = None
    """When the oldest invoice that is still open was due; None where nothing is overdue."""
    discount: str | None = None
    """Id of the coupon or promotion code that is applied."""
    paid_seats: int | None = None
    paid_until: datetime | None = None
    """See `PAID_SEATS`; both None where the quantity is what is paid for."""
    applied: str | None = None
    """See `APPLIED`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutFacts:
    """A page on which the customer enters a means of payment, which makes the subscription."""

    id: str
    customer: str
    owner: str | None
    cluster: str | None
    url: str
    created: datetime
    expires_at: datetime
    price: str
    """Id of the price."""
    quantity: int
    state: PageState
    subscription: str | None = None
    """Id of the subscription that it began, once it is complete."""
