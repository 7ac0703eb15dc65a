"""Calls to Stripe go at a pace below its limits, and urgent ones first. In virtual time."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from seatwarden.backends.stripe_pace import LIVE, SANDBOX, Pace, Pacer
from tests.reconcilers.virtual_time import VirtualTimeLoop, until


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on a clock that goes on by itself."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def pacer(pace: Pace) -> Pacer:
    return Pacer(pace, asyncio.get_running_loop().time)


async def passing(pacer: Pacer, count: int, *, endpoint: str = "GET /", urgent: bool = True) -> list[float]:
    """When each of so many requests at once may go."""
    loop = asyncio.get_running_loop()

    async def one() -> float:
        await pacer.turn(endpoint, urgent=urgent)
        return loop.time()

    return list(await asyncio.gather(*(one() for _ in range(count))))


def most_within(times: list[float], seconds: float) -> int:
    """The most of ``times`` that lie within so many seconds."""
    return max(sum(begin <= time < begin + seconds for time in times) for begin in times)


@pytest.mark.parametrize(("pace", "allowed"), [(LIVE, 100), (SANDBOX, 25)])
@in_virtual_time
async def test_in_no_second_go_more_than_stripe_allows(pace: Pace, allowed: int) -> None:
    line = pacer(Pace(pace.overall, pace.overall))
    times = await passing(line, 400)
    assert most_within(times, 1.0) <= allowed
    assert max(times) <= 400 / pace.overall


@in_virtual_time
async def test_one_endpoint_is_slower_and_does_not_hold_up_others() -> None:
    line = pacer(LIVE)
    slow, other = await asyncio.gather(
        passing(line, 100, endpoint="POST /v1/subscriptions"), passing(line, 10, endpoint="GET /v1/prices")
    )
    assert most_within(slow, 1.0) <= 25
    assert max(other) < 1.0 < max(slow)


@in_virtual_time
async def test_what_somebody_waits_for_goes_before_what_nobody_waits_for() -> None:
    line = pacer(SANDBOX)
    background = asyncio.ensure_future(passing(line, 200, urgent=False))
    await until(1.0)
    urgent = await passing(line, 5)
    assert max(urgent) < 1.5
    assert line.waiting > 150
    assert max(await background) > 9.0


@in_virtual_time
async def test_a_pause_holds_all_and_then_they_go_at_the_same_pace() -> None:
    line = pacer(SANDBOX)
    line.pause(3.0)
    line.pause(1.0)
    times = await passing(line, 30)
    assert min(times) == pytest.approx(3.0)
    assert most_within(times, 1.0) <= 25


@in_virtual_time
async def test_who_goes_away_while_waiting_takes_nobodys_turn() -> None:
    line = pacer(Pace(10.0, 10.0))
    first = asyncio.ensure_future(line.turn("GET /", urgent=True))
    gone = [asyncio.ensure_future(line.turn("GET /", urgent=True)) for _ in range(10)]
    last = asyncio.ensure_future(passing(line, 1))
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    await first
    assert await last <= [0.1]
