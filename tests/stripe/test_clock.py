"""Virtual time, and the ends of periods."""

import asyncio
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.stripe.clock import DAY, Clock, later, period_end, ticking


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(f"{text}T12:30:00+00:00").timestamp())


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2026-01-15", "month", 1, "2026-02-15"),
        ("2026-01-31", "month", 1, "2026-02-28"),
        ("2028-01-31", "month", 1, "2028-02-29"),
        ("2026-01-31", "month", 2, "2026-03-31"),
        ("2026-11-30", "month", 3, "2027-02-28"),
        ("2028-02-29", "year", 1, "2029-02-28"),
        ("2028-02-29", "year", 4, "2032-02-29"),
        ("2026-01-31", "week", 2, "2026-02-14"),
        ("2026-01-31", "day", 1, "2026-02-01"),
    ],
)
def test_months_keep_the_day_or_take_the_last(start: str, interval: str, count: int, end: str) -> None:
    assert later(at(start), interval, count) == at(end)


def test_a_short_month_does_not_make_the_next_ones_short() -> None:
    anchor, ends = at("2026-01-31"), []
    end = anchor
    for _ in range(4):
        end = period_end(anchor, "month", 1, end)
        ends.append(end)
    assert ends == [at("2026-02-28"), at("2026-03-31"), at("2026-04-30"), at("2026-05-31")]


@given(some.integers(0, 2_000_000_000), some.integers(0, 900 * DAY), some.sampled_from(["month", "year"]))
def test_a_period_ends_after_it_began_and_within_one_interval(anchor: int, gone: int, interval: str) -> None:
    now = anchor + gone
    end = period_end(anchor, interval, 1, now)
    assert now < end <= now + (366 if interval == "year" else 31) * DAY


def test_what_is_due_happens_in_order_and_sees_its_own_time() -> None:
    clock, seen = Clock(100), []
    for when in (130, 110, 120, 111):
        clock.at(when, lambda when=when: seen.append((when, clock.now)))  # type: ignore[misc]  # bound early
    clock.advance(seconds=20)
    assert seen == [(110, 110), (111, 111), (120, 120)]
    assert clock.now == 120
    clock.advance(days=1)
    assert seen[-1] == (130, 130)


def test_what_happens_may_make_more_happen() -> None:
    clock, seen = Clock(0), []

    def again() -> None:
        seen.append(clock.now)
        clock.at(clock.now + 10, again)

    clock.at(10, again)
    clock.advance(seconds=35)
    assert seen == [10, 20, 30]


def test_what_is_due_now_or_was_missed_happens_at_the_next_move() -> None:
    clock, seen = Clock(50), []
    clock.at(50, lambda: seen.append(clock.now))
    clock.at(40, lambda: seen.append(clock.now))
    clock.advance()
    assert seen == [50, 50]


async def test_a_clock_can_run_by_itself_for_a_while() -> None:
    clock, passed = Clock(0), asyncio.Event()
    clock.at(1000, passed.set)
    async with ticking(clock, speed=100_000):
        async with asyncio.timeout(30):
            await passed.wait()
        # What a test adds is kept.
        clock.advance(days=365)
    stopped = clock.now
    assert stopped >= 1000 + 365 * DAY
    await asyncio.sleep(0.05)
    assert clock.now == stopped


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        Clock(50).advance_to(49)
