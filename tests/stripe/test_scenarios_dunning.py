"""Payments that fail, and what comes of it: https://docs.stripe.com/billing/revenue-recovery. Where the account's settings
decide, only the stand-in is asked."""

from typing import Any

import pytest
import stripe

from tests.stripe.account import Outcome
from tests.stripe.clock import DAY, later
from tests.stripe.place import MONTHLY, Place
from tests.stripe.server import StripeServer

BAD_CARD = "pm_card_chargeCustomerFail"


async def give_card(place: Place, customer: Any, card: str) -> None:
    made = await place.calls.payment_methods.attach_async(card, {"customer": customer.id})
    settings = {"invoice_settings": {"default_payment_method": made.id}}
    await place.calls.customers.update_async(customer.id, settings)


async def failed_renewal(place: Place) -> tuple[Any, Any]:
    """A customer, and a subscription whose second month could not be charged."""
    customer = await place.customer()
    made = await place.subscription(customer)
    await give_card(place, customer, BAD_CARD)
    await place.pass_until(later(place.began, "month", 1) + DAY)
    return customer, made


async def test_a_first_payment_that_fails_leaves_it_incomplete_and_then_expired(place: Place) -> None:
    made = await place.subscription(await place.customer(BAD_CARD), expand=["latest_invoice"])
    assert (made.status, made.latest_invoice.status) == ("incomplete", "open")
    assert made.latest_invoice.next_payment_attempt is None
    await place.pass_days(1)
    assert (await place.again(made)).status == "incomplete_expired"
    assert [one.status for one in await place.invoices(made)] == ["void"]


async def test_an_incomplete_one_is_active_once_it_is_paid(place: Place) -> None:
    customer = await place.customer(BAD_CARD)
    made = await place.subscription(customer)
    await give_card(place, customer, "pm_card_visa")
    await place.calls.invoices.pay_async(made.latest_invoice)
    assert (await place.again(made)).status == "active"


async def test_one_that_must_not_be_incomplete_is_not_made(place: Place) -> None:
    customer = await place.customer(BAD_CARD)
    with pytest.raises(stripe.CardError) as refused:
        await place.subscription(customer, payment_behavior="error_if_incomplete")
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    every = await place.calls.subscriptions.list_async({"customer": customer.id, "status": "all"})
    assert every.data == []


async def test_a_renewal_that_fails_is_past_due_with_another_try_to_come(place: Place) -> None:
    _, made = await failed_renewal(place)
    read = await place.again(made)
    assert read.status == "past_due"
    assert read["items"].data[0].current_period_start == later(place.began, "month", 1)
    bill = (await place.invoices(made))[-1]
    assert (bill.status, bill.attempted, bill.attempt_count) == ("open", True, 1)
    assert bill.amount_remaining == 3 * MONTHLY


async def test_what_is_paid_reinstates(place: Place) -> None:
    customer, made = await failed_renewal(place)
    await give_card(place, customer, "pm_card_visa")
    bill = (await place.invoices(made))[-1]
    paid = await place.calls.invoices.pay_async(bill.id)
    assert (paid.status, paid.amount_remaining) == ("paid", 0)
    assert (await place.again(made)).status == "active"


async def test_paying_with_a_bad_card_is_a_card_error(place: Place) -> None:
    _, made = await failed_renewal(place)
    bill = (await place.invoices(made))[-1]
    with pytest.raises(stripe.CardError):
        await place.calls.invoices.pay_async(bill.id)
    assert (await place.again(made)).status == "past_due"


async def test_an_invoice_that_nobody_wants_any_more_reinstates_too(place: Place) -> None:
    _, made = await failed_renewal(place)
    bill = (await place.invoices(made))[-1]
    await place.calls.invoices.void_invoice_async(bill.id)
    assert (await place.again(made)).status == "active"


async def test_open_invoices_are_listed_with_when_they_were_due(place: Place) -> None:
    customer, made = await failed_renewal(place)
    wanted = {"customer": customer.id, "status": "open"}
    (bill,) = (await place.calls.invoices.list_async(wanted)).data
    assert bill.parent.subscription_details.subscription == made.id
    assert bill.created == later(place.began, "month", 1)


