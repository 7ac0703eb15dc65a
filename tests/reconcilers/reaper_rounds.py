"""A reaper in virtual time, and what it told."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prometheus_client import REGISTRY

from seatwarden.domain.seats import NO_TIME, Millis, PoolCounts, PoolUid
from seatwarden.reconcilers.reaper import Reaper, ReaperSettings
from tests.reconcilers.authority_in_memory import AuthorityInMemory

POOL = PoolUid("pool")
HOUR = Millis(3_600_000)
QUIET = PoolCounts(
    epoch=1,
    capacity=5,
    live=2,
    peak=3,
    seat_milliseconds=0,
    granted=7,
    released=5,
    expired=0,
    taken_over=0,
    denied=0,
    purged=0,
    unpurged=0,
    next_expiry_in=HOUR,
    recovering_for=NO_TIME,
    overage=0,
    overage_granted=0,
    would_deny=0,
    version_blocked=0,
    rate_limited=0,
    device_limit=0,
    devices=0,
)


@dataclass
class Rounds:
    """A reaper, and what it told."""

    authority: AuthorityInMemory = field(default_factory=AuthorityInMemory)
    told: list[str] = field(default_factory=list)
    visits: dict[PoolUid, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.authority.before = self._visited
        self.reaper = Reaper(
            authority=self.authority,
            settings=ReaperSettings(),
            clock=self.clock,
            jitter=lambda: 0.5,
            changed=lambda pool: self.told.append(f"changed {pool}"),
            lost=lambda pool: self.told.append(f"lost {pool}"),
            went_back=lambda pool, epoch: self.told.append(f"{pool} went back in epoch {epoch}"),
            unavailable=lambda: self.told.append("unavailable"),
            restored=lambda: self.told.append("restored"),
        )

    def _visited(self) -> None:
        for pool in self.authority.swept[-1]:
            self.visits.setdefault(pool, []).append(self.clock())

    def visits_of(self, pool: PoolUid) -> list[float]:
        return [round(when, 3) for when in self.visits.get(pool, ())]

    @contextmanager
    def under_way(self) -> Iterator[None]:
        running = asyncio.create_task(self.reaper.run())
        yield
        running.cancel()


def sample(name: str, **labels: str) -> float:
    """A metric as it is now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
