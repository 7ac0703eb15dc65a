"""Subscriptions: begun, renewed, changed, read. Holds for the stand-in and for Stripe."""

from typing import Any

import pytest
import stripe

from tests.stripe.clock import DAY, later
from tests.stripe.place import DEARER, MONTHLY, YEARLY, Place


def item_of(subscription: Any) -> Any:
    return subscription["items"].data[0]


async def test_a_card_that_pays_makes_it_active_at_once(place: Place) -> None:
    made = await place.subscription(await place.customer(), 3, expand=["latest_invoice"])
    assert (made.status, made.collection_method) == ("active", "charge_automatically")
    assert (made.latest_invoice.status, made.latest_invoice.amount_paid) == ("paid", 3 * MONTHLY)
    assert made.latest_invoice.billing_reason == "subscription_create"


async def test_the_period_is_on_the_item_and_a_month_long(place: Place) -> None:
    item = item_of(await place.subscription(await place.customer()))
    assert item.current_period_start == place.began
    assert item.current_period_end == later(place.began, "month", 1)
    assert (item.quantity, item.price.id) == (3, place.monthly)


async def test_each_month_is_billed_once(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    await place.pass_until(later(place.began, "month", 1) + DAY)
    await place.pass_until(later(place.began, "month", 2) + DAY)
    read = await place.again(made)
    assert item_of(read).current_period_end == later(place.began, "month", 3)
    bills = await place.invoices(made)
    assert [(one.status, one.amount_paid) for one in bills] == [("paid", 2 * MONTHLY)] * 3
    assert [one.billing_reason for one in bills] == ["subscription_create"] + ["subscription_cycle"] * 2


async def test_a_year_is_billed_for_a_year(place: Place) -> None:
    wanted = [{"price": place.yearly, "quantity": 1}]
    made = await place.subscription(await place.customer(), items=wanted)
    assert item_of(made).current_period_end == later(place.began, "year", 1)
    assert [one.amount_paid for one in await place.invoices(made)] == [YEARLY]


async def test_without_a_card_nothing_can_be_charged(place: Place) -> None:
    customer = await place.customer(None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.subscription(customer)
    assert refused.value.code == "resource_missing"
    listed = await place.calls.subscriptions.list_async({"customer": customer.id, "status": "all"})
    assert listed.data == []


async def test_one_that_is_sent_its_invoices_begins_at_once_and_has_days_to_pay(place: Place) -> None:
    made = await place.subscription(
        await place.customer(None, email="ada@example.com"),
        collection_method="send_invoice",
        days_until_due=14,
    )
    assert (made.status, made.days_until_due) == ("active", 14)
    await place.pass_days(0.1)
    (bill,) = await place.invoices(made)
    assert (bill.status, bill.amount_due) == ("open", 3 * MONTHLY)


@pytest.mark.parametrize(
    "wrong",
    [{"collection_method": "send_invoice"}, {"days_until_due": 3}],
    ids=["no days", "days of nothing"],
)
async def test_days_and_collection_go_together(place: Place, wrong: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.subscription(await place.customer(), **wrong)
    assert refused.value.param == "days_until_due"


async def test_a_price_that_never_was_is_missing(place: Place) -> None:
    customer = await place.customer()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.subscription(customer, items=[{"price": "price_never"}])
    assert (refused.value.code, refused.value.param) == ("resource_missing", "items[0][price]")
    assert refused.value.http_status == 400


async def test_a_customer_that_was_deleted_gets_none(place: Place) -> None:
    customer = await place.customer()
    await place.calls.customers.delete_async(customer.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.subscription(customer)
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


async def test_an_item_without_its_id_is_one_more(place: Place) -> None:
    made = await place.subscription(await place.customer())
    wanted = {"items": [{"price": place.dearer, "quantity": 1}], "proration_behavior": "none"}
    changed = await place.calls.subscriptions.update_async(made.id, wanted)
    assert sorted(one.price.id for one in changed["items"].data) == sorted([place.monthly, place.dearer])


async def test_an_item_with_its_id_is_changed(place: Place) -> None:
    made = await place.subscription(await place.customer())
    item = {"id": item_of(made).id, "price": place.dearer, "quantity": 4}
    wanted = {"items": [item], "proration_behavior": "none"}
    changed = await place.calls.subscriptions.update_async(made.id, wanted)
    assert [(one.price.id, one.quantity) for one in changed["items"].data] == [(place.dearer, 4)]
    assert len(await place.invoices(made)) == 1
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert [one.amount_paid for one in await place.invoices(made)] == [3 * MONTHLY, 4 * DEARER]


async def test_subscriptions_of_a_customer_are_listed_the_newest_first(place: Place) -> None:
    customer = await place.customer()
    made = [await place.subscription(customer, 1)]
    await place.pass_days(1)
    made.append(await place.subscription(customer, 2))
    await place.calls.subscriptions.cancel_async(made[0].id)
    running = await place.calls.subscriptions.list_async({"customer": customer.id})
    assert [one.id for one in running.data] == [made[1].id]
    every = await place.calls.subscriptions.list_async({"customer": customer.id, "status": "all"})
    assert [one.id for one in every.data] == [made[1].id, made[0].id]
    ended = await place.calls.subscriptions.list_async({"customer": customer.id, "status": "canceled"})
    assert [one.id for one in ended.data] == [made[0].id]