async def test_an_invoice_that_was_sent_is_overdue_after_its_days(place: Place) -> None:
    made = await place.subscription(
        await place.customer(None, email="ada@example.com"),
        collection_method="send_invoice",
        days_until_due=14,
    )
    await place.pass_days(13)
    assert (await place.again(made)).status == "active"
    await place.pass_days(2)
    assert (await place.again(made)).status == "past_due"
    (bill,) = await place.invoices(made)
    assert bill.due_date == pytest.approx(place.began + 14 * DAY, abs=2 * 3600)
    await place.calls.invoices.pay_async(bill.id, {"paid_out_of_band": True})
    assert (await place.again(made)).status == "active"


async def test_retries_come_after_three_five_and_seven_days(fake: Place) -> None:
    _, made = await failed_renewal(fake)
    first = later(fake.began, "month", 1) + 3600
    expected = [first + 3 * DAY, first + 8 * DAY, first + 15 * DAY]
    for tries, when in enumerate(expected, start=1):
        bill = (await fake.invoices(made))[-1]
        assert (bill.attempt_count, bill.next_payment_attempt) == (tries, when)
        await fake.pass_until(when)
    told = await fake.calls.events.list_async({"type": "invoice.payment_failed"})
    assert [one.created for one in reversed(told.data)] == [first, *expected]


async def test_a_retry_that_succeeds_reinstates(fake: Place) -> None:
    customer, made = await failed_renewal(fake)
    await give_card(fake, customer, "pm_card_visa")
    await fake.pass_days(4)
    assert (await fake.again(made)).status == "active"
    assert [one.status for one in await fake.invoices(made)] == ["paid", "paid"]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_after_the_last_retry_the_settings_decide(
    fake: Place, server: StripeServer, outcome: Outcome
) -> None:
    server.account.switches.outcome = outcome
    _, made = await failed_renewal(fake)
    await fake.pass_days(16)
    read = await fake.again(made)
    assert read.status == outcome
    assert (await fake.invoices(made))[1].status == "open"


async def test_one_that_is_unpaid_goes_on_making_drafts_that_nobody_collects(
    fake: Place, server: StripeServer
) -> None:
    server.account.switches.outcome = Outcome.UNPAID
    customer, made = await failed_renewal(fake)
    await fake.pass_until(later(fake.began, "month", 2) + DAY)
    bills = await fake.invoices(made)
    assert [one.status for one in bills] == ["paid", "open", "draft"]
    await give_card(fake, customer, "pm_card_visa")
    await fake.calls.invoices.pay_async(bills[1].id)
    assert (await fake.again(made)).status == "active"


async def test_paying_an_older_invoice_reinstates_nothing_while_the_newest_is_open(
    fake: Place, server: StripeServer
) -> None:
    server.account.switches.outcome = Outcome.STAY
    customer, made = await failed_renewal(fake)
    await fake.pass_until(later(fake.began, "month", 2) + DAY)
    older, newest = (await fake.invoices(made))[1:]
    assert (older.status, newest.status) == ("open", "open")
    await give_card(fake, customer, "pm_card_visa")
    await fake.calls.invoices.pay_async(older.id)
    assert (await fake.again(made)).status == "past_due"
    await fake.calls.invoices.pay_async(newest.id)
    assert (await fake.again(made)).status == "active"


async def test_a_bank_can_change_its_mind(fake: Place, server: StripeServer) -> None:
    customer = await fake.customer()
    made = await fake.subscription(customer)
    server.account.declines.add(customer.id)
    await fake.pass_until(later(fake.began, "month", 1) + DAY)
    assert (await fake.again(made)).status == "past_due"
    server.account.declines.clear()
    await fake.pass_days(3)
    assert (await fake.again(made)).status == "active"


async def test_an_invoice_is_paid_once(place: Place) -> None:
    made = await place.subscription(await place.customer())
    with pytest.raises(stripe.InvalidRequestError):
        await place.calls.invoices.pay_async(made.latest_invoice)
