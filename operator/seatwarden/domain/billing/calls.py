"""Calls of a payment provider, as values: what a decision answers, one at a time.

One at a time since each answer may change what the next call must be: who closes a checkout page has to look whether the customer
paid on it in the last moment before another one is opened.
"""

from dataclasses import dataclass

from seatwarden.domain.billing.wishes import CustomerWish, SubscriptionChange, SubscriptionWish


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCustomer:
    """See `seatwarden.backends.billing.Billing.create_customer`; likewise the others below."""

    wish: CustomerWish
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCustomer:
    """Write name, address and owner."""

    customer: str
    wish: CustomerWish


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCustomer:
    """Leave a customer to whoever names it next."""

    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCustomer:
    """Delete a customer, and end its subscriptions with it."""

    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSubscription:
    """Begin a subscription at once."""

    wish: SubscriptionWish
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubscription:
    """Change one that is there."""

    subscription: str
    change: SubscriptionChange
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSubscription:
    """End one now. ``duplicate`` where another one of the same resource goes on, which is worth an Event."""

    subscription: str
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCheckout:
    """Open a page."""

    wish: SubscriptionWish
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireCheckout:
    """Close a page."""

    checkout: str


CustomerCall = CreateCustomer | ChangeCustomer | ReleaseCustomer | DeleteCustomer
SubscriptionCall = (
    CreateSubscription | ChangeSubscription | CancelSubscription | CreateCheckout | ExpireCheckout
)
