"""A queue of keys with the guarantees of a controller's work queue.

A key waits at most once however often it is added, is never worked on twice at a time, and one that is added while it is
being worked on comes back afterwards. With it travel the causes for which it was added, so that a light cause can be
answered with light work.
"""

import asyncio
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Cause = TypeVar("Cause", bound=Hashable)


class WorkQueue(Generic[Key, Cause]):
    """Keys in order of first addition, each with the set of its causes."""

    def __init__(self) -> None:
        self._waiting: dict[Key, set[Cause]] = {}
        self._busy: set[Key] = set()
        self._again: dict[Key, set[Cause]] = {}
        self._ready = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    @property
    def idle(self) -> bool:
        """True where nothing waits and nothing is being worked on."""
        return not (self._waiting or self._busy or self._again)

    def add(self, key: Key, causes: Iterable[Cause]) -> None:
        """Add ``causes`` to the key, and the key to the queue where it is not in it."""
        if key in self._busy:
            self._again.setdefault(key, set()).update(causes)
        elif key in self._waiting:
            self._waiting[key].update(causes)
        else:
            self._waiting[key] = set(causes)
            self._ready.release()

    async def take(self) -> tuple[Key, frozenset[Cause]]:
        """The next key and its causes. The caller must call `done` with the key when it has finished."""
        await self._ready.acquire()
        key = next(iter(self._waiting))
        causes = self._waiting.pop(key)
        self._busy.add(key)
        return key, frozenset(causes)

    def done(self, key: Key) -> None:
        """The key's work is over; it queues again if it was added meanwhile."""
        self._busy.discard(key)
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, again)
