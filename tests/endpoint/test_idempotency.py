"""The Idempotency-Key header, over HTTP and the real authority."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.endpoint.settings import EndpointSettings
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import ACQUIRE, HOLDER, Answer, EndpointClient
from tests.endpoint.pools import make_pool


@pytest.fixture
async def holder(start_endpoint: StartEndpoint, redis_url: str) -> AsyncIterator[EndpointClient]:
    """A client of a pool of two seats; the jitter of each answer is another one."""
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20)
    jitter = iter(number / 100 for number in range(100))
    endpoint = await start_endpoint(
        seats, EndpointSettings(), lambda: next(jitter), InstallationKeys([bytes(32)])
    )
    yield endpoint.client.with_key((await make_pool(seats)).key.text)
    await endpoint.server.close()
    await seats.close()


async def wish(client: EndpointClient, key: str | None, **fields: str) -> Answer:
    """Acquire with an idempotency key."""
    headers = {"Authorization": f"Bearer {client.key}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return await client.ask("POST", ACQUIRE, {"hardware_id": HOLDER} | fields, headers=headers)


@pytest.mark.behaviour(4)
async def test_a_repeated_request_gets_the_identical_body(holder: EndpointClient) -> None:
    first = await wish(holder, "a-wish", nonce="1")
    again = await wish(holder, "a-wish", nonce="1")
    assert (again.status, again.body) == (201, first.body)
    assert first.body["lease"] is not None
    assert (await wish(holder, None, nonce="1")).body != first.body


@pytest.mark.behaviour(4)
async def test_another_body_under_the_same_key_is_422(holder: EndpointClient) -> None:
    await wish(holder, "a-wish")
    refused = await wish(holder, "a-wish", nonce="2")
    assert (refused.status, refused.code) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "\u00fc"])
async def test_what_is_no_idempotency_key_is_400_with_its_name(client: EndpointClient, key: str) -> None:
    answer = await wish(client, key)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "Idempotency-Key")


async def test_two_idempotency_keys_are_400(client: EndpointClient) -> None:
    headers = [
        ("Authorization", f"Bearer {client.key}"),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "a"),
        ("Idempotency-Key", "b"),
    ]
    body = f'{{"hardware_id":"{HOLDER}"}}'.encode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(client.base + ACQUIRE, data=body, headers=headers) as answer,
    ):
        assert answer.status == 400
        assert "only once" in await answer.text()
