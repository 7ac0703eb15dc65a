"""All periodic and delayed work of the operator, in one task over one heap.

A timer per object costs a task each and, in kopf, about 80 times the CPU of this. A key is in the wheel at most once:
asking for it again keeps the earlier of the two instants, so that a retry never postpones a check that is already due.
"""

import asyncio
import heapq
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class TimerWheel(Generic[Key]):
    """Calls ``due`` with every key whose time has come, in order of time. ``clock`` gives monotonic seconds."""

    def __init__(self, due: Callable[[Key], None], *, clock: Callable[[], float]) -> None:
        self._due = due
        self._clock = clock
        self._heap: list[tuple[float, int, Key]] = []
        self._when: dict[Key, float] = {}
        self._order = count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._when)

    def now(self) -> float:
        """The present instant, by the wheel's clock."""
        return self._clock()

    def schedule(self, key: Key, seconds: float) -> None:
        """Make ``key`` due ``seconds`` from now, unless it is due earlier already."""
        self.schedule_at(key, self._clock() + max(seconds, 0.0))

    def schedule_at(self, key: Key, when: float) -> None:
        """Make ``key`` due at an instant, unless it is due earlier already."""
        if key in self._when and self._when[key] <= when:
            return
        self._when[key] = when
        heapq.heappush(self._heap, (when, next(self._order), key))
        if self._heap[0][0] == when:
            self._changed.set()

    def cancel(self, key: Key) -> None:
        """Forget ``key``; nothing happens where it is not scheduled."""
        self._when.pop(key, None)

    def fire(self) -> float | None:
        """Hand out everything that is due; return the seconds until the next key, or None where there is none."""
        while self._heap:
            when, _, key = self._heap[0]
            if self._when.get(key) != when:
                heapq.heappop(self._heap)
                continue
            wait = when - self._clock()
            if wait > 0:
                return wait
            heapq.heappop(self._heap)
            del self._when[key]
            self._due(key)
        return None

    async def run(self) -> None:
        """Fire keys until cancelled."""
        while True:
            self._changed.clear()
            wait = self.fire()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue
