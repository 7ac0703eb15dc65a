"""Customers who pay at Stripe, end to end: a real API server, a real Redis, and the stand-in of Stripe behind its own SDK."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from seatwarden.domain.seats import Code, Grant, Refusal
from seatwarden.reconcilers.engine import ObjectKey
from tests.operator.world import Body, World, condition
from tests.stripe.checkouts import pay
from tests.stripe.clock import DAY
from tests.stripe.place import sdk
from tests.stripe.server import API_KEY, StripeServer, fake_stripe

PATIENCE_SECONDS = 60.0
BILLED: Body = {"billing": {"provider": "Stripe"}, "contactEmail": "it@acme.invalid"}


class Shop:
    """Stripe, and an operator that has a key for it."""

    def __init__(self, world: World, server: StripeServer, calls: Any, price: str, settings: Body) -> None:
        self.world, self.server, self.calls, self.price = world, server, calls, price
        self.settings = settings

    async def open(self) -> None:
        """Start the operator."""
        await self.world.start_operator(**self.settings)

    async def acme(self, **spec: Any) -> ObjectKey:
        """A Tenant who is a customer."""
        key = await self.world.tenant(**BILLED, **spec)
        await self.world.until(key, lambda it: condition(it, "BillingReady").get("status") == "True")
        return key

    async def customer(self) -> Any:
        """The one customer."""
        (found,) = self.server.account.tables["customer"].values()
        return found

    async def give_card(self, card: str = "pm_card_visa") -> None:
        """The customer pays with that card from now on."""
        customer = await self.customer()
        method = await self.calls.payment_methods.attach_async(card, {"customer": customer["id"]})
        wanted = {"invoice_settings": {"default_payment_method": method.id}}
        await self.calls.customers.update_async(customer["id"], wanted)

    async def team(self, **spec: Any) -> ObjectKey:
        """A Subscription of five seats, for which the customer's card is charged."""
        wanted = {"plan": {"name": "team", "priceID": self.price}, "collection": "ChargeAutomatically"}
        return await self.world.subscription(**(wanted | spec))

    async def subscriptions(self) -> list[Any]:
        """All there are at Stripe."""
        found = await self.calls.subscriptions.list_async({"status": "all", "limit": 100})
        return list(found.data)

    async def until_there(self, holds: Callable[[Any], bool]) -> Any:
        """The one subscription at Stripe, as soon as ``holds`` is true of it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.subscriptions()
            if len(found) == 1 and holds(found[0]):
                return found[0]
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)


@pytest.fixture
async def shop(idle_world: World, tmp_path: Path) -> AsyncIterator[Shop]:
    """Closed yet. At Stripe it is forty days ago."""
    key_file = tmp_path / "stripe-key"
    key_file.write_text(API_KEY)
    async with fake_stripe(now=int(time.time()) - 40 * DAY) as server, sdk(server.url) as client:
        calls: Any = client.v1
        product = await calls.products.create_async({"name": "Seats"})
        price = await calls.prices.create_async(
            {
                "product": product.id,
                "currency": "eur",
                "unit_amount": 1000,
                "recurring": {"interval": "month"},
                "lookup_key": "team-monthly",
            }
        )
        settings = {
            "stripe_key_file": key_file,
            "stripe_endpoint": server.url,
            "stripe_resync": 1.0,
        }
        yield Shop(idle_world, server, calls, price.id, settings)
        await idle_world.stop_operator()


def phase(name: str) -> Callable[[Body], bool]:
    return lambda it: it["status"].get("phase") == name


def today(shop: Shop) -> None:
    """At Stripe it is today too."""
    shop.server.clock.advance_to(int(time.time()))


async def test_who_pays_has_seats_and_more_of_them_when_more_are_paid(shop: Shop) -> None:
    today(shop)
    await shop.open()
    await shop.acme()
    await shop.give_card()
    team = await shop.team()
    pool = await shop.world.pool(seats=8)
    found = await shop.until_there(lambda it: it.status == "active")
    assert found["items"].data[0].quantity == 5
    await shop.world.until(team, phase("Active"))
    await shop.world.until(pool, lambda it: it["status"].get("capacity") == 5)
    assert isinstance(await shop.world.acquire(1), Grant)
    await shop.world.patch_spec(team, seats=8)
    await shop.world.until(pool, lambda it: it["status"]["capacity"] == 8)
    (found,) = await shop.subscriptions()
    assert found["items"].data[0].quantity == 8


async def test_the_page_on_which_the_customer_pays_is_in_the_status(shop: Shop) -> None:
    today(shop)
    await shop.open()
    await shop.acme()
    team = await shop.team(collection="Checkout")
    pool = await shop.world.pool()
    waiting = await shop.world.until(team, lambda it: bool(it["status"].get("checkoutURL")))
    assert (waiting["status"]["phase"], condition(waiting).get("reason")) == ("Pending", "AwaitingCheckout")
    (page,) = shop.server.account.tables["checkout.session"].values()
    assert waiting["status"]["checkoutURL"] == page["url"]
    pay(shop.server.account, page["id"])
    await shop.world.until(team, phase("Active"))
    await shop.world.until(pool, lambda it: condition(it).get("status") == "True")
    assert isinstance(await shop.world.acquire(1), Grant)
    done = await shop.world.get(team)
    assert "checkoutURL" not in done["status"]


async def test_who_does_not_pay_loses_the_seats_and_has_them_back_when_the_money_comes(shop: Shop) -> None:
    today(shop)
    await shop.open()
    await shop.acme()
    await shop.give_card()
    team = await shop.team(paymentGrace="0s")
    pool = await shop.world.pool(seats=8)
    await shop.world.until(pool, lambda it: it["status"].get("capacity") == 5)
    customer = await shop.customer()
    shop.server.account.declines.add(customer["id"])
    await shop.world.patch_spec(team, seats=8)
    late = await shop.world.until(team, phase("Suspended"))
    assert condition(late, "PaymentOverdue").get("reason") == "PaymentGraceOver"
    await shop.world.until(pool, lambda it: condition(it).get("reason") == "PaymentGraceOver")
    refused = await shop.world.acquire(1)
    assert isinstance(refused, Refusal)
    assert refused.code is Code.SUSPENDED
    shop.server.account.declines.clear()
    (owed,) = (await shop.calls.invoices.list_async({"customer": customer["id"], "status": "open"})).data
    await shop.calls.invoices.pay_async(owed.id)
    await shop.world.until(team, phase("Active"))
    await shop.world.until_ready(pool)
    assert (await shop.world.get(pool))["status"]["capacity"] == 8
    assert isinstance(await shop.world.acquire(1), Grant)


@pytest.mark.parametrize(("policy", "status"), [("Retain", "active"), ("Delete", "canceled")])
async def test_what_is_deleted_is_ended_or_left_as_the_policy_says(
    shop: Shop, policy: str, status: str
) -> None:
    today(shop)
    await shop.open()
    acme = await shop.acme(deletionPolicy=policy)
    await shop.give_card()
    team = await shop.team()
    await shop.world.until(team, phase("Active"))
    await shop.world.delete(team)
    await shop.world.until_gone(team)
    (found,) = await shop.subscriptions()
    assert found.status == status
    assert ("seatwarden.dev/uid" in found.metadata.to_dict()) == (policy == "Delete")
    await shop.world.delete(acme)
    await shop.world.until_gone(acme)
    gone = [it for it in shop.server.account.tables["customer"].values() if it.get("deleted")]
    assert len(gone) == (1 if policy == "Delete" else 0)


async def test_without_a_key_it_is_told_what_to_do(shop: Shop) -> None:
    await shop.world.start_operator()
    acme = await shop.world.tenant(**BILLED)
    told = await shop.world.until(acme, lambda it: bool(condition(it, "BillingReady")))
    assert condition(told, "BillingReady")["reason"] == "BillingNotConfigured"
    assert "--stripe-key-file" in condition(told, "BillingReady")["message"]
    assert shop.server.heard[2:] == []


async def test_plans_are_data_and_their_prices_and_seats_count(shop: Shop) -> None:
    today(shop)
    path = f"/api/v1/namespaces/{shop.world.namespace}/configmaps"
    plan = "seats: 3\nprices: {month: {lookupKey: team-monthly}}\nentitlements: [{name: x.pdf}]"
    body = {"metadata": {"name": "seatwarden-plans"}, "data": {"pro": plan}}
    await shop.world.api.create(path, {"apiVersion": "v1", "kind": "ConfigMap"} | body)
    await shop.open()
    await shop.acme()
    await shop.give_card()
    team = await shop.world.subscription(seats=None, plan={"name": "pro"}, collection="ChargeAutomatically")
    pool = await shop.world.pool(seats=10)
    found = await shop.until_there(lambda it: it.status == "active")
    assert (found["items"].data[0].price.id, found["items"].data[0].quantity) == (shop.price, 3)
    await shop.world.until(pool, lambda it: it["status"].get("capacity") == 3)
    changed = await shop.world.api.get(f"{path}/seatwarden-plans")
    changed["data"]["pro"] = plan.replace("3", "4")
    await shop.world.api.replace(f"{path}/seatwarden-plans", changed)
    await shop.world.until(pool, lambda it: it["status"]["capacity"] == 4)
    assert (await shop.world.get(team))["status"]["seats"] == 4
