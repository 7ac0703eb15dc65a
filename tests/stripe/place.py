"""An account with something to sell and a test clock, spoken to by Stripe's own SDK: the stand-in or Stripe itself."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import stripe

from tests.stripe.clock import DAY
from tests.stripe.server import API_KEY

MONTHLY, YEARLY, DEARER = 1000, 10_000, 2500
"""Cents for a seat."""
_LOOK_SECONDS = 0.5
_LOOKS = 240


@contextlib.asynccontextmanager
async def sdk(url: str | None, key: str | None = None) -> AsyncIterator[stripe.StripeClient]:
    """Stripe's SDK as it is, speaking to that address, or to Stripe."""
    # A session of ours saves a third of a second for the list of all certificate authorities, which nobody asks on loopback.
    async with aiohttp.ClientSession() as session:
        yield stripe.StripeClient(
            key or API_KEY,
            base_addresses={"api": url} if url else {},
            http_client=stripe.AIOHTTPClient(timeout=30, session=session),
            max_network_retries=0,
        )


@dataclass(slots=True, kw_only=True)
class Place:
    """``monthly``, ``yearly`` and ``dearer`` (monthly too) are ids of prices."""

    client: stripe.StripeClient
    clock: str
    began: int
    tag: str
    """In every name and lookup key, so that runs do not meet."""
    monthly: str
    yearly: str
    dearer: str

    @property
    def calls(self) -> Any:
        """Of the API's first version: tests hold answers against it, not types."""
        return self.client.v1

    async def customer(self, card: str | None = "pm_card_visa", **more: Any) -> Any:
        """A customer with a card, who lives by the clock."""
        paying = (
            {"payment_method": card, "invoice_settings": {"default_payment_method": card}} if card else {}
        )
        wanted = {"name": f"Acme {self.tag}", "test_clock": self.clock} | paying | more
        return await self.calls.customers.create_async(
            {name: value for name, value in wanted.items() if value is not None}
        )

    async def subscription(self, customer: Any, seats: int = 3, **more: Any) -> Any:
        """A monthly subscription, unless ``items`` says otherwise."""
        wanted = {"customer": customer.id, "items": [{"price": self.monthly, "quantity": seats}]} | more
        return await self.calls.subscriptions.create_async(wanted)

    async def again(self, subscription: Any) -> Any:
        """The subscription as it is now."""
        return await self.calls.subscriptions.retrieve_async(subscription.id)

    async def invoices(self, subscription: Any) -> list[Any]:
        """Of a subscription, the oldest first."""
        found = await self.calls.invoices.list_async({"subscription": subscription.id, "limit": 100})
        return list(reversed(found.data))

    async def now(self) -> int:
        """The clock's time."""
        clock = await self.calls.test_helpers.test_clocks.retrieve_async(self.clock)
        return int(clock.frozen_time)

    async def pass_days(self, days: float) -> None:
        """Let time pass, and wait until all that falls due by then has happened."""
        await self.pass_until(await self.now() + int(days * DAY))

    async def pass_until(self, when: int) -> None:
        """The same, until then."""
        clocks = self.calls.test_helpers.test_clocks
        await clocks.advance_async(self.clock, {"frozen_time": when})
        for _ in range(_LOOKS):
            if (await clocks.retrieve_async(self.clock)).status == "ready":
                return
            await asyncio.sleep(_LOOK_SECONDS)
        raise TimeoutError("The test clock does not arrive")

    async def leave(self) -> None:
        """Take the customers away, and the prices out of sale."""
        await self.calls.test_helpers.test_clocks.delete_async(self.clock)
        for price in (self.monthly, self.yearly, self.dearer):
            await self.calls.prices.update_async(price, {"active": False})


async def new_place(client: stripe.StripeClient) -> Place:
    """A product with three prices, and a test clock that shows the true time."""
    calls: Any = client.v1
    tag, began = uuid.uuid4().hex[:12], int(time.time())
    product = await calls.products.create_async({"name": f"Seats {tag}"})

    async def price(amount: int, interval: str, key: str) -> str:
        wanted = {
            "product": product.id,
            "currency": "eur",
            "unit_amount": amount,
            "lookup_key": f"{key}-{tag}",
        }
        return str((await calls.prices.create_async(wanted | {"recurring": {"interval": interval}})).id)

    clock = await calls.test_helpers.test_clocks.create_async({"frozen_time": began, "name": tag})
    return Place(
        client=client,
        clock=clock.id,
        began=began,
        tag=tag,
        monthly=await price(MONTHLY, "month", "monthly"),
        yearly=await price(YEARLY, "year", "yearly"),
        dearer=await price(DEARER, "month", "dearer"),
    )
