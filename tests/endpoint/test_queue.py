"""Waiting for a seat over HTTP: places in the queue, and answers that come when it is one's turn."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from multidict import CIMultiDict

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import Code, Millis, QueuePlace, Refusal
from seatwarden.endpoint.long_poll import preferred_wait, seat_in_turn
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import Answer, EndpointClient
from tests.endpoint.pools import make_pool

OTHER = "cd" * 32
THIRD = "ef" * 32


@pytest.fixture
async def client(start_endpoint: StartEndpoint, redis_url: str) -> AsyncIterator[EndpointClient]:
    """A client of a pool of one seat with a queue of two."""
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20.0)
    await seats.note_provisioned()
    pool = await make_pool(seats)
    await pool.configure(capacity=1, queue_size=2)
    yield (await start_endpoint(seats)).client.with_key(pool.key.text)
    await seats.close()


@pytest.mark.behaviour(20)
async def test_a_place_in_the_queue_is_an_answer_and_not_a_refusal(client: EndpointClient) -> None:
    await client.acquire()
    queued = await client.acquire(hardware_id=OTHER, queue=True)
    assert (queued.status, queued.code) == (202, "queued")
    assert queued.body == {
        "code": "queued",
        "position": 1,
        "waiting": 1,
        "retry_after": 1.0,
        "estimate": None,
        "seats": {"capacity": 1, "used": 1, "free": 0},
    }
    assert (await client.acquire(hardware_id=THIRD, queue=True)).body["position"] == 2
    full = await client.acquire(hardware_id="12" * 32, queue=True)
    assert (full.status, full.code) == (409, "queue_full")
    assert int(full.headers["Retry-After"]) > 0


async def test_a_request_that_waits_is_answered_when_a_seat_gets_free(client: EndpointClient) -> None:
    first = await client.acquire()
    waiting = asyncio.create_task(_wait_for_a_seat(client, 30))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await client.release(first.body["session_id"], first.body["fence"])
    answer = await waiting
    assert (answer.status, answer.code) == (201, "granted")


async def test_a_request_that_waits_in_vain_is_told_its_place(client: EndpointClient) -> None:
    await client.acquire()
    answer = await _wait_for_a_seat(client, 2)
    assert (answer.status, answer.body["position"]) == (202, 1)


async def test_who_does_not_want_to_wait_is_refused_as_ever(client: EndpointClient) -> None:
    await client.acquire()
    refused = await client.acquire(hardware_id=OTHER)
    assert (refused.status, refused.code) == (409, "pool_exhausted")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("wait=10", 10),
        ("respond-async, wait=10", 10),
        ("respond-async; foo, Wait = 7", 7),
        ('wait="5"', 5),
        ("wait=600", 30),
        ("wait=0", 0),
        ("wait", 0),
        ("wait=-1", 0),
        ("await=10", 0),
        ("wait=abc", 0),
        ("", 0),
    ],
)
def test_the_wish_to_wait_is_read_from_the_header_prefer(said: str, seconds: float) -> None:
    assert preferred_wait(CIMultiDict({"Prefer": said})) == seconds


def test_without_the_header_nobody_waits() -> None:
    assert preferred_wait(CIMultiDict()) == 0


@pytest.mark.behaviour(20)
async def test_for_a_client_that_went_away_nothing_is_asked_any_more() -> None:
    place = QueuePlace(1, 1, None)
    told = Refusal(code=Code.QUEUED, retry_after=Millis(1), place=place)

    async def ask() -> Refusal:
        raise AssertionError("asked for nobody")

    assert await seat_in_turn(ask, told, seconds=30, is_away=lambda: True) == told


async def _wait_for_a_seat(client: EndpointClient, seconds: int) -> Answer:
    body = {"hardware_id": OTHER, "queue": True}
    headers = {
        "Authorization": f"Bearer {client.key}",
        "Prefer": f"wait={seconds}",
        "Content-Type": "application/json",
    }
    return await client.ask("POST", "/api/v1/licenses/acquire", body, headers=headers)
