"""The pace of calls to Stripe: below what Stripe allows, and what somebody waits for before what nobody waits for.

Stripe allows 100 requests a second in live mode and 25 in a sandbox, and 25 a second to one endpoint
(https://docs.stripe.com/rate-limits). Other programs of the vendor share these, so a quarter is left to them;
a burst on top of the even pace stays below the limit too.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

_LEFT_TO_OTHERS = 0.75
_BURST_SECONDS = 0.25
_SAME_INSTANT_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests a second: in all, and to one endpoint."""

    overall: float
    endpoint: float


LIVE = Pace(100 * _LEFT_TO_OTHERS, 25 * _LEFT_TO_OTHERS)
SANDBOX = Pace(25 * _LEFT_TO_OTHERS, 25 * _LEFT_TO_OTHERS)


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds a burst of a quarter of a second."""

    rate: float
    clock: Callable[[], float]
    _full_at: float = 0.0
    """When it would be full again by the clock."""

    def wait(self) -> float:
        """Seconds until a request may go, without taking its place."""
        wait = self._full_at - _BURST_SECONDS - self.clock() + 1 / self.rate
        # A clock that is read in floats may never show the last bit of the instant that was waited for.
        return wait if wait > _SAME_INSTANT_SECONDS else 0.0

    def take(self) -> None:
        """Note that a request goes now."""
        self._full_at = max(self._full_at, self.clock()) + 1 / self.rate


@dataclass(slots=True)
class Pacer:
    """Lets requests pass one by one, urgent ones first."""

    pace: Pace
    clock: Callable[[], float]
    _overall: Bucket = field(init=False)
    _endpoints: dict[str, Bucket] = field(default_factory=dict)
    _line: list[tuple[bool, int, asyncio.Future[None], str]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _porter: "asyncio.Task[None] | None" = None
    _paused_until: float = 0.0

    def __post_init__(self) -> None:
        self._overall = Bucket(self.pace.overall, self.clock)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._line)

    async def turn(self, endpoint: str, *, urgent: bool) -> None:
        """Wait until a request to ``endpoint``, such as "POST /v1/subscriptions", may go."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (not urgent, next(self._numbers), place, endpoint))
        if self._porter is None or self._porter.done():
            self._porter = asyncio.create_task(self._let_pass())
        await place

    def pause(self, seconds: float) -> None:
        """Let nothing pass for so long: Stripe asked for it."""
        self._paused_until = max(self._paused_until, self.clock() + seconds)

    async def _let_pass(self) -> None:
        while self._line:
            wait = await self._pass_what_may()
            if self._line:
                await asyncio.sleep(wait)

    async def _pass_what_may(self) -> float:
        """Let pass whoever may now, in order; return the seconds until somebody else may."""
        held: list[tuple[bool, int, asyncio.Future[None], str]] = []
        soonest = float("inf")
        while self._line:
            shared = max(self._overall.wait(), self._paused_until - self.clock())
            if shared > 0:
                soonest = min(soonest, shared)
                break
            one = heapq.heappop(self._line)
            if one[2].done():
                continue
            bucket = self._endpoints.setdefault(one[3], Bucket(self.pace.endpoint, self.clock))
            if (wait := bucket.wait()) > 0:
                soonest = min(soonest, wait)
                held.append(one)
                continue
            bucket.take()
            self._overall.take()
            one[2].set_result(None)
        for one in held:
            heapq.heappush(self._line, one)
        return soonest
