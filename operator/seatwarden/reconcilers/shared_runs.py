"""One run per key at a time, shared by all who come for it.

Who comes while a run is under way may want what it did not see, so they all share the next one, which begins after it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class SharedRuns(Generic[Key, Answer]):
    """Calls ``run`` with a key whenever somebody wants it run."""

    def __init__(self, run: Callable[[Key], Awaitable[Answer]]) -> None:
        self._run = run
        self._running: dict[Key, asyncio.Task[Answer]] = {}
        self._next: dict[Key, asyncio.Task[Answer]] = {}

    @property
    def idle(self) -> bool:
        """True where no run is under way or to come."""
        return not (self._running or self._next)

    async def join(self, key: Key) -> Answer:
        """The answer of a run that begins after this call. A caller that is cancelled leaves the run to the others."""
        waiting = self._next.get(key)
        if waiting is None:
            waiting = asyncio.create_task(self._after(self._running.get(key), key))
            self._next[key] = waiting
            waiting.add_done_callback(_retrieve)
        return await asyncio.shield(waiting)

    async def until_over(self, key: Key) -> None:
        """Return when the run of ``key`` that is under way now, if there is one, has ended."""
        running = self._running.get(key)
        if running is not None:
            await asyncio.wait([running])

    async def _after(self, before: asyncio.Task[Answer] | None, key: Key) -> Answer:
        if before is not None:
            await asyncio.wait([before])
        else:
            await asyncio.sleep(0)
        task = self._next.pop(key)
        self._running[key] = task
        try:
            return await self._run(key)
        finally:
            if self._running.get(key) is task:
                del self._running[key]


def _retrieve(task: asyncio.Task[Answer]) -> None:
    """Mark the task's error as seen: every caller that waits has it, and one that was cancelled does not want it."""
    if not task.cancelled():
        task.exception()
