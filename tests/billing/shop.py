"""What the customer and the vendor do at Stripe, and what is to be seen there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatwarden.backends.stripe_connection import StripeConnection
from tests.domain.objects import NOON
from tests.stripe.checkouts import pay
from tests.stripe.clock import DAY
from tests.stripe.place import sdk
from tests.stripe.server import API_KEY, StripeServer, fake_stripe

RETURN_URL = "https://vendor.invalid/account"
SEAT, DEARER, YEAR = 1000, 2500, 10_000
"""Cents for a seat."""
ENDED = {"canceled", "incomplete_expired"}


@dataclass(slots=True)
class Shop:
    """An account at Stripe in which it is noon. ``prices`` are ids by lookup key: month, dearer, year."""

    server: StripeServer
    calls: Any
    connection: StripeConnection
    key_file: Path
    prices: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """Stripe's time."""
        return datetime.fromtimestamp(self.server.clock.now, UTC)

    def pass_time(self, *, days: float = 0, seconds: int = 0) -> None:
        """Let time pass at Stripe, and what falls due happen."""
        self.server.clock.advance(seconds=seconds + int(days * DAY))

    def customers(self) -> list[Any]:
        """Those that were not deleted, the oldest first."""
        found = self.server.account.tables["customer"].values()
        return [one for one in found if not one.get("deleted")]

    def customer(self) -> Any:
        """The only one."""
        (found,) = self.customers()
        return found

    def subscriptions(self) -> list[Any]:
        """All that ever were, the oldest first."""
        return list(self.server.account.tables["subscription"].values())

    def subscription(self) -> Any:
        """The only one that has not ended."""
        (found,) = [one for one in self.subscriptions() if one["status"] not in ENDED]
        return found

    def seats(self) -> int:
        """Of the subscription that has not ended."""
        return int(self.subscription()["items"]["data"][0]["quantity"])

    def billed(self) -> list[int]:
        """The amounts of all invoices that cost or credit anything, the oldest first."""
        found = self.server.account.tables["invoice"].values()
        return [one["total"] for one in found if one["total"] and one["status"] != "void"]

    def pages(self, status: str = "open") -> list[Any]:
        """The checkout pages in that status."""
        found = self.server.account.tables["checkout.session"].values()
        return [one for one in found if one["status"] == status]

    async def give_card(self, card: str = "pm_card_visa") -> None:
        """The customer pays with that card from now on."""
        customer = self.customer()["id"]
        method = await self.calls.payment_methods.attach_async(card, {"customer": customer})
        wanted = {"invoice_settings": {"default_payment_method": method.id}}
        await self.calls.customers.update_async(customer, wanted)

    async def pay_page(self) -> None:
        """The customer pays on the only page that is open."""
        (page,) = self.pages()
        pay(self.server.account, page["id"])

    async def pay_debts(self) -> None:
        """The customer's bank has money again, and what is open is paid."""
        account = self.server.account
        account.declines.clear()
        for one in list(account.tables["invoice"].values()):
            if one["status"] == "open":
                sent = one["collection_method"] == "send_invoice"
                await self.calls.invoices.pay_async(one["id"], {"paid_out_of_band": True} if sent else {})

    async def edit(self, **changes: Any) -> None:
        """Somebody changes the subscription in the dashboard."""
        await self.calls.subscriptions.update_async(self.subscription()["id"], changes)

    async def edit_seats(self, quantity: int) -> None:
        """Somebody changes the number of seats in the dashboard."""
        item = self.subscription()["items"]["data"][0]["id"]
        await self.edit(items=[{"id": item, "quantity": quantity}], proration_behavior="none")

    async def open(self) -> None:
        """Have something to sell."""
        product = await self.calls.products.create_async({"name": "Seats"})
        for key, amount, interval in (
            ("month", SEAT, "month"),
            ("dearer", DEARER, "month"),
            ("year", YEAR, "year"),
        ):
            wanted = {"product": product.id, "currency": "eur", "unit_amount": amount, "lookup_key": key}
            made = await self.calls.prices.create_async(wanted | {"recurring": {"interval": interval}})
            self.prices[key] = made.id


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Shop]:
    """An open one, of which the stand-in has nothing to be ashamed in the end."""
    key_file = folder / "stripe-key"
    key_file.write_text(f"{API_KEY}\n")
    async with fake_stripe(now=int(NOON.timestamp())) as server, sdk(server.url) as client:
        connection = StripeConnection(
            key_file=key_file,
            return_url=RETURN_URL,
            endpoint=server.url,
            retries=0,
            seconds=5.0,
            counted=lambda _endpoint, _outcome: None,
        )
        found = Shop(server, client.v1, connection, key_file)
        await found.open()
        try:
            yield found
        finally:
            await connection.close()
        assert not server.ashamed, server.ashamed
