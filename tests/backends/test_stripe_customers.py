"""Customers and prices, as the reconcilers have them of Stripe."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatwarden.backends.billing import BillingRefused
from seatwarden.domain.billing.facts import CustomerFacts, PriceFacts
from tests.backends.stripe_desk import ACME, Desk, desk
from tests.stripe.place import YEARLY


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as opened:
        yield opened


async def test_a_customer_is_made_once_however_often_it_is_asked_for(shop: Desk) -> None:
    first = await shop.billing.create_customer(ACME, key="acme-1")
    again = await shop.billing.create_customer(ACME, key="acme-1")
    assert first == again
    assert first == CustomerFacts(
        id=first.id,
        owner="uid-acme",
        cluster="cluster-1",
        name="Acme",
        email="it@acme.invalid",
        created=first.created,
    )
    assert first.created.timestamp() == shop.server.clock.now


async def test_one_key_with_two_wishes_is_refused_and_makes_nothing(shop: Desk) -> None:
    await shop.billing.create_customer(ACME, key="acme-1")
    with pytest.raises(BillingRefused) as refused:
        await shop.billing.create_customer(replace(ACME, name="Bacme"), key="acme-1")
    assert refused.value.code == "idempotency_error"


async def test_a_customer_is_found_by_its_owner_a_minute_after_it_was_made(shop: Desk) -> None:
    made = await shop.billing.create_customer(ACME, key=shop.key())
    await shop.billing.create_customer(replace(ACME, cluster="cluster-2"), key=shop.key())
    assert await shop.billing.find_customers("uid-acme", "cluster-1") == ()
    shop.server.clock.advance(seconds=61)
    assert await shop.billing.find_customers("uid-acme", "cluster-1") == (made,)
    assert await shop.billing.find_customers('uid"-\\', "cluster-1") == ()


async def test_a_customer_is_adopted_by_writing_its_owner(shop: Desk) -> None:
    stranger = await shop.place.customer(None)
    adopted = await shop.billing.change_customer(stranger.id, replace(ACME, email=None))
    assert (adopted.owner, adopted.name, adopted.email) == ("uid-acme", "Acme", None)
    assert await shop.billing.read_customer(stranger.id) == adopted


async def test_a_customer_without_a_wished_address_keeps_the_one_it_has(shop: Desk) -> None:
    made = await shop.billing.create_customer(ACME, key=shop.key())
    changed = await shop.billing.change_customer(made.id, replace(ACME, name="Acme Inc.", email=None))
    assert changed == replace(made, name="Acme Inc.")


async def test_a_deleted_customer_is_told_as_such_and_may_be_deleted_again(shop: Desk) -> None:
    made = await shop.billing.create_customer(ACME, key=shop.key())
    await shop.billing.delete_customer(made.id)
    await shop.billing.delete_customer(made.id)
    gone = await shop.billing.read_customer(made.id)
    assert gone is not None
    assert (gone.id, gone.deleted, gone.owner) == (made.id, True, None)


async def test_a_released_customer_belongs_to_nobody(shop: Desk) -> None:
    made = await shop.billing.create_customer(ACME, key=shop.key())
    await shop.billing.release_customer(made.id)
    assert await shop.billing.read_customer(made.id) == replace(made, owner=None, cluster=None)


async def test_what_never_was_is_none(shop: Desk) -> None:
    assert await shop.billing.read_customer("cus_never") is None
    assert await shop.billing.read_subscription("sub_never") is None
    assert await shop.billing.read_price(price="price_never") is None
    assert await shop.billing.read_price(lookup_key="never") is None
    await shop.billing.delete_customer("cus_never")


async def test_a_price_is_found_by_its_id_and_by_its_lookup_key(shop: Desk) -> None:
    wanted = PriceFacts(
        id=shop.place.yearly,
        active=True,
        interval="year",
        lookup_key=f"yearly-{shop.place.tag}",
        unit_amount=YEARLY,
    )
    assert await shop.billing.read_price(price=shop.place.yearly) == wanted
    assert await shop.billing.read_price(lookup_key=f"yearly-{shop.place.tag}") == wanted


async def test_a_price_is_asked_for_once_in_five_minutes_also_one_that_is_not_there(shop: Desk) -> None:
    now = shop.billing.clock()
    shop.billing.clock = lambda: now
    for _ in range(3):
        await shop.billing.read_price(price=shop.place.yearly)
        await shop.billing.read_price(lookup_key="never")
    assert shop.counts["GET /v1/prices/{id}", "ok"] == shop.counts["GET /v1/prices", "ok"] == 1
    now += 301
    await shop.billing.read_price(price=shop.place.yearly)
    assert shop.counts["GET /v1/prices/{id}", "ok"] == 2
