"""A payment provider, as the reconcilers see it. Every call has a time limit and may be repeated.

``key`` is the idempotency key of a call that makes something or may cost something: see `seatwarden.domain.billing.keys`. A key
that was used with other values before is a refusal. All calls raise `BillingAway` where the provider does not answer or asks to
wait, and `BillingRefused` where it says no for good.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from seatwarden.domain.billing.facts import CheckoutFacts, CustomerFacts, PriceFacts, SubscriptionFacts
from seatwarden.domain.billing.wishes import CustomerWish, SubscriptionChange, SubscriptionWish

AUTHENTICATION = "authentication"
"""Code of a refusal: there is no key, or it is none of the provider's."""
PERMISSION = "permission"
"""Code of a refusal: the key may not do that."""
MISSING = "resource_missing"
"""Code of a refusal: there is no such thing."""


class BillingAway(Exception):
    """The provider cannot be asked now. ``retry_after`` is what it asked for, in seconds; None where it said nothing."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class BillingRefused(Exception):
    """The provider says no, and would say so again. ``code`` is its word for it, such as resource_missing."""

    def __init__(self, reason: str, *, code: str) -> None:
        super().__init__(reason)
        self.code = code


class Billing(Protocol):
    """Customers, subscriptions and what belongs to them."""

    def unhurried(self) -> "Billing":
        """The same, for work that nobody waits for."""
        ...

    async def read_customer(self, customer: str) -> CustomerFacts | None:
        """The customer with that id, also a deleted one; None where there never was one."""
        ...

    async def find_customers(self, owner: str, cluster: str) -> tuple[CustomerFacts, ...]:
        """Customers that belong to ``owner``. One that was made in the last minute may be missing: the key of
        `create_customer` covers that."""
        ...

    async def create_customer(self, wish: CustomerWish, *, key: str) -> CustomerFacts:
        """A new customer, or the one that ``key`` made before."""
        ...

    async def change_customer(self, customer: str, wish: CustomerWish) -> CustomerFacts:
        """The customer as wished; also writes the owner, which adopts one that nobody owns. It needs no key: it sets what is
        wished, and a key would have a third change from A to B answered by the first."""
        ...

    async def release_customer(self, customer: str) -> None:
        """Nobody owns the customer any more: owner and cluster are taken out of its metadata."""
        ...

    async def delete_customer(self, customer: str) -> None:
        """No such customer, and none of its subscriptions runs on. One that is gone already is no error."""
        ...

    async def read_price(
        self, *, price: str | None = None, lookup_key: str | None = None
    ) -> PriceFacts | None:
        """The price with that id or lookup key, from a memory of some minutes; None where there is none."""
        ...

    def forget_prices(self) -> None:
        """Read every price anew."""
        ...

    async def read_subscription(self, subscription: str) -> SubscriptionFacts | None:
        """The subscription with that id, also one that has ended; None where there never was one."""
        ...

    async def subscriptions_of(self, customer: str) -> tuple[SubscriptionFacts, ...]:
        """All subscriptions of a customer, ended ones too, the newest first. Never behind the truth."""
        ...

    def all_subscriptions(self) -> AsyncIterator[SubscriptionFacts]:
        """All subscriptions that have an owner, page by page, for a resync of everything."""
        ...

    async def create_subscription(self, wish: SubscriptionWish, *, key: str) -> SubscriptionFacts:
        """A new subscription, or the one that ``key`` made before."""
        ...

    async def change_subscription(
        self, subscription: str, change: SubscriptionChange, *, key: str
    ) -> SubscriptionFacts:
        """The subscription with the change made. What is as wished already is not billed again."""
        ...

    async def cancel_subscription(self, subscription: str) -> SubscriptionFacts:
        """The subscription, ended now. One that has ended already stays as it is."""
        ...

    async def checkouts_of(self, customer: str) -> tuple[CheckoutFacts, ...]:
        """Checkout pages of a customer, expired ones too, the newest first. Never behind the truth."""
        ...

    async def create_checkout(self, wish: SubscriptionWish, *, key: str) -> CheckoutFacts:
        """A page that begins the wished subscription once the customer has paid."""
        ...

    async def expire_checkout(self, checkout: str) -> None:
        """Nobody can pay on that page any more. Raises nothing where it is complete or expired already."""
        ...

    async def portal_link(self, customer: str) -> str:
        """A page for some minutes on which the customer changes means of payment and sees invoices."""
        ...
