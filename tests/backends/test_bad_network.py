"""Chaos between us and Redis: whatever happens to bytes, each call ends in time, and with its own reply or none."""

import asyncio
import os
import time
from random import Random

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.local.valkey import Valkey
from tests.backends.calls import ECHO, keys
from tests.backends.chaos_proxy import ChaosProxy, Weather, chaos_proxy
from tests.backends.conftest import MakeRunner

LIMIT = 0.4
# How much longer a call may take on a busy machine; what is being tested is that none takes for ever.
PATIENCE = 2.0
SEEDS = range(int(os.environ.get("SEATWARDEN_CHAOS_SEEDS", "4")))


class Callers:
    """Calls that each know their reply, and how they ended."""

    def __init__(self, runner: ScriptRunner) -> None:
        self.runner = runner
        self.answered = 0
        self.refused = 0
        self.slowest = 0.0
        self._number = 0

    async def call(self) -> bool:
        """One call; whether it was answered."""
        self._number += 1
        wanted = f"{self._number}-{'x' * (self._number % 300)}"
        began = time.monotonic()
        try:
            reply = await self.runner.run(ECHO, keys(), wanted, urgent=self._number % 5 == 0)
        except AuthorityUnavailable:
            self.refused += 1
            return False
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        assert reply.decode() == wanted, "a reply that belongs to another call"
        self.answered += 1
        return True

    async def crowd(self, size: int) -> int:
        """As many calls at once; how many were answered."""
        return sum(await asyncio.gather(*(self.call() for _ in range(size))))


async def recovers(callers: Callers) -> None:
    """Return when all calls of a crowd are answered again."""
    async with asyncio.timeout(20):
        while await callers.crowd(50) < 50:
            pass


@pytest.fixture
async def callers(make_runner: MakeRunner, valkey: Valkey) -> Callers:
    """Callers over a good connection."""
    runner = make_runner(valkey.port, seconds=LIMIT)
    await runner.load()
    return Callers(runner)


async def through(proxy: ChaosProxy, make_runner: MakeRunner) -> Callers:
    """Callers over ``proxy``, with a crowd answered already."""
    callers = Callers(make_runner(proxy.port, seconds=LIMIT))
    await callers.runner.load()
    await recovers(callers)
    return callers


@pytest.mark.parametrize("weather", [Weather.DELAY, Weather.DRIP])
async def test_a_slow_network_only_makes_calls_slower(
    make_runner: MakeRunner, valkey: Valkey, weather: Weather
) -> None:
    async with chaos_proxy(valkey.port, seed=1) as proxy:
        callers = await through(proxy, make_runner)
        proxy.weather = weather
        answered = sum([await callers.crowd(20) for _ in range(5)])
        assert answered > 0
        assert callers.slowest < LIMIT + PATIENCE
        proxy.weather = Weather.FAIR
        await recovers(callers)


@pytest.mark.parametrize("weather", [Weather.CUT, Weather.RESET])
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_connection_that_breaks_gives_no_reply_to_the_wrong_caller(
    make_runner: MakeRunner, valkey: Valkey, weather: Weather, seed: int
) -> None:
    async with chaos_proxy(valkey.port, seed=seed) as proxy:
        callers = await through(proxy, make_runner)
        for _ in range(5):
            proxy.weather = weather
            await callers.crowd(60)
            proxy.weather = Weather.FAIR
            await recovers(callers)
        assert callers.slowest < LIMIT + PATIENCE


async def test_a_black_hole_costs_each_call_its_time_limit_and_heals_by_itself(
    make_runner: MakeRunner, valkey: Valkey
) -> None:
    async with chaos_proxy(valkey.port, seed=1) as proxy:
        callers = await through(proxy, make_runner)
        proxy.weather = Weather.BLACK_HOLE
        before = callers.answered
        for _ in range(3):
            await callers.crowd(50)
        assert callers.answered == before
        assert callers.slowest < LIMIT + PATIENCE
        proxy.weather = Weather.FAIR
        await recovers(callers)


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_weather_in_any_order(make_runner: MakeRunner, valkey: Valkey, seed: int) -> None:
    choose = Random(seed)  # to be repeatable
    async with chaos_proxy(valkey.port, seed=seed) as proxy:
        callers = await through(proxy, make_runner)
        for _ in range(8):
            proxy.weather = choose.choice(list(Weather))
            waiting = [asyncio.create_task(callers.call()) for _ in range(choose.randrange(1, 80))]
            await asyncio.wait(waiting, timeout=choose.random() * LIMIT)
            for task in choose.sample(waiting, len(waiting) // 4):
                task.cancel()
            proxy.weather = choose.choice(list(Weather))
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(end, bool | asyncio.CancelledError) for end in ends), ends
        assert callers.slowest < LIMIT + PATIENCE
        proxy.weather = Weather.FAIR
        await recovers(callers)


async def test_many_loops_of_calls_leave_nothing_in_the_queue(callers: Callers) -> None:
    for _ in range(20):
        waiting = [asyncio.create_task(callers.call()) for _ in range(50)]
        await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await recovers(callers)
    pipe = callers.runner._topology.link(keys().config).pipe  # type: ignore[union-attr]  # it has just answered
    assert pipe is not None
    assert pipe.calls_under_way == 0
