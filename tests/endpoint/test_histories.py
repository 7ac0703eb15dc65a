"""Many clients at once on a real endpoint and a real Valkey, and every call written down: is there an order that explains it?

Also through a bad network between the endpoint and Valkey, where calls are lost without anybody knowing whether they were
made. And with scripts that are wrong in a way that only shows when calls come at the same time.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_course import Course
from seatwarden.backends.redis_keys import all_pool_keys
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_scripts import ACQUIRE, Script
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.backends.redis_wire import acquire_arguments, read_acquired
from seatwarden.domain.seats import AcquireRequest, Code, Grant, PoolUid, Refusal
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.authority.linearizability import FOREVER, Call, judge, most_held_at_once
from tests.chaos_proxy import DIRECTIONS, ChaosProxy, Direction, chaos_proxy
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.pools import make_pool
from tests.endpoint.recorded_clients import Recorder, restless_client

LIMIT = 0.15
SEATS, CLIENTS, CALLS, POOLS = 3, 8, 12, 4
Seeds = Callable[[int], range]


@pytest.fixture
async def server() -> AsyncIterator[Valkey]:
    async with valkey_server(ValkeyOptions(append_only=True)) as server:
        yield server


@pytest.fixture
async def proxy(server: Valkey, fresh_seeds: Seeds) -> AsyncIterator[ChaosProxy]:
    async with chaos_proxy(server.port, seed=fresh_seeds(1)[0]) as proxy:
        yield proxy


Record = Callable[..., Awaitable[list[Call]]]


@pytest.fixture
async def record(start_endpoint: StartEndpoint, server: Valkey) -> AsyncIterator[Record]:
    """Lets clients loose on pools of three seats, over the Redis at ``port``, and brings what they wrote down."""
    async with AsyncExitStack() as stack:
        calm = RedisSeatAuthority.connect(server.url, time_limit_seconds=20)
        stack.push_async_callback(calm.close)

        async def run(seed: int, authority: RedisSeatAuthority, calls: int = CALLS) -> list[Call]:
            stack.push_async_callback(authority.close)
            endpoint = await start_endpoint(authority)
            recorders = []
            for _ in range(POOLS):
                pool = await make_pool(calm, seats=SEATS)
                recorders.append(
                    Recorder(endpoint.client.http, endpoint.client.base, pool.key.text, pool.uid)
                )
            await asyncio.gather(
                *(
                    restless_client(recorder, number, seed * 1000 + number, calls=calls)
                    for recorder in recorders
                    for number in range(CLIENTS)
                )
            )
            return [call for recorder in recorders for call in recorder.calls]

        yield run


def _must_be_explained(history: list[Call]) -> int:
    """How many pools' histories were explained; the others took too long."""
    judgement = judge(history, SEATS)
    assert judgement.unexplained == []
    _cap_holds(history)
    return POOLS - len(judgement.undecided)


def _cap_holds(history: list[Call]) -> None:
    for pool in {call.pool for call in history}:
        assert most_held_at_once(call for call in history if call.pool == pool) <= SEATS


@pytest.mark.behaviour(1, 3, 12, 18)
async def test_concurrent_calls_are_answered_as_if_they_came_one_by_one(
    record: Record, server: Valkey, fresh_seeds: Seeds
) -> None:
    for seed in fresh_seeds(4):
        history = await record(seed, RedisSeatAuthority.connect(server.url, time_limit_seconds=20))
        assert all(call.returned < FOREVER for call in history)
        assert _must_be_explained(history) > 0


async def _change_the_weather(proxy: ChaosProxy) -> None:
    rng = proxy.rng
    while True:
        direction: Direction = rng.choice(DIRECTIONS)
        match rng.choice(["delay", "cut", "hole", "drip", "throttle", "reset", "refuse", "calm"]):
            case "delay":
                proxy.set(direction, delay=(0.0, 0.03))
            case "cut":
                proxy.set(direction, cut=0.1)
            case "hole":
                proxy.set(direction, black_hole=True)
            case "drip":
                proxy.set(direction, drip=7)
            case "throttle":
                proxy.set(direction, bytes_per_second=20_000)
            case "reset":
                proxy.reset_all()
            case "refuse":
                proxy.refusing = True
            case _:
                proxy.calm()
        await asyncio.sleep(rng.uniform(0.01, 0.12))
        if rng.random() < 0.4:
            proxy.calm()


async def _in_bad_weather(
    record: Record, proxy: ChaosProxy, seed: int, authority: RedisSeatAuthority
) -> list[Call]:
    weather = asyncio.create_task(_change_the_weather(proxy))
    try:
        return await record(seed, authority)
    finally:
        weather.cancel()
        await asyncio.wait([weather])
        proxy.calm()


class AsksOnce(ScriptRunner):
    """Sends nothing again over another connection."""

    async def _persist(self, course: Course, trouble: Exception | None, began: float) -> Any:
        course.losses = 1
        return await super()._persist(course, trouble, began)


@pytest.mark.behaviour(1, 4)
async def test_calls_through_a_bad_network_are_made_once_or_not_at_all(
    record: Record, proxy: ChaosProxy, fresh_seeds: Seeds
) -> None:
    lost = explained = 0
    for seed in fresh_seeds(3):
        url = f"redis://127.0.0.1:{proxy.port}/0"
        runner = AsksOnce(read_redis_url(url), time_limit_seconds=LIMIT)
        history = await _in_bad_weather(record, proxy, seed, RedisSeatAuthority(runner))
        lost += sum(call.returned == FOREVER for call in history)
        explained += _must_be_explained(history)
    assert lost > 0, "the network was never bad"
    assert explained >= POOLS, "too little could be judged"


async def test_the_cap_holds_where_calls_are_repeated_in_a_bad_network(
    record: Record, proxy: ChaosProxy, fresh_seeds: Seeds
) -> None:
    """A call that is sent again after a lost connection may be made twice, so its answer can be that of the second time."""
    for seed in fresh_seeds(2):
        url = f"redis://127.0.0.1:{proxy.port}/0"
        authority = RedisSeatAuthority.connect(url, time_limit_seconds=LIMIT)
        _cap_holds(await _in_bad_weather(record, proxy, seed, authority))


class CountsThenInserts(RedisSeatAuthority):
    """Gets wrong what is got wrong most often: it looks whether a seat is free, and then takes it."""

    async def acquire(self, pool: PoolUid, request: AcquireRequest) -> Grant | Refusal:
        seen = await self.validate(pool, request.key_hash)
        own = await self.validate(pool, request.key_hash, holder=request.holder)
        if seen.live >= seen.capacity and own.code is not Code.OK:
            return Refusal(code=Code.POOL_EXHAUSTED, capacity=seen.capacity, live=seen.live)
        arguments = acquire_arguments(request)
        return read_acquired(await self._runner.run(_without_a_limit(), all_pool_keys(pool), *arguments))


def _without_a_limit() -> Script:
    text = ACQUIRE.text.replace("more > 0 and taken + more > pool.allowed then", "false then")
    assert text != ACQUIRE.text
    return Script("acquire", text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


async def test_an_authority_that_counts_and_then_inserts_is_found_out(record: Record, server: Valkey) -> None:
    # Few calls each: to show that no order explains a history means to try them all.
    for seed in range(20):
        wrong = CountsThenInserts.connect(server.url, time_limit_seconds=20)
        history = await record(seed, wrong, calls=3)
        if judge(history, SEATS).unexplained:
            break
    else:
        pytest.fail("twenty histories of a wrong authority were explained")
