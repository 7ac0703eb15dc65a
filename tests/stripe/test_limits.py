"""How much may be asked: off by default, and as Stripe publishes it when it is on."""

import pytest
import stripe

from tests.stripe.limits import Limits, TooMany
from tests.stripe.server import StripeServer


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.shows = 0.0

    def __call__(self) -> float:
        return self.shows


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def limits(watch: Watch) -> Limits:
    return Limits(now=watch)


def passes(limits: Limits, path: str, method: str = "GET") -> bool:
    try:
        limits.take(method, path)
    except TooMany:
        return False
    return True


def test_one_resource_is_asked_25_times_a_second(limits: Limits, watch: Watch) -> None:
    assert [passes(limits, f"/v1/customers/{number}") for number in range(26)] == [True] * 25 + [False]
    assert passes(limits, "/v1/prices")
    watch.shows = 0.99
    assert not passes(limits, "/v1/customers")
    watch.shows = 1.0
    assert passes(limits, "/v1/customers")
    assert limits.refused == 2


def test_all_together_are_asked_100_times_a_second(limits: Limits) -> None:
    resources = ["customers", "subscriptions", "prices", "invoices", "coupons"]
    passed = [passes(limits, f"/v1/{resource}") for _ in range(25) for resource in resources]
    assert sum(passed) == 100
    assert not passed[-1]


def test_one_subscription_is_changed_200_times_an_hour(limits: Limits, watch: Watch) -> None:
    for number in range(200):
        watch.shows = number * 10.0
        assert passes(limits, "/v1/subscriptions/sub_1", "POST")
    assert not passes(limits, "/v1/subscriptions/sub_1", "POST")
    assert passes(limits, "/v1/subscriptions/sub_1")
    assert passes(limits, "/v1/subscriptions/sub_2", "POST")
    watch.shows = 3600.0
    assert passes(limits, "/v1/subscriptions/sub_1", "POST")


async def test_the_sdk_hears_of_it(server: StripeServer, client: stripe.StripeClient, limits: Limits) -> None:
    server.limits = limits
    for _ in range(25):
        await client.v1.customers.list_async()
    with pytest.raises(stripe.RateLimitError) as refused:
        await client.v1.customers.list_async()
    assert (refused.value.headers or {})["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    server.limits = None
    await client.v1.customers.list_async()


async def test_what_was_refused_left_its_key_free(
    server: StripeServer, client: stripe.StripeClient, limits: Limits, watch: Watch
) -> None:
    server.limits = limits
    limits.each = 1
    await client.v1.customers.list_async()
    under = {"idempotency_key": "k-1"}
    with pytest.raises(stripe.RateLimitError):
        await client.v1.customers.create_async({"name": "A"}, {"idempotency_key": under["idempotency_key"]})
    watch.shows = 2.0
    made = await client.v1.customers.create_async({"name": "B"}, {"idempotency_key": "k-1"})
    assert made.name == "B"
