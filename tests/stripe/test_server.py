"""The stand-in as a server: each has its own account, both of the SDK's async clients speak to it, and it outlives them."""

import asyncio

import pytest
import stripe

from tests.stripe.account import Switches
from tests.stripe.clock import DAY
from tests.stripe.faults import Fault
from tests.stripe.place import Place, new_place, sdk
from tests.stripe.server import API_KEY, StripeServer, fake_stripe


async def test_two_stand_ins_know_nothing_of_each_other(server: StripeServer, fake: Place) -> None:
    made = await fake.customer(None)
    async with fake_stripe(now=1_700_000_000) as other, sdk(other.url) as client:
        assert other.url != server.url
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.customers.retrieve_async(made.id)
        assert (await client.v1.customers.create_async({"name": "Ada"})).created == 1_700_000_000


# The SDK gives httpx its forms in a way that httpx warns of.
@pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
async def test_httpx_speaks_to_it_too(server: StripeServer) -> None:
    http = stripe.HTTPXClient(timeout=30)
    client = stripe.StripeClient(API_KEY, base_addresses={"api": server.url}, http_client=http)
    made = await client.v1.customers.create_async({"name": "Ada", "metadata": {"uid": "u-1"}})
    read = await client.v1.customers.retrieve_async(made.id)
    assert read.metadata is not None
    assert read.metadata["uid"] == "u-1"
    await http.close_async()  # type: ignore[no-untyped-call]  # not annotated


async def test_what_one_client_made_another_one_reads(server: StripeServer, fake: Place) -> None:
    made = await fake.customer(None)
    async with sdk(server.url) as later:
        assert (await later.v1.customers.retrieve_async(made.id)).id == made.id


async def test_a_stand_in_that_is_closed_lets_go_of_what_hangs() -> None:
    async with fake_stripe() as server, sdk(server.url) as client:
        server.faults.fail(Fault.HANG_BEFORE)
        call = asyncio.ensure_future(client.v1.customers.list_async())
        async with asyncio.timeout(30):
            await server.faults.holding.wait()
        call.cancel()
    async with sdk(server.url) as client:
        with pytest.raises(stripe.APIConnectionError):
            await client.v1.customers.list_async()


async def test_many_requests_at_once_are_all_answered(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    calls = [
        client.v1.customers.create_async({"name": str(one)}, {"idempotency_key": f"k-{one % 10}"})
        for one in range(10)
    ]
    made = await asyncio.gather(*calls)
    assert len({one.id for one in made}) == 10
    assert [one.number for one in server.heard] == list(range(1, 11))


async def test_keys_are_forgotten_after_a_day(server: StripeServer, client: stripe.StripeClient) -> None:
    async def make() -> str:
        return (await client.v1.customers.create_async({"name": "Ada"}, {"idempotency_key": "k-1"})).id

    first = await make()
    server.clock.advance(seconds=DAY - 1)
    assert await make() == first
    server.clock.advance(seconds=1)
    assert await make() != first


async def test_a_key_has_an_end(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.customers.create_async({"name": "Ada"}, {"idempotency_key": "k" * 256})


async def test_every_answer_has_a_number_to_ask_about(client: stripe.StripeClient) -> None:
    made = await client.v1.customers.create_async({"name": "Ada"}, {"idempotency_key": "k-1"})
    assert made.last_response is not None
    assert made.last_response.request_id == "req_00000000000001"
    assert made.last_response.idempotency_key == "k-1"


async def test_by_the_account_s_clock_a_customer_without_a_test_clock_lives_too() -> None:
    async with fake_stripe(switches=Switches(retry_days=())) as server, sdk(server.url) as client:
        place = await new_place(client)
        customer = await place.customer(test_clock=None)
        made = await place.subscription(customer)
        server.account.declines.add(customer.id)
        server.clock.advance(days=32)
        assert (await place.again(made)).status == "canceled"
        assert await place.now() == place.began
