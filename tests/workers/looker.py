"""The other side of the hand-over: looks at objects, or fails to."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from seatwarden.domain.stripe_events import Change


@dataclass
class Time:
    """Seconds that pass only when told to."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return time.time() + self.seconds


@dataclass
class Looker:
    """Counts how often it looked at which object; fails for those in ``broken``, waits while ``gate`` is closed."""

    looked: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    broken: dict[str, BaseException] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    async def look(self, change: Change) -> None:
        """The callback."""
        name = change.object.id
        self.begun[name] += 1
        await self.gate.wait()
        if name in self.broken:
            raise self.broken[name]
        self.changes.append(change)
        self.looked[name] += 1
