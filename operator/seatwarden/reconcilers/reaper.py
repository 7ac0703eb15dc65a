"""The reaper: visits every pool in time, purges what nobody asked for, and brings back the numbers for status and metrics.

A seat whose lease has expired can be taken at once without the reaper (the acquire script purges for itself). What it is for
is the pools that nobody asks: their ledger, their metrics, their status. When to come back is told by the sweep itself, which
knows the soonest expiry of the pool, so no index of expiries has to be kept beside the leases on the hot path.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from seatwarden.backends.authority import AuthorityUnavailable, PoolAdministration
from seatwarden.domain.backoff import spread
from seatwarden.domain.epoch import counts_went_back
from seatwarden.domain.seats import PoolCounts, PoolUid
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.timer_wheel import TimerWheel

log = structlog.get_logger(__name__)

BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaperSettings:
    """Seconds, but for ``idle_rate``.

    A pool in which something happens is visited every ``busy``. An idle one is visited as often too while there are few
    pools, and so much more seldom where there are many that idle pools cost at most ``idle_rate`` visits a second in all;
    but never less often than every ``idle``. One that lends seats is visited every ``lending``, where ``idle_rate`` allows
    that: what is borrowed has to be mirrored before it can be lost. What changes with almost every request of a program
    (the uses and refusals of licence keys) is not worth a write of the status each time: it is told ``late`` at most.
    """

    busy: float = 10.0
    idle: float = 60.0
    idle_rate: float = 200.0
    lending: float = 2.0
    late: float = 60.0
    unavailable: float = 2.0

    def idle_pause(self, pools: int) -> float:
        """Seconds between two visits of an idle pool where there are ``pools`` in all."""
        return min(self.idle, max(self.busy, pools / self.idle_rate))


@dataclass(slots=True)
class Reaper:
    """Calls ``changed`` with each pool whose numbers are new, ``lost`` with each that the authority does not know, ``went_back``
    with each of which it has an earlier state than before, and in which epoch, ``restored`` once when the authority answers
    again, and ``unavailable`` once when it stops to."""

    authority: PoolAdministration
    settings: ReaperSettings
    clock: Callable[[], float]
    jitter: Callable[[], float]
    changed: Callable[[PoolUid], None]
    lost: Callable[[PoolUid], None]
    went_back: Callable[[PoolUid, int], None]
    unavailable: Callable[[], None]
    restored: Callable[[], None]
    counts: dict[PoolUid, PoolCounts] = field(default_factory=dict)
    _pause: dict[PoolUid, float] = field(default_factory=dict)
    _lending: set[PoolUid] = field(default_factory=set)
    _told: dict[PoolUid, "_Told"] = field(default_factory=dict)
    _due: list[PoolUid] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _away: bool = False
    _wheel: TimerWheel[PoolUid] = field(init=False)

    def __post_init__(self) -> None:
        self._wheel = TimerWheel(self._is_due, clock=self.clock)

    def track(self, pool: PoolUid, *, lends: bool = False) -> None:
        """Visit ``pool`` from now on, and soon if it ``lends`` seats from now on."""
        if pool not in self._pause:
            self._pause[pool] = self.settings.busy
            self._wheel.schedule(pool, spread(self.settings.busy, self.jitter()) * self.jitter())
        if lends and pool not in self._lending:
            self._lending.add(pool)
            self._wheel.schedule(pool, self._lending_pause())

    def hurry(self, pool: PoolUid) -> None:
        """Visit ``pool`` at once, and then as before."""
        if pool in self._pause:
            self._wheel.schedule(pool, 0.0)

    def forget(self, pool: PoolUid) -> None:
        """Never visit ``pool`` again."""
        self._pause.pop(pool, None)
        self._lending.discard(pool)
        self.counts.pop(pool, None)
        self._told.pop(pool, None)
        self._wheel.cancel(pool)

    async def run(self) -> None:
        """Sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wheel.run())
            group.create_task(self._sweep_for_ever())

    def _is_due(self, pool: PoolUid) -> None:
        self._due.append(pool)
        self._wake.set()

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                batch = [pool for pool in self._due[:BATCH] if pool in self._pause]
                del self._due[:BATCH]
                await self._sweep(batch)

    async def _sweep(self, batch: list[PoolUid]) -> None:
        try:
            # While nobody can renew leases, their expiry pauses: an outage must not become a mass death here.
            silent = (await self.authority.feel_pulse()).silent
            found = [] if silent else await self.authority.sweep(batch)
        except AuthorityUnavailable as error:
            metrics.SWEEPS.labels(result="unavailable").inc(len(batch))
            self._note_away(error)
            for pool in batch:
                self._wheel.schedule(pool, spread(self.settings.unavailable, self.jitter()))
            return
        self._note_back()
        if silent:
            metrics.SWEEPS.labels(result="silent").inc(len(batch))
            for pool in batch:
                self._wheel.schedule(pool, spread(self.settings.unavailable, self.jitter()))
            return
        for pool, counts in zip(batch, found, strict=True):
            if pool not in self._pause:
                continue
            if counts is None:
                metrics.SWEEPS.labels(result="unknown").inc()
                self.counts.pop(pool, None)
                self._told.pop(pool, None)
                self.lost(pool)
                self._wheel.schedule(pool, self.settings.busy)
            else:
                self._take_in(pool, counts)

    def _take_in(self, pool: PoolUid, counts: PoolCounts) -> None:
        metrics.SWEEPS.labels(result="ok").inc()
        metrics.LEASES_REAPED.inc(counts.purged)
        before = self.counts.get(pool)
        self.counts[pool] = counts
        busy = before is None or counts.granted != before.granted or counts.live != before.live
        pause = (
            self.settings.busy
            if busy
            else min(self._pause[pool] * 2, self.settings.idle_pause(len(self._pause)))
        )
        self._pause[pool] = pause
        if counts.lends or counts.borrowed:
            self._lending.add(pool)
            pause = min(pause, self._lending_pause())
        else:
            self._lending.discard(pool)
        soonest = max(counts.next_expiry_in / 1000, min(self.settings.busy, 1.0))
        self._wheel.schedule(
            pool, 0.0 if counts.unpurged or counts.due else min(spread(pause, self.jitter()), soonest)
        )
        if self._is_news(pool, counts):
            self._told[pool] = _Told(at=self.clock(), counts=counts)
            self.changed(pool)
        if before is not None and counts_went_back(before, counts):
            self.went_back(pool, counts.epoch)

    def _is_news(self, pool: PoolUid, counts: PoolCounts) -> bool:
        told = self._told.get(pool)
        if told is None or _published(told.counts) != _published(counts):
            return True
        return told.counts.key_uses != counts.key_uses and self.clock() - told.at >= self.settings.late

    def _lending_pause(self) -> float:
        return max(self.settings.lending, len(self._lending) / self.settings.idle_rate)

    def _note_away(self, error: AuthorityUnavailable) -> None:
        if not self._away:
            self._away = True
            log.warning("the seat authority is away", reason=str(error))
            self.unavailable()

    def _note_back(self) -> None:
        if self._away:
            self._away = False
            log.info("the seat authority is back")
            self.restored()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What was last told of a pool, and when by the clock."""

    at: float
    counts: PoolCounts


def _published(counts: PoolCounts) -> tuple[object, ...]:
    """What of the counts is shown in status as soon as it changes."""
    numbers = (counts.live, counts.capacity, counts.peak, counts.epoch, counts.overage, counts.would_deny)
    at_gates = (counts.version_blocked, counts.rate_limited, counts.device_limit, counts.devices)
    lent = (counts.borrowed, counts.borrow_changes, counts.borrow_limit)
    ended = (counts.evicted, counts.evicts_at, counts.drains)
    return (
        *numbers,
        *at_gates,
        *lent,
        *ended,
        *counts.groups.items(),
        counts.waiting,
        counts.recovering_for > 0,
    )
