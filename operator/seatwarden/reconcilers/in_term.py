"""Writing in one's own term of office."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from seatwarden.backends.authority import StaleTerm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InTerm:
    """``term`` and ``confirm_term`` are the election's, see `SeatAllocator`."""

    term: Callable[[], int]
    confirm_term: Callable[[StaleTerm], Awaitable[None]]

    async def write(self, writing: Callable[[int], Awaitable[T]]) -> T:
        """What ``writing`` in the term gives; once more where a later one was met and this process still leads."""
        try:
            return await writing(self.term())
        except StaleTerm as stale:
            await self.confirm_term(stale)
            return await writing(self.term())
