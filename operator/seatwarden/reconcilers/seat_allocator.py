"""Puts the pools of one subscription into the authority, so that no seat is ever counted twice.

All caps of a subscription are written by `settle`, one run at a time: it reads what every pool has, writes smaller caps
first, and then larger ones out of what is free by the answers to those writes (the rules are in `seatwarden.domain.capacity`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from seatwarden.backends.authority import PoolAdministration, StaleTerm
from seatwarden.domain.billing.standing import bought_seats
from seatwarden.domain.capacity import Demand, Holding, grown, shares, shrunken
from seatwarden.domain.epoch import FIRST_EPOCH, next_epoch, standing_epoch, state_was_lost
from seatwarden.domain.seats import NO_TIME, Configured, Millis, PoolConfig, PoolObservation, PoolUid
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.in_term import InTerm
from seatwarden.reconcilers.known_epochs import KnownEpochs
from seatwarden.reconcilers.object_store import ObjectStore, Unreadable
from seatwarden.reconcilers.shared_runs import SharedRuns
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription

_UNLIMITED = 2**31
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a pool is to be configured, but for its cap and its epoch. ``remembered_epoch`` is the one in its status."""

    config: PoolConfig
    remembered_epoch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One pool after a run: its cap, its live leases, its epoch, and what it is entitled to.

    ``state_lost``: the authority lost what it knew of the pool, which is in a new epoch that status does not tell yet.
    ``awaits_resume``: it lost it, and no epoch begins before the suspension of what is above the pool ends.
    """

    capacity: int
    live: int
    epoch: int
    entitled: int
    state_lost: bool
    awaits_resume: bool
    recovering_for: Millis = NO_TIME


@dataclass(slots=True)
class _Round:
    """What one run knows while it goes. ``frozen``: it writes nothing. ``epochs`` has the pools that it may write."""

    frozen: bool
    observed: dict[PoolUid, PoolObservation]
    holdings: dict[PoolUid, Holding]
    entitled: dict[PoolUid, int]
    epochs: dict[PoolUid, int] = field(default_factory=dict)
    lost: set[PoolUid] = field(default_factory=set)


@dataclass(slots=True)
class SeatAllocator:
    """``term`` tells the operator's term of office; ``confirm_term`` renews it after the authority has called it stale.

    ``capacity_changed`` is told of each pool of which a run changed the cap, or found another entitlement than the last, and of
    each that it put in or raised to another epoch: the pool's own reconciler has to write that into status.
    """

    authority: PoolAdministration
    store: ObjectStore
    term: Callable[[], int]
    confirm_term: Callable[[StaleTerm], Awaitable[None]]
    capacity_changed: Callable[[PoolUid], None]
    now: Callable[[], datetime]
    _wanted: dict[PoolUid, Wanted] = field(default_factory=dict)
    _entitled: dict[PoolUid, int] = field(default_factory=dict)
    _known: KnownEpochs = field(default_factory=KnownEpochs)
    _runs: SharedRuns[ObjectKey, dict[PoolUid, Settled]] = field(init=False)

    def __post_init__(self) -> None:
        self._runs = SharedRuns(self._settle)

    def want(self, pool: PoolUid, wanted: Wanted) -> None:
        """Say how ``pool`` is to be configured. Nothing is written before the next `settle`."""
        self._wanted[pool] = wanted

    def forget(self, pool: PoolUid) -> None:
        """The pool is gone."""
        self._wanted.pop(pool, None)
        self._entitled.pop(pool, None)
        self._known.forget(pool)

    def went_back(self, pool: PoolUid, epoch: int) -> None:
        """The authority was set back to an earlier state of ``pool`` in this epoch: the next `settle` begins another."""
        self._known.went_back(pool, epoch)

    async def leave(self, subscription: ObjectKey | None, pool: PoolUid) -> None:
        """The pool is going. When this returns, nothing configures it any more."""
        self.forget(pool)
        if subscription is not None:
            await self._runs.until_over(subscription)

    async def settle(self, subscription: ObjectKey) -> dict[PoolUid, Settled]:
        """Write what the pools of ``subscription`` are to have; return them as they are now.

        Raises:
            AuthorityUnavailable: some of it may have been written; the next run goes on from what it reads.
        """
        return await self._runs.join(subscription)

    def _bought(self, found: Subscription) -> int:
        tenant = self.store.tenant(found.metadata.namespace, found.spec.tenant_ref.name)
        return bought_seats(found, tenant, self.now())

    async def _settle(self, subscription: ObjectKey) -> dict[PoolUid, Settled]:
        found = self.store.subscription(subscription.namespace, subscription.name)
        alive = found is not None and found.metadata.deletion_timestamp is None
        seats = self._bought(found) if found is not None and alive else 0
        pools = self._pools(subscription)
        observed = {
            uid: seen
            for uid, seen in zip(pools, await self.authority.observe(list(pools)), strict=True)
            if seen is not None
        }
        demands = [_demand(uid, pool, observed.get(uid)) for uid, pool in pools.items()]
        run = _Round(
            frozen=self._frozen(found),
            observed=observed,
            holdings={
                uid: Holding(capacity=seen.capacity, live=seen.live, beyond=self._beyond(uid))
                for uid, seen in observed.items()
            },
            entitled=shares(demands, seats),
        )
        for demand in demands:
            if not demand.kept:
                self._decide_epoch(run, demand.pool)
        if not run.frozen:
            await self._write_smaller(run)
            await self._write_larger(run, seats)
        self._tell_of_entitlements(run)
        return {uid: self._settled(run, uid) for uid in run.epochs if uid in self._wanted}

    def _pools(self, subscription: ObjectKey) -> dict[PoolUid, SeatPool | Unreadable]:
        where = (subscription.namespace, subscription.name)
        pools: list[SeatPool | Unreadable] = [*self.store.pools_of(*where)]
        pools += self.store.unreadable_pools_of(*where)
        return {PoolUid(pool.metadata.uid): pool for pool in pools}

    def _decide_epoch(self, run: _Round, uid: PoolUid) -> None:
        wanted = self._wanted.get(uid)
        if wanted is None:
            return
        remembered = self._known.remembered(uid, wanted.remembered_epoch)
        seen = run.observed.get(uid)
        observed = seen.epoch if seen is not None and not self._known.is_over(uid, seen.epoch) else None
        if state_was_lost(remembered=remembered, observed=observed):
            run.lost.add(uid)
        decide = standing_epoch if run.frozen else next_epoch
        epoch = decide(remembered=remembered, observed=observed)
        if epoch is not None:
            run.epochs[uid] = epoch

    def _tell_of_entitlements(self, run: _Round) -> None:
        """A pool that is entitled to more, and cannot have it yet, must know that it waits."""
        for uid in run.epochs.keys() & self._wanted.keys():
            before = self._entitled.get(uid)
            self._entitled[uid] = run.entitled[uid]
            if before is not None and before != run.entitled[uid]:
                self.capacity_changed(uid)

    def _frozen(self, found: Subscription | None) -> bool:
        """Is the subscription, or its tenant, not to be acted upon? Then its pools stay as the authority has them."""
        if found is None:
            return False
        tenant = self.store.tenant(found.metadata.namespace, found.spec.tenant_ref.name)
        return found.spec.suspend or (tenant is not None and tenant.spec.suspend)

    async def _write_smaller(self, run: _Round) -> None:
        smaller = shrunken(run.entitled, run.holdings)
        for uid in run.observed:
            if uid in run.epochs:
                await self._configure(run, uid, smaller.get(uid, run.holdings[uid].capacity))

    async def _write_larger(self, run: _Round, seats: int) -> None:
        larger = grown(
            {uid: run.entitled[uid] for uid in run.entitled if uid in run.epochs}, run.holdings, seats
        )
        for uid in run.epochs:
            if uid in larger or uid not in run.observed:
                await self._configure(run, uid, larger.get(uid, 0))

    async def _configure(self, run: _Round, uid: PoolUid, capacity: int) -> None:
        wanted = self._wanted.get(uid)
        if wanted is None:
            return
        config = replace(wanted.config, capacity=capacity, epoch=run.epochs[uid])
        before = run.holdings.get(uid)
        seen = run.observed.get(uid)
        if seen is not None and seen.config_digest == config.digest:
            return
        done = await self._configure_in_term(uid, config)
        run.holdings[uid] = Holding(capacity=capacity, live=done.live, beyond=self._beyond(uid))
        run.epochs[uid] = max(done.epoch, config.epoch)
        self._known.note(uid, run.epochs[uid])
        if done.changed:
            had = before.capacity if before is not None else 0
            direction = "larger" if capacity > had else "smaller" if capacity < had else "same"
            metrics.CAPACITY_CHANGES.labels(direction=direction).inc()
            raised = seen is None or seen.epoch < run.epochs[uid]
            if raised or capacity != had:
                self.capacity_changed(uid)

    async def _configure_in_term(self, uid: PoolUid, config: PoolConfig) -> Configured:
        return await InTerm(self.term, self.confirm_term).write(
            lambda term: self.authority.configure(uid, config, term=term)
        )

    def _beyond(self, uid: PoolUid) -> int:
        wanted = self._wanted.get(uid)
        if wanted is None:
            return 0
        return _UNLIMITED if wanted.config.shadow else wanted.config.overage

    def _settled(self, run: _Round, uid: PoolUid) -> Settled:
        has = run.holdings.get(uid, Holding(capacity=0, live=0))
        remembered = self._wanted[uid].remembered_epoch
        begun_unnoticed = remembered is not None and run.epochs[uid] > remembered
        return Settled(
            capacity=has.capacity,
            live=has.live,
            epoch=run.epochs[uid],
            entitled=run.entitled.get(uid, 0),
            state_lost=begun_unnoticed or (uid in run.lost and not run.frozen),
            awaits_resume=uid in run.lost and run.frozen,
            recovering_for=self._recovering_for(run, uid),
        )

    def _recovering_for(self, run: _Round, uid: PoolUid) -> Millis:
        """In a new epoch the authority lets only those come back who held a seat, for one lease length."""
        seen = run.observed.get(uid)
        if run.frozen or run.epochs[uid] == (seen.epoch if seen is not None else FIRST_EPOCH):
            return seen.recovering_for if seen is not None else NO_TIME
        return self._wanted[uid].config.lease


def _demand(uid: PoolUid, pool: SeatPool | Unreadable, seen: PoolObservation | None) -> Demand:
    """What a pool asks for; one that nobody may configure asks for the cap that it has."""
    created = pool.metadata.creation_timestamp or _NEVER
    going = pool.metadata.deletion_timestamp is not None
    if isinstance(pool, Unreadable) or (pool.spec.suspend and not going):
        return Demand(pool=uid, created=created, seats=seen.capacity if seen is not None else 0, kept=True)
    return Demand(pool=uid, created=created, seats=0 if going else pool.spec.seats)
