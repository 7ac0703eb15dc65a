"""Seats of several pools, all or none, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import Code, Millis, Refusal
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import HOLDER, Answer, EndpointClient
from tests.endpoint.pools import Pool, make_pool
from tests.endpoint.scripted_authority import ScriptedAuthority

CALL = "/api/v1/licenses/acquire-all"
OTHER = "cd" * 32


class Suite:
    """A pool of two seats for each of two features."""

    def __init__(self, pools: list[Pool], client: EndpointClient) -> None:
        self.pools = pools
        self.client = client

    async def ask(self, holder: str = HOLDER, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
        wishes = [{"license_key": pool.key.text} for pool in self.pools]
        body = {"hardware_id": holder, "pools": wishes} | fields
        return await self.client.ask("POST", CALL, body, headers=headers)

    async def used(self) -> list[int]:
        counts = await self.pools[0].authority.sweep([pool.uid for pool in self.pools])
        return [each.live for each in counts if each is not None]


@pytest.fixture
async def suite(start_endpoint: StartEndpoint, redis_url: str) -> AsyncIterator[Suite]:
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20.0)
    await seats.note_provisioned()
    pools = [await make_pool(seats) for _ in range(2)]
    yield Suite(pools, (await start_endpoint(seats)).client)
    await seats.close()


async def test_a_seat_of_each_pool_is_a_lease_of_its_own(suite: Suite) -> None:
    answer = await suite.ask(nonce="run")
    assert (answer.status, answer.code) == (201, "granted")
    first, second = answer.body["pools"]
    assert first["session_id"] != second["session_id"]
    for pool, given in zip(suite.pools, (first, second), strict=True):
        assert given["seats"] == {"capacity": 2, "used": 1, "free": 1}
        client = suite.client.with_key(pool.key.text)
        assert (await client.heartbeat(given["session_id"], given["fence"])).code == "ok"
    again = await suite.ask(nonce="run")
    assert (again.status, again.code) == (200, "existing")
    assert [each["fence"] for each in again.body["pools"]] == [first["fence"], second["fence"]]


async def test_where_one_pool_refuses_none_gives_a_seat(suite: Suite) -> None:
    await suite.pools[1].configure(capacity=0)
    answer = await suite.ask()
    assert (answer.status, answer.code, answer.body["pool"]) == (409, "pool_exhausted", 1)
    assert answer.body["detail"].startswith("Pool 2 of 2 refused, so no seat was taken in any.")
    assert await suite.used() == [0, 0]


async def test_each_pool_has_a_number_of_seats_and_a_group_of_its_own(suite: Suite) -> None:
    keys = [pool.key.text for pool in suite.pools]
    wishes = [{"license_key": keys[0], "quantity": 2}, {"license_key": keys[1], "group": "render"}]
    refused = await suite.ask(pools=wishes)
    assert (refused.status, refused.code, refused.body["pool"]) == (403, "not_entitled", 1)
    answer = await suite.ask(pools=wishes[:1])
    assert [each["quantity"] for each in answer.body["pools"]] == [2]


async def test_the_same_wish_again_has_the_same_answer(suite: Suite) -> None:
    headers = {"Idempotency-Key": "one-wish"}
    first = await suite.ask(headers=headers)
    assert first.status == 201
    assert (await suite.ask(headers=headers)).body == first.body
    other = await suite.ask(OTHER, headers=headers)
    assert (other.status, other.code, other.body["pool"]) == (422, "idempotency_mismatch", 0)


async def test_a_wrong_key_is_told_with_its_place(suite: Suite) -> None:
    right = {"license_key": suite.pools[0].key.text}
    answer = await suite.ask(pools=[right, {"license_key": "LIC-nonsense"}])
    assert (answer.status, answer.code, answer.body["pool"]) == (401, "invalid_license", 1)
    await suite.pools[1].configure(key_ids={"0" * 64: "other"})
    answer = await suite.ask()
    assert (answer.status, answer.code, answer.body["pool"]) == (401, "invalid_license", 1)
    assert await suite.used() == [0, 0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pools": []}, "pools"),
        ({"pools": [{}]}, "pools.0.license_key"),
        ({"pools": [{"license_key": 7}]}, "pools.0.license_key"),
        ({"pools": [{"pool": "no name"}]}, "pools.0.pool"),
        ({"pools": [{"license_key": "LIC-x", "quantity": 0}]}, "pools.0.quantity"),
        ({"hardware_id": "short"}, "hardware_id"),
    ],
)
async def test_bad_input_is_told_by_its_path(suite: Suite, fields: dict[str, Any], field: str) -> None:
    answer = await suite.ask(**fields)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.body["errors"][0]["field"] == field


async def test_a_pool_is_not_asked_twice(suite: Suite) -> None:
    key = {"license_key": suite.pools[0].key.text}
    answer = await suite.ask(pools=[key, key])
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "pools")


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal(code=Code.POOLS_APART), 409, "pools_apart"),
        (Refusal(code=Code.RECOVERING, retry_after=Millis(9000)), 503, "recovering"),
        (Refusal(code=Code.SUSPENDED), 403, "suspended"),
    ],
)
async def test_other_refusals_are_those_of_acquire(
    client: EndpointClient, authority: ScriptedAuthority, refusal: Refusal, status: int, code: str
) -> None:
    authority.grant = refusal
    wishes = [{"license_key": client.key}]
    answer = await client.ask("POST", CALL, {"hardware_id": HOLDER, "pools": wishes})
    assert (answer.status, answer.code) == (status, code)
