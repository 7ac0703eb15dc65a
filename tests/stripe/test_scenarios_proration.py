"""Changes within a period: https://docs.stripe.com/billing/subscriptions/prorations. Holds for the stand-in and for Stripe."""

from typing import Any

import pytest
import stripe

from tests.stripe.clock import DAY, later
from tests.stripe.place import DEARER, MONTHLY, YEARLY, Place


async def change(place: Place, subscription: Any, **item: Any) -> Any:
    more = {name: item.pop(name) for name in ("proration_behavior", "payment_behavior") if name in item}
    wanted = {"items": [{"id": subscription["items"].data[0].id} | item]} | more
    return await place.calls.subscriptions.update_async(subscription.id, wanted)


async def half_way(place: Place, subscription: Any) -> float:
    """Go to the middle of the period. The part that is left."""
    item = subscription["items"].data[0]
    start, end = item.current_period_start, item.current_period_end
    await place.pass_until((start + end) // 2)
    return float(end - (start + end) // 2) / float(end - start)


async def test_more_seats_are_invoiced_at_once_for_the_rest(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    left = await half_way(place, made)
    changed = await change(place, made, quantity=6, proration_behavior="always_invoice")
    assert changed["items"].data[0].quantity == 6
    bills = await place.invoices(made)
    assert [one.billing_reason for one in bills] == ["subscription_create", "subscription_update"]
    assert bills[1].status == "paid"
    assert bills[1].amount_paid == pytest.approx(4 * MONTHLY * left, abs=2)
    assert changed["items"].data[0].current_period_end == made["items"].data[0].current_period_end


async def test_an_invoice_of_a_change_credits_the_old_and_charges_the_new(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    left = await half_way(place, made)
    await change(place, made, price=place.dearer, proration_behavior="always_invoice")
    lines = (await place.invoices(made))[1].lines.data
    amounts = sorted(one.amount for one in lines)
    assert amounts == [pytest.approx(-2 * MONTHLY * left, abs=2), pytest.approx(2 * DEARER * left, abs=2)]
    assert all(one.parent.subscription_item_details.proration for one in lines)


async def test_without_proration_the_next_period_is_dearer_and_nothing_else(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    await half_way(place, made)
    await change(place, made, quantity=6, proration_behavior="none")
    assert len(await place.invoices(made)) == 1
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert [one.amount_paid for one in await place.invoices(made)] == [2 * MONTHLY, 6 * MONTHLY]


async def test_prorations_wait_for_the_next_invoice_unless_told_otherwise(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    left = await half_way(place, made)
    await change(place, made, quantity=6)
    assert len(await place.invoices(made)) == 1
    await place.pass_until(later(place.began, "month", 1) + DAY)
    last = (await place.invoices(made))[-1]
    assert last.amount_paid == pytest.approx(6 * MONTHLY + 4 * MONTHLY * left, abs=3)


async def test_what_is_too_much_becomes_credit_for_what_comes(place: Place) -> None:
    customer = await place.customer()
    made = await place.subscription(customer, 6)
    left = await half_way(place, made)
    await change(place, made, quantity=2, proration_behavior="always_invoice")
    credit = pytest.approx(4 * MONTHLY * left, abs=2)
    bill = (await place.invoices(made))[1]
    assert (bill.status, bill.amount_due, -bill.total) == ("paid", 0, credit)
    assert -(await place.calls.customers.retrieve_async(customer.id)).balance == credit
    await place.pass_until(later(place.began, "month", 1) + DAY)
    last = (await place.invoices(made))[-1]
    assert 2 * MONTHLY - last.amount_paid == pytest.approx(min(2 * MONTHLY, 4 * MONTHLY * left), abs=2)


async def test_the_same_quantity_again_bills_nothing(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    await half_way(place, made)
    await change(place, made, quantity=2, proration_behavior="always_invoice")
    assert sum(one.amount_paid for one in await place.invoices(made)) == 2 * MONTHLY


async def test_another_rhythm_begins_a_period_now_and_credits_the_old_one(place: Place) -> None:
    made = await place.subscription(await place.customer(), 2)
    left = await half_way(place, made)
    changed = await change(place, made, price=place.yearly, proration_behavior="always_invoice")
    now = await place.now()
    item = changed["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (now, later(now, "year", 1))
    bill = (await place.invoices(made))[1]
    assert bill.amount_paid == pytest.approx(2 * YEARLY - 2 * MONTHLY * left, abs=2)


async def test_a_card_that_fails_can_forbid_the_change(place: Place) -> None:
    customer = await place.customer()
    made = await place.subscription(customer, 2)
    card = await place.calls.payment_methods.attach_async(
        "pm_card_chargeCustomerFail", {"customer": customer.id}
    )
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    await place.calls.customers.update_async(customer.id, settings)
    strict = {"proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError) as refused:
        await change(place, made, quantity=6, **strict)
    assert refused.value.http_status == 402
    assert (await place.again(made))["items"].data[0].quantity == 2


async def test_a_card_that_fails_leaves_a_change_past_due(place: Place) -> None:
    customer = await place.customer()
    made = await place.subscription(customer, 2)
    card = await place.calls.payment_methods.attach_async(
        "pm_card_chargeCustomerFail", {"customer": customer.id}
    )
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    await place.calls.customers.update_async(customer.id, settings)
    changed = await change(place, made, quantity=6, proration_behavior="always_invoice")
    assert (changed.status, changed["items"].data[0].quantity) == ("past_due", 6)
    assert (await place.invoices(made))[1].status == "open"
