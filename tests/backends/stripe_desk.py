"""A payment provider over the stand-in of Stripe, with something to sell."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatwarden.backends.stripe_billing import StripeBilling
from seatwarden.backends.stripe_connection import StripeConnection
from seatwarden.domain.billing.facts import Collection, CustomerFacts, SubscriptionFacts
from seatwarden.domain.billing.wishes import CustomerWish, SubscriptionWish
from tests.stripe.clock import DAY
from tests.stripe.place import Place, new_place, sdk
from tests.stripe.server import API_KEY, StripeServer, fake_stripe

RETURN_URL = "https://vendor.invalid/account"
ACME = CustomerWish(owner="uid-acme", cluster="cluster-1", name="Acme", email="it@acme.invalid")


@dataclass(slots=True)
class Desk:
    """``counts`` has how calls ended, by endpoint and outcome."""

    server: StripeServer
    place: Place
    connection: StripeConnection
    billing: StripeBilling
    counts: Counter[tuple[str, str]]
    _numbers: list[int] = field(default_factory=lambda: [0])

    def key(self) -> str:
        """Another idempotency key each time."""
        self._numbers[0] += 1
        return f"key-{self._numbers[0]}"

    async def customer(self, card: str | None = "pm_card_visa") -> CustomerFacts:
        """A customer who can pay, unless there is no ``card``."""
        made = await self.place.customer(card)
        return await self.billing.change_customer(made.id, ACME)

    def wish(self, customer: str, *, quantity: int = 3, **more: Any) -> SubscriptionWish:
        """A monthly subscription."""
        wanted: dict[str, Any] = {
            "owner": "uid-team",
            "cluster": "cluster-1",
            "price": self.place.monthly,
            "collection": Collection.CHARGE_AUTOMATICALLY,
            "applied": "what is wished",
        }
        return SubscriptionWish(customer=customer, quantity=quantity, **(wanted | more))

    async def subscription(self, **more: Any) -> SubscriptionFacts:
        """A subscription of a new customer who pays."""
        customer = await self.customer()
        return await self.billing.create_subscription(self.wish(customer.id, **more), key=self.key())

    async def paid_with(self, customer: str, card: str) -> None:
        """From now on the customer pays with another card."""
        attached = await self.place.calls.payment_methods.attach_async(card, {"customer": customer})
        wanted = {"invoice_settings": {"default_payment_method": attached.id}}
        await self.place.calls.customers.update_async(customer, wanted)

    def writes(self) -> int:
        """How many requests came that may change something."""
        return sum(heard.method != "GET" for heard in self.server.heard)

    async def pass_days(self, days: float) -> None:
        """Let time pass at Stripe."""
        await self.place.pass_until(await self.place.now() + int(days * DAY))


@asynccontextmanager
async def desk(folder: Path, **more: Any) -> AsyncIterator[Desk]:
    """An open one. ``more`` are settings of the connection."""
    counts: Counter[tuple[str, str]] = Counter()
    key_file = folder / "stripe-key"
    key_file.write_text(f"{API_KEY}\n")
    async with fake_stripe() as server, sdk(server.url) as client:
        place = await new_place(client)
        connection = StripeConnection(
            key_file=key_file,
            return_url=RETURN_URL,
            endpoint=server.url,
            counted=lambda endpoint, outcome: counts.update([(endpoint, outcome)]),
            **({"retries": 0, "seconds": 5.0} | more),
        )
        try:
            yield Desk(server, place, connection, connection.billing(), counts)
        finally:
            await connection.close()
        assert not server.ashamed, server.ashamed


def instant(seconds: int) -> datetime:
    """Of Stripe's seconds."""
    return datetime.fromtimestamp(seconds, UTC)
