import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.reconcilers.timer_wheel import TimerWheel
from tests.reconcilers.virtual_time import until


@dataclass
class Clock:
    """A clock that a test sets."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fired() -> list[str]:
    return []


@pytest.fixture
def wheel(clock: Clock, fired: list[str]) -> TimerWheel[str]:
    return TimerWheel(fired.append, clock=clock)


def test_nothing_fires_before_its_time_and_the_wheel_tells_how_long_that_is(
    wheel: TimerWheel[str], clock: Clock, fired: list[str]
) -> None:
    wheel.schedule("a", 5.0)
    clock.seconds += 3.0

    assert wheel.fire() == 2.0
    assert fired == []


def test_a_key_fires_at_its_time_and_only_once(
    wheel: TimerWheel[str], clock: Clock, fired: list[str]
) -> None:
    wheel.schedule("a", 5.0)
    clock.seconds += 5.0

    assert wheel.fire() is None
    assert wheel.fire() is None
    assert fired == ["a"]
    assert len(wheel) == 0


def test_keys_fire_in_order_of_time_and_those_of_one_instant_in_order_of_asking(
    wheel: TimerWheel[str], clock: Clock, fired: list[str]
) -> None:
    for key, seconds in (("late", 9.0), ("c", 5.0), ("a", 5.0), ("early", 1.0)):
        wheel.schedule(key, seconds)
    clock.seconds += 20.0
    wheel.fire()

    assert fired == ["early", "c", "a", "late"]


@pytest.mark.parametrize(("first", "second"), [(5.0, 60.0), (60.0, 5.0), (5.0, 5.0)])
def test_of_two_wishes_for_a_key_the_earlier_counts_and_it_fires_once(
    wheel: TimerWheel[str], clock: Clock, fired: list[str], first: float, second: float
) -> None:
    wheel.schedule("a", first)
    wheel.schedule("a", second)
    assert len(wheel) == 1
    clock.seconds += 5.0
    wheel.fire()
    clock.seconds += 60.0
    wheel.fire()

    assert fired == ["a"]


def test_a_cancelled_key_never_fires_and_can_be_asked_for_again(
    wheel: TimerWheel[str], clock: Clock, fired: list[str]
) -> None:
    wheel.schedule("a", 5.0)
    wheel.cancel("a")
    wheel.cancel("never asked for")
    clock.seconds += 5.0
    assert wheel.fire() is None
    assert fired == []

    wheel.schedule("a", 7.0)
    clock.seconds += 7.0
    wheel.fire()
    assert fired == ["a"]


def test_a_cancelled_key_does_not_come_back_at_its_old_time(
    wheel: TimerWheel[str], clock: Clock, fired: list[str]
) -> None:
    wheel.schedule("a", 5.0)
    wheel.cancel("a")
    wheel.schedule("a", 60.0)
    clock.seconds += 5.0

    assert wheel.fire() == 55.0
    assert fired == []


def test_a_time_in_the_past_is_now(wheel: TimerWheel[str], fired: list[str]) -> None:
    wheel.schedule("a", -3.0)
    wheel.fire()

    assert fired == ["a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), max_size=30))
def test_each_key_fires_exactly_when_it_was_first_wanted_whatever_was_asked_between(
    history: list[tuple[str, int | None]],
) -> None:
    clock, fired = Clock(), list[tuple[str, float]]()
    wheel = TimerWheel[str](lambda key: fired.append((key, clock.seconds)), clock=clock)
    wanted: dict[str, float] = {}
    expected: list[tuple[str, float]] = []
    for key, seconds in history:
        if seconds is None:
            wheel.cancel(key)
            wanted.pop(key, None)
        else:
            wheel.schedule(key, seconds)
            wanted[key] = min(wanted.get(key, 1e9), clock.seconds + seconds)
        clock.seconds += 1.0
        wheel.fire()
        expected += [(due, clock.seconds) for due, when in wanted.items() if when <= clock.seconds]
        wanted = {due: when for due, when in wanted.items() if when > clock.seconds}
        assert len(wheel) == len(wanted)
    assert sorted(fired) == sorted(expected)


async def test_the_running_wheel_wakes_for_each_key_at_its_instant() -> None:
    loop = asyncio.get_running_loop()
    fired: list[tuple[str, float]] = []
    wheel = TimerWheel[str](lambda key: fired.append((key, loop.time())), clock=loop.time)
    running = asyncio.create_task(wheel.run())
    wheel.schedule("late", 3600.0)
    await until(10.0)
    wheel.schedule("soon", 5.0)
    wheel.schedule("sooner", 2.0)
    await until(3600.0)
    running.cancel()

    assert fired == [("sooner", 12.0), ("soon", 15.0), ("late", 3600.0)]


async def test_a_key_can_be_asked_for_again_by_what_it_fires() -> None:
    loop = asyncio.get_running_loop()
    fired: list[float] = []

    def again(key: str) -> None:
        fired.append(loop.time())
        turning.schedule(key, 10.0)

    turning = TimerWheel[str](again, clock=loop.time)
    running = asyncio.create_task(turning.run())
    turning.schedule("a", 1.0)
    await until(35.0)
    running.cancel()

    assert fired == [1.0, 11.0, 21.0, 31.0]
