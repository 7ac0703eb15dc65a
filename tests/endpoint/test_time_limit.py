"""The time limit that many calls share."""

import asyncio
import time

import pytest

from seatwarden.endpoint.time_limit import TimeLimit


async def nap(seconds: float, result: str = "slept") -> str:
    """A call that takes that long."""
    await asyncio.sleep(seconds)
    return result


async def test_a_call_in_time_gives_its_result() -> None:
    assert await TimeLimit(5).keep(nap(0)) == "slept"


async def test_an_exception_comes_through() -> None:
    async def fail() -> None:
        raise LookupError("as it was")

    with pytest.raises(LookupError, match="as it was"):
        await TimeLimit(5).keep(fail())


async def test_calls_that_take_too_long_end_each_at_its_own_time() -> None:
    limit = TimeLimit(0.1)

    async def call(begins_in: float) -> float:
        await asyncio.sleep(begins_in)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await limit.keep(nap(30))
        return time.monotonic() - began

    took = await asyncio.gather(*(call(number * 0.02) for number in range(8)))
    assert all(0.09 < seconds < 1 for seconds in took)


async def test_one_that_is_late_does_not_hurt_those_that_are_not() -> None:
    limit = TimeLimit(0.2)
    late = asyncio.create_task(limit.keep(nap(30)))
    quick = [await limit.keep(nap(0.001, str(number))) for number in range(50)]
    assert quick == [str(number) for number in range(50)]
    with pytest.raises(TimeoutError):
        await late
    assert await limit.keep(nap(0.01)) == "slept"


async def test_a_task_can_go_on_after_a_time_out() -> None:
    limit = TimeLimit(0.02)

    async def twice() -> str:
        with pytest.raises(TimeoutError):
            await limit.keep(nap(30))
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return await limit.keep(nap(0))

    assert await asyncio.create_task(twice()) == "slept"


async def test_somebody_elses_cancellation_stays_one() -> None:
    limit = TimeLimit(0.05)
    task = asyncio.create_task(limit.keep(nap(30)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def cancelled_and_late() -> None:
        this = asyncio.current_task()
        assert this is not None
        asyncio.get_running_loop().call_later(0.05, this.cancel)
        await limit.keep(nap(30))

    with pytest.raises((asyncio.CancelledError, TimeoutError)):
        await asyncio.create_task(cancelled_and_late())


async def test_many_calls_need_one_timer() -> None:
    limit = TimeLimit(5)
    loop = asyncio.get_running_loop()
    before = len(loop._scheduled)  # type: ignore[attr-defined]  # of the standard loop
    calls = [asyncio.create_task(limit.keep(asyncio.Event().wait())) for _ in range(100)]
    await asyncio.sleep(0)
    assert len(loop._scheduled) - before <= 2  # type: ignore[attr-defined]
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert limit._timer is not None
    limit._timer.cancel()
