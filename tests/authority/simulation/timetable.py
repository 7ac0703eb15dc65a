"""What happens next in a simulated world: a heap of instants, and the clock of the authority that follows it."""

import heapq
import itertools
from collections.abc import Callable

from tests.authority.virtual_time import BEGINNING, VirtualClock


class Timetable:
    """The world's own time. Redis's ``clock`` is behind it by ``behind``: that grows where a server takes over whose clock
    is slow, and never shrinks, as no promise holds under a clock that leaps ahead.
    """

    def __init__(self) -> None:
        self.now = BEGINNING
        self.clock = VirtualClock()
        self.behind = 0
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []

    def at(self, instant: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (max(instant, self.now), next(self._order), action))

    def after(self, pause: int, action: Callable[[], None]) -> None:
        self.at(self.now + pause, action)

    def fall_behind(self, milliseconds: int) -> None:
        self.behind += milliseconds
        self._set(self.now)

    def step(self) -> None:
        """Let the next thing happen."""
        instant, _, action = heapq.heappop(self._heap)
        self._set(instant)
        action()

    def forward(self, milliseconds: int) -> None:
        """Let time pass in which nothing happens, and drop all that was to happen."""
        self._heap.clear()
        self._set(self.now + milliseconds)

    def _set(self, instant: int) -> None:
        self.now = instant
        self.clock.now = instant - self.behind
