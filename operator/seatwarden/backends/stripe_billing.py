"""Stripe as a payment provider, through its own SDK. See `seatwarden.backends.billing.Billing`."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import stripe

from seatwarden.backends.billing import AUTHENTICATION, MISSING, PERMISSION, BillingRefused
from seatwarden.backends.stripe_calls import StripeCalls
from seatwarden.backends.stripe_facts import (
    checkout_facts,
    customer_facts,
    due_since,
    price_facts,
    subscription_facts,
)
from seatwarden.backends.stripe_wishes import (
    Parameters,
    change_parameters,
    checkout_parameters,
    customer_parameters,
    release_parameters,
    subscription_parameters,
)
from seatwarden.domain.billing.facts import (
    CLUSTER,
    ENDED,
    OWING,
    OWNER,
    CheckoutFacts,
    CustomerFacts,
    PriceFacts,
    SubscriptionFacts,
)
from seatwarden.domain.billing.wishes import CustomerWish, SubscriptionChange, SubscriptionWish

PAGE = 100
PRICE_SECONDS = 300.0


@dataclass(slots=True)
class _Prices:
    """Prices that were read, and until when they are not read again."""

    known: dict[tuple[str | None, str | None], tuple[PriceFacts | None, float]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class StripeBilling:
    """Customers and subscriptions at Stripe. ``client`` answers with the SDK's client for the API key as it is now."""

    client: Callable[[], stripe.StripeClient]
    calls: StripeCalls
    clock: Callable[[], float]
    return_url: str
    """Where a customer comes back to from Stripe's pages."""
    urgent: bool = True
    _prices: _Prices = field(default_factory=_Prices)

    def unhurried(self) -> "StripeBilling":
        """The same, for work that nobody waits for: its calls let those of others pass."""
        return replace(self, urgent=False)

    async def read_customer(self, customer: str) -> CustomerFacts | None:
        """See `Billing`."""
        found = await self.calls.find(
            "GET /v1/customers/{id}",
            lambda: self.client().v1.customers.retrieve_async(customer),
            urgent=self.urgent,
        )
        return None if found is None else customer_facts(found)

    async def find_customers(self, owner: str, cluster: str) -> tuple[CustomerFacts, ...]:
        """See `Billing`."""
        query = (
            f"metadata[{_quoted(OWNER)}]:{_quoted(owner)} AND metadata[{_quoted(CLUSTER)}]:{_quoted(cluster)}"
        )
        found = await self.calls.do(
            "GET /v1/customers/search",
            lambda: self.client().v1.customers.search_async({"query": query, "limit": PAGE}),
            urgent=self.urgent,
        )
        return tuple(customer_facts(one) for one in found.data)

    async def create_customer(self, wish: CustomerWish, *, key: str) -> CustomerFacts:
        """See `Billing`."""
        parameters = cast("Any", customer_parameters(wish))
        made = await self.calls.do(
            "POST /v1/customers",
            lambda: self.client().v1.customers.create_async(parameters, {"idempotency_key": key}),
            urgent=self.urgent,
        )
        return customer_facts(made)

    async def change_customer(self, customer: str, wish: CustomerWish) -> CustomerFacts:
        """See `Billing`."""
        return customer_facts(await self._update_customer(customer, customer_parameters(wish)))

    async def release_customer(self, customer: str) -> None:
        """See `Billing`."""
        await self._update_customer(customer, release_parameters())

    async def _update_customer(self, customer: str, parameters: Parameters) -> stripe.Customer:
        return await self.calls.do(
            "POST /v1/customers/{id}",
            lambda: self.client().v1.customers.update_async(customer, cast("Any", parameters)),
            urgent=self.urgent,
        )

    async def delete_customer(self, customer: str) -> None:
        """See `Billing`."""
        await self.calls.find(
            "DELETE /v1/customers/{id}",
            lambda: self.client().v1.customers.delete_async(customer),
            urgent=self.urgent,
        )

    async def read_price(
        self, *, price: str | None = None, lookup_key: str | None = None
    ) -> PriceFacts | None:
        """See `Billing`."""
        known = self._prices.known.get((price, lookup_key))
        if known is not None and self.clock() < known[1]:
            return known[0]
        found = await self._price(price) if price is not None else await self._price_by_key(lookup_key or "")
        self._prices.known[price, lookup_key] = (found, self.clock() + PRICE_SECONDS)
        return found

    def forget_prices(self) -> None:
        """See `Billing`."""
        self._prices.known.clear()

    async def _price(self, price: str) -> PriceFacts | None:
        found = await self.calls.find(
            "GET /v1/prices/{id}", lambda: self.client().v1.prices.retrieve_async(price), urgent=self.urgent
        )
        return None if found is None else price_facts(found)

    async def _price_by_key(self, lookup_key: str) -> PriceFacts | None:
        found = await self.calls.do(
            "GET /v1/prices",
            lambda: self.client().v1.prices.list_async({"lookup_keys": [lookup_key], "limit": 1}),
            urgent=self.urgent,
        )
        return price_facts(found.data[0]) if found.data else None

    async def read_subscription(self, subscription: str) -> SubscriptionFacts | None:
        """See `Billing`."""
        found = await self.calls.find(
            "GET /v1/subscriptions/{id}",
            lambda: self.client().v1.subscriptions.retrieve_async(subscription, {"expand": ["discounts"]}),
            urgent=self.urgent,
        )
        return None if found is None else await self._facts(found)

    async def subscriptions_of(self, customer: str) -> tuple[SubscriptionFacts, ...]:
        """See `Billing`."""
        return tuple([one async for one in self._listed({"customer": customer})])

    async def all_subscriptions(self) -> AsyncIterator[SubscriptionFacts]:
        """See `Billing`."""
        async for one in self._listed({}):
            if one.owner is not None:
                yield one

    async def create_subscription(self, wish: SubscriptionWish, *, key: str) -> SubscriptionFacts:
        """See `Billing`."""
        parameters = cast("Any", {**subscription_parameters(wish), "expand": ["discounts"]})
        made = await self.calls.do(
            "POST /v1/subscriptions",
            lambda: self.client().v1.subscriptions.create_async(parameters, {"idempotency_key": key}),
            urgent=self.urgent,
        )
        return await self._facts(made)

    async def change_subscription(
        self, subscription: str, change: SubscriptionChange, *, key: str
    ) -> SubscriptionFacts:
        """See `Billing`."""
        found = await self._existing(subscription)
        parameters = change_parameters(change, found)
        if not parameters:
            return found
        changed = await self.calls.do(
            "POST /v1/subscriptions/{id}",
            lambda: self.client().v1.subscriptions.update_async(
                subscription,
                cast("Any", {**parameters, "expand": ["discounts"]}),
                {"idempotency_key": key},
            ),
            urgent=self.urgent,
        )
        return await self._facts(changed)

    async def cancel_subscription(self, subscription: str) -> SubscriptionFacts:
        """See `Billing`."""
        found = await self._existing(subscription)
        if found.status in ENDED:
            return found
        ended = await self.calls.do(
            "DELETE /v1/subscriptions/{id}",
            lambda: self.client().v1.subscriptions.cancel_async(subscription, {"expand": ["discounts"]}),
            urgent=self.urgent,
        )
        return await self._facts(ended)

    async def checkouts_of(self, customer: str) -> tuple[CheckoutFacts, ...]:
        """See `Billing`."""
        parameters = cast("Any", {"customer": customer, "limit": PAGE, "expand": ["data.line_items"]})
        found = await self.calls.do(
            "GET /v1/checkout/sessions",
            lambda: self.client().v1.checkout.sessions.list_async(parameters),
            urgent=self.urgent,
        )
        told = (checkout_facts(one) for one in found.data)
        return tuple(one for one in told if one is not None)

    async def create_checkout(self, wish: SubscriptionWish, *, key: str) -> CheckoutFacts:
        """See `Billing`."""
        parameters = cast(
            "Any", {**checkout_parameters(wish, return_url=self.return_url), "expand": ["line_items"]}
        )
        made = await self.calls.do(
            "POST /v1/checkout/sessions",
            lambda: self.client().v1.checkout.sessions.create_async(parameters, {"idempotency_key": key}),
            urgent=self.urgent,
        )
        told = checkout_facts(made)
        if told is None:
            raise BillingRefused("Stripe's page for this wish has expired", code="checkout_expired")
        return told

    async def expire_checkout(self, checkout: str) -> None:
        """See `Billing`."""
        try:
            await self.calls.do(
                "POST /v1/checkout/sessions/{id}/expire",
                lambda: self.client().v1.checkout.sessions.expire_async(checkout),
                urgent=self.urgent,
            )
        except BillingRefused as error:
            if error.code in {AUTHENTICATION, PERMISSION}:
                raise

    async def portal_link(self, customer: str) -> str:
        """See `Billing`."""
        made = await self.calls.do(
            "POST /v1/billing_portal/sessions",
            lambda: self.client().v1.billing_portal.sessions.create_async(
                {"customer": customer, "return_url": self.return_url}
            ),
            urgent=self.urgent,
        )
        return made.url

    async def _listed(self, which: Parameters) -> AsyncIterator[SubscriptionFacts]:
        after: Parameters = {}
        while True:
            asked = cast(
                "Any", {"status": "all", "limit": PAGE, "expand": ["data.discounts"], **which, **after}
            )
            page = await self.calls.do(
                "GET /v1/subscriptions",
                lambda asked=asked: self.client().v1.subscriptions.list_async(asked),  # type: ignore[misc]
                urgent=self.urgent,
            )
            for one in page.data:
                yield await self._facts(one)
            if not page.has_more:
                return
            after = {"starting_after": page.data[-1].id}

    async def _existing(self, subscription: str) -> SubscriptionFacts:
        found = await self.read_subscription(subscription)
        if found is None:
            raise BillingRefused(f"Stripe has no subscription {subscription}", code=MISSING)
        return found

    async def _facts(self, found: stripe.Subscription) -> SubscriptionFacts:
        owes = found.status in OWING
        return subscription_facts(found, unpaid_since=await self._unpaid_since(found.id) if owes else None)

    async def _unpaid_since(self, subscription: str) -> datetime | None:
        found = await self.calls.do(
            "GET /v1/invoices",
            lambda: self.client().v1.invoices.list_async(
                {"subscription": subscription, "status": "open", "limit": PAGE}
            ),
            urgent=self.urgent,
        )
        return min((due_since(one) for one in found.data), default=None)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
