"""Where the tests of Stripe run: the stand-in, or Stripe itself where ``STRIPE_TEST_API_KEY`` is the key of a test account.

Both are spoken to by Stripe's own SDK. At Stripe each test has a test clock of its own, and what was made with it goes with it.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import stripe

from tests.stripe.place import Place, new_place, sdk
from tests.stripe.server import StripeServer, fake_stripe
from tests.stripe.stripe_mock import StripeMock, running_stripe_mock

REAL_KEY = os.environ.get("STRIPE_TEST_API_KEY")
_NO_KEY = pytest.mark.skip(reason="STRIPE_TEST_API_KEY names no test account of Stripe")
PLACES = [
    pytest.param(None, id="stand-in"),
    pytest.param(REAL_KEY, id="service", marks=() if REAL_KEY else _NO_KEY),
]


@pytest.fixture(scope="session")
def stripe_mock() -> Iterator[StripeMock]:
    """Stripe's own stripe-mock, one for all tests of a worker."""
    with running_stripe_mock() as running:
        yield running


@pytest.fixture
async def server(stripe_mock: StripeMock) -> AsyncIterator[StripeServer]:
    """A stand-in with nothing in it, which in the end did nothing that it must be ashamed of, and took no request that Stripe's
    stripe-mock refuses."""
    async with fake_stripe() as server:
        yield server
        assert server.ashamed == []
        assert await stripe_mock.complaints(server.heard) == []


@pytest.fixture
async def client(server: StripeServer) -> AsyncIterator[stripe.StripeClient]:
    """Stripe's SDK, speaking to the stand-in."""
    async with sdk(server.url) as client:
        yield client


@pytest.fixture
async def fake(client: stripe.StripeClient) -> Place:
    """The stand-in, for tests that look into it or have it fail."""
    return await new_place(client)


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, server: StripeServer) -> AsyncIterator[Place]:
    """An account, for what holds for both."""
    real = request.param
    if real is not None and not real.startswith(("sk_test_", "rk_test_")):
        pytest.fail("STRIPE_TEST_API_KEY is no key of a test account: these tests charge cards")
    async with sdk(None if real else server.url, real) as client:
        place = await new_place(client)
        yield place
        await place.leave()
