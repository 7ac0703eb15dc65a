"""Checkout pages and the portal. What holds for both places is asked of both; a customer who pays is only in the stand-in."""

from typing import Any

import pytest
import stripe

from tests.stripe.checkouts import pay
from tests.stripe.clock import DAY
from tests.stripe.place import MONTHLY, Place
from tests.stripe.refusals import StripeRefusal
from tests.stripe.server import StripeServer

URL = "https://vendor.example/paid"


async def page_of(place: Place, customer: Any, **more: Any) -> Any:
    wanted = {
        "mode": "subscription",
        "customer": customer.id,
        "line_items": [{"price": place.monthly, "quantity": 3}],
        "success_url": URL,
    }
    return await place.calls.checkout.sessions.create_async(wanted | more)


async def test_a_page_is_open_for_a_day_and_says_where_it_is(place: Place) -> None:
    page = await page_of(place, await place.customer(None), metadata={"uid": "u-1"})
    assert (page.status, page.payment_status, page.mode) == ("open", "unpaid", "subscription")
    assert page.url.startswith("https://checkout.stripe.com/")
    assert page.expires_at - page.created == DAY
    assert page.amount_total == 3 * MONTHLY
    assert page.metadata["uid"] == "u-1"
    assert page.subscription is None


async def test_what_a_page_sells_is_shown_only_when_asked_for(place: Place) -> None:
    customer = await place.customer(None)
    made = await page_of(place, customer)
    assert "line_items" not in made
    listed = await place.calls.checkout.sessions.list_async(
        {"customer": customer.id, "expand": ["data.line_items"]}
    )
    ((line,),) = [one.line_items.data for one in listed.data]
    assert (line.price.id, line.quantity) == (place.monthly, 3)
    assert "line_items" not in await place.calls.checkout.sessions.retrieve_async(made.id)


async def test_a_page_that_was_expired_cannot_be_expired_again(place: Place) -> None:
    customer = await place.customer(None)
    page = await page_of(place, customer)
    expired = await place.calls.checkout.sessions.expire_async(page.id)
    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError):
        await place.calls.checkout.sessions.expire_async(page.id)
    open_ones = await place.calls.checkout.sessions.list_async({"customer": customer.id, "status": "open"})
    assert open_ones.data == []


@pytest.mark.parametrize("seconds", [60, 2 * DAY])
async def test_a_page_expires_within_half_an_hour_and_a_day(place: Place, seconds: int) -> None:
    customer = await place.customer(None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await page_of(place, customer, expires_at=place.began + seconds)
    assert refused.value.param == "expires_at"


async def test_a_trial_of_a_page_ends_two_days_from_now_at_the_earliest(place: Place) -> None:
    customer = await place.customer(None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await page_of(place, customer, subscription_data={"trial_end": place.began + DAY})
    assert refused.value.param == "subscription_data[trial_end]"


async def test_the_portal_has_a_page_for_a_customer(fake: Place) -> None:
    customer = await fake.customer()
    link = await fake.calls.billing_portal.sessions.create_async({"customer": customer.id, "return_url": URL})
    assert (link.customer, link.return_url) == (customer.id, URL)
    assert link.url.startswith("https://billing.stripe.com/")


async def test_a_customer_who_pays_has_a_subscription(fake: Place, server: StripeServer) -> None:
    customer = await fake.customer(None)
    page = await page_of(fake, customer, subscription_data={"metadata": {"uid": "u-1"}})
    begun = pay(server.account, page.id)
    read = await fake.calls.checkout.sessions.retrieve_async(page.id, {"expand": ["subscription"]})
    assert (read.status, read.payment_status, read.subscription.id) == ("complete", "paid", begun["id"])
    assert (read.subscription.status, read.subscription.metadata["uid"]) == ("active", "u-1")
    assert read.subscription["items"].data[0].quantity == 3
    assert [one.amount_paid for one in await fake.invoices(read.subscription)] == [3 * MONTHLY]
    with pytest.raises(StripeRefusal, match="complete"):
        pay(server.account, page.id)


async def test_a_customer_who_tries_it_pays_nothing_yet(fake: Place, server: StripeServer) -> None:
    page = await page_of(fake, await fake.customer(None), subscription_data={"trial_period_days": 14})
    begun = pay(server.account, page.id)
    read = await fake.calls.checkout.sessions.retrieve_async(page.id)
    assert (begun["status"], read.payment_status) == ("trialing", "no_payment_required")
    assert begun["trial_end"] == fake.began + 14 * DAY


async def test_a_card_that_is_declined_leaves_the_page_open(fake: Place, server: StripeServer) -> None:
    customer = await fake.customer(None)
    page = await page_of(fake, customer)
    with pytest.raises(StripeRefusal, match="declined"):
        pay(server.account, page.id, "pm_card_chargeCustomerFail")
    assert (await fake.calls.checkout.sessions.retrieve_async(page.id)).status == "open"
    every = await fake.calls.subscriptions.list_async({"customer": customer.id, "status": "all"})
    assert every.data == []


async def test_a_customer_who_walks_away_finds_the_page_gone_a_day_later(
    fake: Place, server: StripeServer
) -> None:
    page = await page_of(fake, await fake.customer(None))
    server.clock.advance(days=1)
    assert (await fake.calls.checkout.sessions.retrieve_async(page.id)).status == "expired"
    with pytest.raises(StripeRefusal, match="expired"):
        pay(server.account, page.id)
    told = await fake.calls.events.list_async({"type": "checkout.session.expired"})
    assert [one.data.object["id"] for one in told.data] == [page.id]
