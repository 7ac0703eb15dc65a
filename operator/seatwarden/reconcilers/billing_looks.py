"""When a resource has to be looked at at the payment provider: what was asked for, and what was not looked at for long.

What is settled is not asked about again: a status that says so is believed over a restart, as a change there is told by a
webhook, and found by the next look at everything.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from seatwarden.resources.base import ObjectMeta


class _Status(Protocol):
    @property
    def observed_generation(self) -> int | None: ...
    @property
    def last_handled_reconcile_at(self) -> str | None: ...


def is_about(status: _Status, meta: ObjectMeta) -> bool:
    """Whether ``status`` tells of the spec as it is now, and of no run before the one that a person asked for."""
    asked = meta.reconcile_requested_at
    return status.observed_generation == meta.generation and asked == status.last_handled_reconcile_at


@dataclass(slots=True)
class BillingLooks:
    """By uid of the resource. ``seconds`` is how long a look is good for; ``jitter`` gives random numbers in [0, 1)."""

    clock: Callable[[], float]
    jitter: Callable[[], float]
    seconds: float
    _asked: dict[str, int] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Event] = field(default_factory=dict)
    _number: int = 0

    def ask(self, uid: str) -> None:
        """Something may be otherwise there: look at the next run."""
        self._number += 1
        self._asked[uid] = self._number

    def begin(self, uid: str) -> int:
        """What to hand to `done` when the look that begins now has seen everything."""
        return self._asked.get(uid, 0)

    def done(self, uid: str, begun: int, *, good_for: float | None = None) -> None:
        """A look is over, and good for so many seconds, or as long as usual if that is shorter. What was asked for after it had
        begun stays asked for."""
        if self._asked.get(uid, 0) == begun:
            self._asked.pop(uid, None)
            self._tell(uid)
        seconds = self.seconds if good_for is None else min(good_for, self.seconds)
        self._until[uid] = self.clock() + seconds

    def due_in(self, uid: str) -> float:
        """Seconds until the next look is due by itself."""
        return max(self._until.get(uid, self.clock()) - self.clock(), 0.0)

    def is_due(self, uid: str) -> bool:
        """Whether to look, also at what was settled."""
        if uid in self._asked:
            return True
        # Not all at once where a process has just begun.
        until = self._until.setdefault(uid, self.clock() + self.seconds * (0.5 + self.jitter() / 2))
        return self.clock() >= until

    async def looked_at(self, uid: str) -> None:
        """Return as soon as everything that was asked for is seen and noted, or the resource is gone."""
        if uid in self._asked:
            await self._waiting.setdefault(uid, asyncio.Event()).wait()

    def _tell(self, uid: str) -> None:
        waiting = self._waiting.pop(uid, None)
        if waiting is not None:
            waiting.set()

    def forget(self, uid: str) -> None:
        """The resource is gone."""
        self._asked.pop(uid, None)
        self._until.pop(uid, None)
        self._tell(uid)
