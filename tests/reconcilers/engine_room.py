"""An engine whose reconcilers do what a test says and note when they were called."""

import asyncio
from collections import Counter

from seatwarden.reconcilers.engine import Cause, Engine, ObjectKey
from seatwarden.reconcilers.timer_wheel import TimerWheel
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")


class EngineRoom:
    """``outcomes`` are what the next runs end with, an error to raise or an answer to give; after them all is well.

    ``runs`` has the instant, key and causes of each run; a run takes ``seconds_of_work``.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.outcomes: list[Exception | float | None] = []
        self.seconds_of_work = 0.0
        self.jitter = 0.5
        self.runs: list[tuple[float, ObjectKey, set[str]]] = []
        self.most_at_once: Counter[ObjectKey] = Counter()
        self._at_work: Counter[ObjectKey] = Counter()
        self._clock = loop.time
        self.engine = Engine(
            reconcilers={Kind.SEAT_POOL: self._reconcile, Kind.SUBSCRIPTION: self._reconcile},
            wheel=TimerWheel(self._due, clock=loop.time),
            jitter=lambda: self.jitter,
            workers=3,
        )

    def runs_of(self, key: ObjectKey) -> list[tuple[float, set[str]]]:
        """When ``key`` was worked on, and why."""
        return [(when, causes) for when, ran, causes in self.runs if ran == key]

    def _due(self, key: ObjectKey) -> None:
        self.engine.due(key)

    async def _reconcile(self, key: ObjectKey, causes: frozenset[Cause]) -> float | None:
        self.runs.append((self._clock(), key, {cause.value for cause in causes}))
        self._at_work[key] += 1
        self.most_at_once[key] = max(self.most_at_once[key], self._at_work[key])
        try:
            await asyncio.sleep(self.seconds_of_work)
        finally:
            self._at_work[key] -= 1
        match self.outcomes.pop(0) if self.outcomes else None:
            case Exception() as error:
                raise error
            case outcome:
                return outcome
