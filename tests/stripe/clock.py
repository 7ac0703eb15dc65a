"""Virtual time. Nothing happens by itself: who advances a clock makes what falls due by then happen, in order. Where a test wants
wall time, it enters `ticking`.

An account has one clock, and each test clock is another one for the customers that were made with it
(https://docs.stripe.com/billing/testing/test-clocks). Instants are seconds since 1970, as in Stripe's API.
"""

import asyncio
import calendar
import contextlib
import datetime as dt
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

DAY = 86_400
_TICK_SECONDS = 0.02
_TURN = itertools.count()


@dataclass(slots=True)
class Clock:
    """``now`` moves by `advance` only."""

    now: int
    _agenda: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)

    def at(self, when: int, act: Callable[[], None]) -> None:
        """Have something done then. It looks itself whether it is still to be done: nothing is ever taken off the agenda."""
        heapq.heappush(self._agenda, (when, next(_TURN), act))

    def advance(self, *, seconds: int = 0, days: int = 0) -> None:
        """Let time pass."""
        self.advance_to(self.now + seconds + days * DAY)

    def advance_to(self, when: int) -> None:
        """Let time pass until then."""
        if when < self.now:
            raise ValueError(f"It is {self.now} already: time does not go back to {when}")
        while self._agenda and self._agenda[0][0] <= when:
            due, _, act = heapq.heappop(self._agenda)
            self.now = max(self.now, due)
            act()
        self.now = when


@contextlib.asynccontextmanager
async def ticking(clock: Clock, *, speed: float = 1.0) -> AsyncIterator[None]:
    """Let a clock run by itself while this is entered: ``speed`` of its seconds for each true one."""

    async def tick() -> None:
        began, start = time.monotonic(), clock.now
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            # A test may have advanced it meanwhile.
            clock.advance_to(max(clock.now, start + int((time.monotonic() - began) * speed)))

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def later(start: int, interval: str, count: int) -> int:
    """``count`` intervals after ``start``: months and years keep the day, or take the month's last where it has no such day."""
    if interval in {"day", "week"}:
        return start + count * DAY * (7 if interval == "week" else 1)
    begun = dt.datetime.fromtimestamp(start, dt.UTC)
    months = begun.month - 1 + count * (12 if interval == "year" else 1)
    year, month = begun.year + months // 12, months % 12 + 1
    day = min(begun.day, calendar.monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())


def period_end(anchor: int, interval: str, count: int, after: int) -> int:
    """The first end of a period that is later than ``after``, where one begins at ``anchor``."""
    ends = (later(anchor, interval, count * number) for number in itertools.count(1))
    return next(end for end in ends if end > after)
