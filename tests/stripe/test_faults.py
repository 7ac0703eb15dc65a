"""What goes wrong by switch, as Stripe's own SDK sees it, and what was done all the same."""

import asyncio

import pytest
import stripe

from tests.stripe.faults import Fault, Heard
from tests.stripe.place import Place, sdk
from tests.stripe.server import StripeServer

WANTED = {"name": "Once"}
UNDER_A_KEY = {"idempotency_key": "k-1"}


def made(server: StripeServer) -> int:
    """How many customers with that name there are."""
    return sum(one.get("name") == "Once" for one in server.account.all("customer"))


def code_of(error: stripe.StripeError) -> str:
    """The SDK passes the code on for some errors only; it is always in the body."""
    assert isinstance(error.json_body, dict)
    return str(error.json_body["error"]["code"])


async def create(client: stripe.StripeClient) -> stripe.Customer:
    return await client.v1.customers.create_async({"name": "Once"}, {"idempotency_key": "k-1"})


async def test_a_500_at_the_door_does_nothing_and_leaves_the_key_free(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.ERROR_BEFORE)
    with pytest.raises(stripe.APIError) as failed:
        await create(client)
    assert (failed.value.http_status, made(server)) == (500, 0)
    await create(client)
    assert made(server) == 1


async def test_a_500_afterwards_sticks_to_its_key_and_the_thing_is_there(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.ERROR_AFTER)
    with pytest.raises(stripe.APIError):
        await create(client)
    with pytest.raises(stripe.APIError) as failed:
        await create(client)
    assert failed.value.http_status == 500
    assert (failed.value.headers or {})["Idempotent-Replayed"] == "true"
    assert made(server) == 1


async def test_a_connection_that_breaks_before_did_nothing(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.RESET_BEFORE)
    with pytest.raises(stripe.APIConnectionError):
        await create(client)
    assert made(server) == 0
    await create(client)
    assert made(server) == 1


async def test_a_connection_that_breaks_afterwards_did_it_and_the_key_tells(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.RESET_AFTER)
    with pytest.raises(stripe.APIConnectionError):
        await create(client)
    assert made(server) == 1
    again = await create(client)
    assert (again.name, made(server)) == ("Once", 1)
    assert server.heard[-1].replayed


@pytest.mark.parametrize(("fault", "done"), [(Fault.HANG_BEFORE, 0), (Fault.HANG_AFTER, 1)])
async def test_nothing_comes_back_for_as_long_as_one_waits(
    server: StripeServer, client: stripe.StripeClient, fault: Fault, done: int
) -> None:
    server.faults.fail(fault)
    call = asyncio.ensure_future(create(client))
    async with asyncio.timeout(30):
        await server.faults.holding.wait()
    assert made(server) == done
    assert (call.done(), server.heard[0].status) == (False, None)
    call.cancel()
    assert (await create(client)).name == "Once"
    assert made(server) == 1


async def test_a_key_that_is_being_used_is_refused_meanwhile(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.BUSY)
    first = asyncio.ensure_future(create(client))
    async with asyncio.timeout(30):
        await server.faults.holding.wait()
    with pytest.raises(stripe.StripeError) as refused:
        await create(client)
    assert refused.value.http_status == 409
    assert code_of(refused.value) == "idempotency_key_in_use"
    server.faults.release()
    assert (await first).id == (await create(client)).id
    assert made(server) == 1


async def test_too_many_requests_say_when_to_come_back(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.RATE_LIMITED, 2)
    with pytest.raises(stripe.RateLimitError):
        await create(client)
    with pytest.raises(stripe.RateLimitError) as refused:
        await create(client)
    headers = refused.value.headers or {}
    assert (headers["Retry-After"], headers["Stripe-Should-Retry"]) == ("1", "false")
    assert code_of(refused.value) == "rate_limit"
    await create(client)
    assert made(server) == 1


async def test_the_sdk_tries_a_locked_object_again(server: StripeServer) -> None:
    server.faults.fail(Fault.LOCKED)
    async with sdk(server.url) as client:
        wanted = {"idempotency_key": "k-1", "max_network_retries": 1}
        await client.v1.customers.create_async({"name": "Once"}, wanted)  # type: ignore[arg-type]
    assert [one.status for one in server.heard] == [429, 200]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.UNAUTHORISED, stripe.AuthenticationError), (Fault.FORBIDDEN, stripe.PermissionError)],
)
async def test_a_key_can_be_refused(
    server: StripeServer,
    client: stripe.StripeClient,
    fault: Fault,
    error: type[stripe.StripeError],
) -> None:
    server.faults.fail(fault)
    with pytest.raises(error):
        await create(client)
    assert made(server) == 0


async def test_another_key_is_no_key(server: StripeServer) -> None:
    async with sdk(server.url, "sk_test_other") as client:
        with pytest.raises(stripe.AuthenticationError):
            await client.v1.customers.list_async()


async def test_a_fault_can_be_for_one_kind_of_request(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail(Fault.ERROR_BEFORE, method="POST", path="/v1/customers")
    await client.v1.customers.list_async()
    await client.v1.products.create_async({"name": "Seats"})
    with pytest.raises(stripe.APIError):
        await create(client)


async def test_a_fault_can_be_for_the_request_with_a_number(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    server.faults.fail_at(2, Fault.ERROR_BEFORE)
    await client.v1.customers.list_async()
    with pytest.raises(stripe.APIError):
        await client.v1.customers.list_async()
    await client.v1.customers.list_async()
    server.faults.fail(Fault.ERROR_BEFORE, 100)
    server.faults.clear()
    await client.v1.customers.list_async()


async def test_tests_are_called_before_and_after_what_is_done(
    server: StripeServer, client: stripe.StripeClient
) -> None:
    seen: list[tuple[str, int, str]] = []

    async def before(heard: Heard) -> None:
        seen.append(("before", made(server), heard.path))

    server.faults.before[2] = before
    server.faults.after[2] = lambda heard: seen.append(("after", made(server), heard.method))
    await client.v1.customers.list_async()
    await create(client)
    await client.v1.customers.list_async()
    assert seen == [("before", 0, "/v1/customers"), ("after", 1, "POST")]


async def test_all_requests_are_written_down(server: StripeServer, fake: Place) -> None:
    server.heard.clear()
    customer = await fake.customer(None, metadata={"uid": "u-1"})
    await fake.calls.customers.retrieve_async(customer.id)
    await fake.calls.customers.list_async({"limit": 1})
    first, second, third = server.heard
    assert (first.number, first.method, first.path, first.status) == (1, "POST", "/v1/customers", 200)
    assert first.given["metadata"] == {"uid": "u-1"}
    assert first.key
    assert (second.number, second.path, second.key) == (2, f"/v1/customers/{customer.id}", None)
    assert third.given == {"limit": "1"}
    assert server.counts() == {
        "POST /v1/customers": 1,
        "GET /v1/customers/{customer}": 1,
        "GET /v1/customers": 1,
    }
