"""Subscriptions, as the reconcilers have them of Stripe."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from seatwarden.backends.billing import BillingRefused
from seatwarden.domain.billing.facts import Collection, PriceFacts, StripeStatus, SubscriptionFacts
from seatwarden.domain.billing.wishes import Proration, SubscriptionChange
from tests.backends.stripe_desk import ACME, Desk, desk, instant
from tests.stripe.clock import DAY, later
from tests.stripe.place import MONTHLY


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as opened:
        yield opened


async def test_a_subscription_is_told_as_it_is(shop: Desk) -> None:
    made = await shop.subscription(quantity=4)
    began = shop.place.began
    assert made == SubscriptionFacts(
        id=made.id,
        customer=made.customer,
        owner="uid-team",
        cluster="cluster-1",
        status=StripeStatus.ACTIVE,
        item=made.item,
        price=PriceFacts(
            id=shop.place.monthly,
            active=True,
            interval="month",
            lookup_key=f"monthly-{shop.place.tag}",
            unit_amount=MONTHLY,
        ),
        applied="what is wished",
        quantity=4,
        created=instant(began),
        period_start=instant(began),
        period_end=instant(later(began, "month", 1)),
        collection=Collection.CHARGE_AUTOMATICALLY,
    )
    assert await shop.billing.read_subscription(made.id) == made
    assert await shop.billing.subscriptions_of(made.customer) == (made,)


async def test_a_repeated_wish_begins_one_subscription(shop: Desk) -> None:
    customer = await shop.customer()
    first = await shop.billing.create_subscription(shop.wish(customer.id), key="team-1")
    assert await shop.billing.create_subscription(shop.wish(customer.id), key="team-1") == first
    assert await shop.billing.subscriptions_of(customer.id) == (first,)


async def test_a_trial_is_told_with_its_end(shop: Desk) -> None:
    end = instant(shop.place.began + 14 * DAY)
    made = await shop.subscription(trial_end=end)
    assert (made.status, made.trial_end, made.period_end) == (StripeStatus.TRIALING, end, end)


async def test_invoices_are_sent_where_that_is_wished(shop: Desk) -> None:
    made = await shop.subscription(collection=Collection.SEND_INVOICE, days_until_due=14)
    assert (made.collection, made.unpaid_since) == (Collection.SEND_INVOICE, None)


async def test_who_has_no_card_cannot_be_charged(shop: Desk) -> None:
    customer = await shop.customer(None)
    with pytest.raises(BillingRefused, match="payment"):
        await shop.billing.create_subscription(shop.wish(customer.id), key="k")
    assert await shop.billing.subscriptions_of(customer.id) == ()


async def test_more_seats_at_once_are_billed_at_once(shop: Desk) -> None:
    made = await shop.subscription(quantity=2)
    await shop.pass_days(10)
    change = SubscriptionChange(quantity=5, proration=Proration.ALWAYS_INVOICE)
    changed = await shop.billing.change_subscription(made.id, change, key="more")
    assert changed == replace(made, quantity=5)
    bills = await shop.place.invoices(await shop.place.again(made))
    assert [bill.status for bill in bills] == ["paid", "paid"]


async def test_what_is_as_wished_already_is_not_sent(shop: Desk) -> None:
    made = await shop.subscription(quantity=2)
    before = shop.writes()
    same = SubscriptionChange(
        price=made.price.id,
        quantity=2,
        proration=Proration.ALWAYS_INVOICE,
        cancel_at_period_end=False,
        resume_collection=True,
        collection=Collection.CHARGE_AUTOMATICALLY,
        remove_discount=True,
        forget_paid=True,
        adopt=("uid-team", "cluster-1"),
        applied="what is wished",
    )
    assert await shop.billing.change_subscription(made.id, same, key="same") == made
    assert shop.writes() == before


async def test_fewer_seats_from_the_next_period_on_keep_what_is_paid_for_in_mind(shop: Desk) -> None:
    made = await shop.subscription(quantity=5)
    change = SubscriptionChange(quantity=2, paid_seats=5, paid_until=made.period_end)
    changed = await shop.billing.change_subscription(made.id, change, key="fewer")
    assert changed == replace(made, quantity=2, paid_seats=5, paid_until=made.period_end)
    assert len(await shop.place.invoices(await shop.place.again(made))) == 1, "nothing is paid back"
    forgotten = await shop.billing.change_subscription(
        made.id, SubscriptionChange(forget_paid=True), key="forget"
    )
    assert forgotten == replace(made, quantity=2)


async def test_what_was_written_last_is_kept_and_stays_writable_after_the_end(shop: Desk) -> None:
    made = await shop.subscription()
    change = SubscriptionChange(quantity=7, applied="seven")
    changed = await shop.billing.change_subscription(made.id, change, key="seven")
    assert changed == replace(made, quantity=7, applied="seven")
    await shop.billing.cancel_subscription(made.id)
    ended = await shop.billing.change_subscription(made.id, SubscriptionChange(applied="ended"), key="ended")
    assert (ended.status, ended.applied) == (StripeStatus.CANCELED, "ended")


async def test_a_released_subscription_belongs_to_nobody_and_goes_on(shop: Desk) -> None:
    made = await shop.subscription()
    changed = await shop.billing.change_subscription(made.id, SubscriptionChange(release=True), key="free")
    assert changed == replace(made, owner=None, cluster=None, applied=None)


async def test_metadata_that_somebody_broke_is_as_good_as_none(shop: Desk) -> None:
    made = await shop.subscription()
    for broken in ({"seatwarden.dev/paid-seats": "5"}, {"seatwarden.dev/paid-until": "soon"}):
        await shop.place.calls.subscriptions.update_async(made.id, {"metadata": broken})
        assert await shop.billing.read_subscription(made.id) == made


async def test_the_end_of_a_period_is_its_end_until_that_is_taken_back(shop: Desk) -> None:
    made = await shop.subscription()
    ending = await shop.billing.change_subscription(
        made.id, SubscriptionChange(cancel_at_period_end=True), key="end"
    )
    assert (ending.cancel_at_period_end, ending.cancel_at) == (True, made.period_end)
    going_on = await shop.billing.change_subscription(
        made.id, SubscriptionChange(cancel_at_period_end=False), key="go on"
    )
    assert (going_on.cancel_at_period_end, going_on.cancel_at) == (False, None)


async def test_an_end_that_was_set_in_the_dashboard_is_taken_back_too(shop: Desk) -> None:
    made = await shop.subscription()
    when = shop.place.began + 5 * DAY
    await shop.place.calls.subscriptions.update_async(made.id, {"cancel_at": when})
    read = await shop.billing.read_subscription(made.id)
    assert read is not None
    assert (read.cancel_at_period_end, read.cancel_at) == (False, instant(when))
    change = SubscriptionChange(cancel_at_period_end=False)
    assert (await shop.billing.change_subscription(made.id, change, key="go on")).cancel_at is None


async def test_a_paused_collection_is_told_and_resumed(shop: Desk) -> None:
    made = await shop.subscription()
    await shop.place.calls.subscriptions.update_async(made.id, {"pause_collection": {"behavior": "void"}})
    read = await shop.billing.read_subscription(made.id)
    assert read == replace(made, collection_paused=True)
    change = SubscriptionChange(resume_collection=True)
    assert await shop.billing.change_subscription(made.id, change, key="resume") == made


async def test_an_ended_subscription_stays_readable_and_may_be_ended_again(shop: Desk) -> None:
    made = await shop.subscription()
    ended = await shop.billing.cancel_subscription(made.id)
    assert (ended.status, ended.ended_at) == (StripeStatus.CANCELED, instant(shop.place.began))
    before = shop.writes()
    assert await shop.billing.cancel_subscription(made.id) == ended
    assert shop.writes() == before
    assert await shop.billing.subscriptions_of(made.customer) == (ended,)
    with pytest.raises(BillingRefused, match="sub_never"):
        await shop.billing.cancel_subscription("sub_never")


async def test_since_when_is_owed_is_told_by_the_oldest_invoice(shop: Desk) -> None:
    made = await shop.subscription()
    await shop.paid_with(made.customer, "pm_card_chargeCustomerFail")
    renewal = later(shop.place.began, "month", 1)
    await shop.place.pass_until(renewal + 2 * DAY)
    read = await shop.billing.read_subscription(made.id)
    assert read is not None
    assert read.status is StripeStatus.PAST_DUE
    assert read.unpaid_since is not None
    assert timedelta() <= read.unpaid_since - instant(renewal) <= timedelta(hours=2)


@pytest.mark.parametrize("kind", ["coupon", "promotion_code"])
async def test_a_discount_is_given_told_and_taken(shop: Desk, kind: str) -> None:
    coupon = await shop.place.calls.coupons.create_async({"percent_off": 20, "duration": "forever"})
    discount = coupon.id
    if kind == "promotion_code":
        wanted = {"promotion": {"type": "coupon", "coupon": coupon.id}}
        discount = (await shop.place.calls.promotion_codes.create_async(wanted)).id
    made = await shop.subscription(discount=discount)
    assert made.discount == discount
    changed = await shop.billing.change_subscription(
        made.id, SubscriptionChange(remove_discount=True), key="off"
    )
    assert changed.discount is None
    given = await shop.billing.change_subscription(made.id, SubscriptionChange(discount=discount), key="on")
    assert given.discount == discount


async def test_all_subscriptions_come_page_by_page_without_those_of_strangers(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatwarden.backends.stripe_billing.PAGE", 2)
    # What lives by a test clock is in no list of everything.
    customer = await shop.billing.create_customer(ACME, key=shop.key())
    await shop.paid_with(customer.id, "pm_card_visa")
    made = [
        await shop.billing.create_subscription(shop.wish(customer.id, quantity=n), key=shop.key())
        for n in (1, 2, 3, 4)
    ]
    wanted = {"customer": customer.id, "items": [{"price": shop.place.monthly}]}
    await shop.place.calls.subscriptions.create_async(wanted)
    await shop.billing.cancel_subscription(made[1].id)
    found = [one async for one in shop.billing.all_subscriptions()]
    assert {one.id for one in found} == {one.id for one in made}
    assert shop.counts["GET /v1/subscriptions", "ok"] == 3
