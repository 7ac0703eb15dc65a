"""Ends of subscriptions: https://docs.stripe.com/billing/subscriptions/cancel. Holds for the stand-in and for Stripe."""

import pytest
import stripe

from tests.stripe.clock import DAY, later
from tests.stripe.place import Place


async def test_one_that_ends_with_its_period_runs_on_until_then(place: Place) -> None:
    made = await place.subscription(await place.customer())
    end = later(place.began, "month", 1)
    asked = await place.calls.subscriptions.update_async(made.id, {"cancel_at_period_end": True})
    assert (asked.status, asked.cancel_at_period_end, asked.cancel_at) == ("active", True, end)
    assert asked.canceled_at == place.began
    assert asked.cancellation_details.reason == "cancellation_requested"
    await place.pass_until(end + DAY)
    ended = await place.again(made)
    assert (ended.status, ended.ended_at) == ("canceled", end)
    assert len(await place.invoices(made)) == 1


async def test_it_can_be_wanted_again_until_then(place: Place) -> None:
    made = await place.subscription(await place.customer())
    await place.calls.subscriptions.update_async(made.id, {"cancel_at_period_end": True})
    kept = await place.calls.subscriptions.update_async(made.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at_period_end, kept.cancel_at, kept.canceled_at) == (False, None, None)
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert (await place.again(made)).status == "active"
    assert len(await place.invoices(made)) == 2


async def test_one_that_ends_now_is_gone_now_and_can_be_read(place: Place) -> None:
    made = await place.subscription(await place.customer())
    await place.pass_days(2)
    ended = await place.calls.subscriptions.cancel_async(made.id)
    assert (ended.status, ended.ended_at) == ("canceled", place.began + 2 * DAY)
    assert (await place.again(made)).status == "canceled"
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert len(await place.invoices(made)) == 1


async def test_what_has_ended_cannot_end_again(place: Place) -> None:
    made = await place.subscription(await place.customer())
    await place.calls.subscriptions.cancel_async(made.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.calls.subscriptions.cancel_async(made.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


async def test_what_has_ended_changes_its_metadata_only(place: Place) -> None:
    made = await place.subscription(await place.customer())
    await place.calls.subscriptions.cancel_async(made.id)
    changed = await place.calls.subscriptions.update_async(made.id, {"metadata": {"uid": "u-1"}})
    assert changed.metadata["uid"] == "u-1"
    with pytest.raises(stripe.InvalidRequestError):
        await place.calls.subscriptions.update_async(
            made.id, {"cancel_at_period_end": False, "description": "x"}
        )


async def test_an_end_can_be_an_instant(place: Place) -> None:
    made = await place.subscription(await place.customer())
    when = place.began + 10 * DAY
    wanted = {"cancel_at": when, "proration_behavior": "none"}
    asked = await place.calls.subscriptions.update_async(made.id, wanted)
    assert (asked.cancel_at, asked.cancel_at_period_end, asked.status) == (when, False, "active")
    await place.pass_days(11)
    ended = await place.again(made)
    assert (ended.status, ended.ended_at) == ("canceled", when)


async def test_a_trial_that_is_cancelled_with_its_period_is_never_billed(place: Place) -> None:
    made = await place.subscription(await place.customer(), trial_period_days=14)
    await place.calls.subscriptions.update_async(made.id, {"cancel_at_period_end": True})
    await place.pass_days(15)
    assert (await place.again(made)).status == "canceled"
    assert sum(one.amount_due for one in await place.invoices(made)) == 0


async def test_a_paused_collection_says_so_and_costs_nothing(place: Place) -> None:
    made = await place.subscription(await place.customer())
    wanted = {"pause_collection": {"behavior": "void"}}
    paused = await place.calls.subscriptions.update_async(made.id, wanted)
    assert (paused.status, paused.pause_collection.behavior) == ("active", "void")
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert [one.status for one in await place.invoices(made)] == ["paid", "void"]
    resumed = await place.calls.subscriptions.update_async(made.id, {"pause_collection": ""})
    assert resumed.pause_collection is None
    await place.pass_until(later(place.began, "month", 2) + DAY)
    assert [one.status for one in await place.invoices(made)] == ["paid", "void", "paid"]


async def test_a_pause_can_have_an_end_and_keep_drafts(place: Place) -> None:
    made = await place.subscription(await place.customer())
    until = later(place.began, "month", 1) + 5 * DAY
    wanted = {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": until}}
    await place.calls.subscriptions.update_async(made.id, wanted)
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert (await place.invoices(made))[-1].status == "draft"
    await place.pass_until(until + DAY)
    assert (await place.again(made)).pause_collection is None


async def test_ends_are_told(fake: Place) -> None:
    made = await fake.subscription(await fake.customer())
    await fake.calls.subscriptions.cancel_async(made.id)
    told = await fake.calls.events.list_async({"limit": 100})
    types = [one.type for one in reversed(told.data) if one.data.object["id"] == made.id]
    assert types[0] == "customer.subscription.created"
    assert types[-1] == "customer.subscription.deleted"
