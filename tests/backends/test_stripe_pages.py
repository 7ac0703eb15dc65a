"""Checkout pages and links to the customer's own pages, as the reconcilers have them of Stripe."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from seatwarden.backends.billing import BillingRefused
from seatwarden.domain.billing.facts import CheckoutFacts, PageState, StripeStatus
from tests.backends.stripe_desk import RETURN_URL, Desk, desk, instant
from tests.stripe.checkouts import pay
from tests.stripe.clock import DAY


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as opened:
        yield opened


async def test_a_page_is_told_as_it_is_and_opened_once(shop: Desk) -> None:
    customer = await shop.customer(None)
    page = await shop.billing.create_checkout(shop.wish(customer.id, quantity=4), key="page")
    assert page == CheckoutFacts(
        id=page.id,
        customer=customer.id,
        owner="uid-team",
        cluster="cluster-1",
        created=page.created,
        url=page.url,
        expires_at=page.created + timedelta(days=1),
        price=shop.place.monthly,
        quantity=4,
        state=PageState.OPEN,
    )
    assert page.url.startswith("https://")
    assert await shop.billing.create_checkout(shop.wish(customer.id, quantity=4), key="page") == page
    assert await shop.billing.checkouts_of(customer.id) == (page,)
    assert [heard.given["success_url"] for heard in shop.server.heard if "success_url" in heard.given] == [
        RETURN_URL
    ] * 2


async def test_who_pays_on_the_page_has_the_subscription_that_was_wished(shop: Desk) -> None:
    customer = await shop.customer(None)
    end = instant(shop.place.began + 14 * DAY)
    page = await shop.billing.create_checkout(
        shop.wish(customer.id, quantity=4, trial_end=end, applied="four"), key="page"
    )
    pay(shop.server.account, page.id)
    (made,) = await shop.billing.subscriptions_of(customer.id)
    assert (made.owner, made.cluster, made.applied) == ("uid-team", "cluster-1", "four")
    assert (made.status, made.quantity, made.trial_end) == (StripeStatus.TRIALING, 4, end)
    (done,) = await shop.billing.checkouts_of(customer.id)
    assert done == replace(page, url="", state=PageState.COMPLETE, subscription=made.id)


async def test_an_expired_page_is_told_and_may_be_expired_again(shop: Desk) -> None:
    customer = await shop.customer(None)
    page = await shop.billing.create_checkout(shop.wish(customer.id), key="page")
    await shop.billing.expire_checkout(page.id)
    await shop.billing.expire_checkout(page.id)
    await shop.billing.expire_checkout("cs_never")
    (told,) = await shop.billing.checkouts_of(customer.id)
    assert told == replace(page, url="", state=PageState.EXPIRED)


async def test_a_page_on_which_was_paid_cannot_be_expired_and_that_is_no_error(shop: Desk) -> None:
    customer = await shop.customer(None)
    page = await shop.billing.create_checkout(shop.wish(customer.id), key="page")
    pay(shop.server.account, page.id)
    await shop.billing.expire_checkout(page.id)
    (told,) = await shop.billing.checkouts_of(customer.id)
    assert told.state is PageState.COMPLETE


async def test_a_page_needs_a_price_that_is_there(shop: Desk) -> None:
    customer = await shop.customer(None)
    with pytest.raises(BillingRefused) as refused:
        await shop.billing.create_checkout(shop.wish(customer.id, price="price_never"), key="page")
    assert refused.value.code == "resource_missing"


async def test_a_customer_gets_another_link_each_time(shop: Desk) -> None:
    customer = await shop.customer()
    links = {await shop.billing.portal_link(customer.id) for _ in range(2)}
    assert len(links) == 2
    assert all(link.startswith("https://") for link in links)
    with pytest.raises(BillingRefused):
        await shop.billing.portal_link("cus_never")
