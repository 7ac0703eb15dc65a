"""Trials: https://docs.stripe.com/billing/subscriptions/trials. Holds for the stand-in and for Stripe."""

import pytest
import stripe

from tests.stripe.clock import DAY, later
from tests.stripe.place import MONTHLY, Place

TRIAL = 14 * DAY


async def test_a_trial_costs_nothing_and_ends_when_it_was_said_to(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_end=place.began + TRIAL)
    item = made["items"].data[0]
    assert (made.status, made.trial_start, made.trial_end) == (
        "trialing",
        place.began,
        place.began + TRIAL,
    )
    assert (item.current_period_start, item.current_period_end) == (place.began, place.began + TRIAL)
    assert [(one.status, one.amount_due) for one in await place.invoices(made)] == [("paid", 0)]


async def test_days_say_the_same_as_an_end(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_period_days=14)
    assert made.trial_end == place.began + TRIAL


async def test_after_the_trial_the_first_month_is_billed(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_end=place.began + TRIAL)
    await place.pass_days(15)
    read = await place.again(made)
    assert read.status == "active"
    assert read["items"].data[0].current_period_end == later(place.began + TRIAL, "month", 1)
    assert [one.amount_paid for one in await place.invoices(made)] == [0, 3 * MONTHLY]


async def test_a_trial_needs_no_card_and_what_follows_does(place: Place) -> None:
    made = await place.subscription(await place.customer(None), trial_end=place.began + TRIAL)
    assert made.status == "trialing"
    await place.pass_days(15)
    assert (await place.again(made)).status == "past_due"
    assert [one.status for one in await place.invoices(made)] == ["paid", "open"]


@pytest.mark.parametrize(("behaviour", "status"), [("cancel", "canceled"), ("pause", "paused")])
async def test_a_trial_without_a_card_can_end_otherwise(place: Place, behaviour: str, status: str) -> None:
    made = await place.subscription(
        await place.customer(None),
        trial_end=place.began + TRIAL,
        trial_settings={"end_behavior": {"missing_payment_method": behaviour}},
    )
    await place.pass_days(15)
    assert (await place.again(made)).status == status
    assert len(await place.invoices(made)) == 1


async def test_seats_of_a_trial_change_for_nothing(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_end=place.began + TRIAL)
    item = {"id": made["items"].data[0].id, "quantity": 30}
    wanted = {"items": [item], "proration_behavior": "always_invoice"}
    changed = await place.calls.subscriptions.update_async(made.id, wanted)
    assert (changed.status, changed["items"].data[0].quantity) == ("trialing", 30)
    assert sum(one.amount_due for one in await place.invoices(made)) == 0


async def test_a_trial_that_is_ended_now_is_billed_now(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_end=place.began + TRIAL)
    await place.pass_days(1)
    ended = await place.calls.subscriptions.update_async(made.id, {"trial_end": "now"})
    assert (ended.status, ended.trial_end) == ("active", place.began + DAY)
    assert ended["items"].data[0].current_period_start == place.began + DAY
    assert [one.amount_paid for one in await place.invoices(made)] == [0, 3 * MONTHLY]


async def test_a_trial_can_be_made_longer(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_end=place.began + TRIAL)
    wanted = {"trial_end": place.began + 2 * TRIAL, "proration_behavior": "none"}
    longer = await place.calls.subscriptions.update_async(made.id, wanted)
    assert (longer.status, longer.trial_end) == ("trialing", place.began + 2 * TRIAL)
    await place.pass_days(15)
    assert (await place.again(made)).status == "trialing"
    await place.pass_days(15)
    assert (await place.again(made)).status == "active"


async def test_a_trial_is_never_in_the_past(place: Place) -> None:
    customer = await place.customer()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.subscription(customer, trial_end=place.began - DAY)
    assert refused.value.param == "trial_end"


async def test_the_end_is_announced_three_days_before(fake: Place) -> None:
    made = await fake.subscription(await fake.customer(), trial_end=fake.began + TRIAL)

    async def announced() -> list[int]:
        told = await fake.calls.events.list_async({"type": "customer.subscription.trial_will_end"})
        return [one.created for one in told.data if one.data.object["id"] == made.id]

    await fake.pass_days(10)
    assert await announced() == []
    await fake.pass_days(2)
    assert await announced() == [fake.began + 11 * DAY]
    await fake.pass_days(3)
    assert len(await announced()) == 1
