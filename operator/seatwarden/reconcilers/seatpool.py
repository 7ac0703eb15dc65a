"""SeatPool: finalizer, licence key, the pool in the authority, status. In that order, so that nothing is ever left behind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
import structlog

from seatwarden.backends.authority import AuthorityUnavailable, PoolAdministration
from seatwarden.backends.kubernetes_api import Forbidden
from seatwarden.domain.billing.standing import is_trial, valid_until
from seatwarden.domain.borrowing import Borrows
from seatwarden.domain.device_requests import device_named, removal_told
from seatwarden.domain.gates import POOL_GATES, Closed, Upstream, first_closed
from seatwarden.domain.identity_token import IDENTITY_KEY_ID, identity_key_hash
from seatwarden.domain.key_ring import KeyRing, Turn, dies_at, next_death
from seatwarden.domain.key_status import rotated, rotation_waiting
from seatwarden.domain.licence_key import key_id_of
from seatwarden.domain.pauses import pause_until, soonest
from seatwarden.domain.pool_status import PoolRun, Provisioned, live_counts, pool_status
from seatwarden.domain.seat_groups import seat_groups
from seatwarden.domain.seats import DeviceRemoval, Millis, PoolConfig, PoolCounts, PoolState, PoolUid
from seatwarden.domain.transitions import leases_evicted
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.borrow_mirror import BorrowMirror
from seatwarden.reconcilers.engine import Cause, Engine, ObjectKey, RetryLater, add_all
from seatwarden.reconcilers.identities import Identities, trusts_tokens
from seatwarden.reconcilers.licence_key_secret import LicenceKeySecrets
from seatwarden.reconcilers.licences import entitlements_of
from seatwarden.reconcilers.object_store import Entry, ObjectStore, Unreadable
from seatwarden.reconcilers.ownership import Finalizers, Problem
from seatwarden.reconcilers.reaper import Reaper
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.reconcilers.seat_allocator import SeatAllocator, Settled, Wanted
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.conditions import ConditionType, find_condition
from seatwarden.resources.names import FINALIZER, Kind
from seatwarden.resources.reasons import Outlook, Reason
from seatwarden.resources.seatpool import Mode, OnShrink, OnSuspend, SeatPool, SeatPoolStatus
from seatwarden.resources.subscription import Phase

log = structlog.get_logger(__name__)

STALLED_RECHECK_SECONDS = 30.0
"""Secrets are not watched, so a pool that waits for a person to mend one looks again this often."""
AWAITING_RECHECK_SECONDS = 10.0
MIRROR_AGAIN_SECONDS = 2.0
REDIS_AWAY = "Redis does not answer; seats that are held go on by what it last knew. Check that it runs and can be reached."


@dataclass(slots=True)
class SeatPoolReconciler:
    """``deletion_patience``: for how long a deletion waits for Redis before it lets the pool go and leaves its keys.

    ``redis_problem`` says why Redis may not hold seats, None where it may.
    """

    engine: Engine
    store: ObjectStore
    authority: PoolAdministration
    allocator: SeatAllocator
    reaper: Reaper
    keys: LicenceKeySecrets
    finalizers: Finalizers
    status: StatusWriter
    identities: Identities
    borrows: BorrowMirror
    said: SaidDocuments
    now: Callable[[], datetime]
    redis_problem: Callable[[], str | None]
    deletion_patience: timedelta = timedelta(minutes=10)
    _runs: dict[PoolUid, PoolRun] = field(default_factory=dict)
    _key_of: dict[PoolUid, ObjectKey] = field(default_factory=dict)

    async def reconcile(self, key: ObjectKey, causes: frozenset[Cause]) -> float | None:
        """Make the pool so. See `Reconcile`."""
        pool = self.store.existing(key)
        if isinstance(pool, Unreadable) and pool.metadata.deletion_timestamp is None:
            return await report_unreadable(self.status, key, pool)
        if pool.metadata.deletion_timestamp is not None:
            return await self._finalize(key, pool)
        assert isinstance(pool, SeatPool)
        if pool.spec.suspend:
            return await report_suspended(self.status, key, pool)
        # Fresh numbers go beside what the last run found, so that run must have been of this generation.
        if causes == {Cause.COUNTS} and pool.status.observed_generation == pool.metadata.generation:
            return await self._publish(key, self.store.pool_in_plan(pool))
        return await self._make_true(key, self.store.pool_in_plan(pool))

    def key_of(self, pool: PoolUid) -> ObjectKey | None:
        """The resource of a pool that this reconciler has provisioned."""
        return self._key_of.get(pool)

    def forget(self, pool: PoolUid) -> None:
        """The pool is gone from the authority, or its resource is."""
        self._runs.pop(pool, None)
        self._key_of.pop(pool, None)
        self.allocator.forget(pool)
        self.reaper.forget(pool)

    async def _make_true(self, key: ObjectKey, pool: SeatPool) -> float | None:
        above = self._above(key, pool)
        closed = _not_to_be_provisioned(pool, above) if above.frozen else first_closed(POOL_GATES, above)
        told = (closed.reason, closed.message) if closed is not None else None
        tenant = above.tenant.metadata.name if above.tenant is not None else ""
        if closed is not None and pool.status.epoch is None:
            return await self._report(key, pool, PoolRun(problem=told, provisioned=None, tenant=tenant))
        try:
            await self.finalizers.ensure(key, pool)
            kept = await self.keys.ensure(key, pool)
            keys = self.keys.turn(pool, kept.ring, now=above.now, may_rotate=not above.frozen)
            settled = await self._provision(key, pool, keys.ring, above, closed)
            if above.subscription is not None:
                await self.said.subscription_of(pool.metadata.uid, above.subscription.metadata.uid)
            if above.tenant is not None and trusts_tokens(above.tenant):
                await self.identities.open_door(key, PoolUid(pool.metadata.uid), above.tenant)
            # Behind Redis: whoever reads a key in the Secret can take a seat with it at once.
            await self.keys.save(key, kept, keys.ring)
            request, removal = await self._remove_device(pool)
        except Problem as problem:
            failed = PoolRun(problem=(problem.reason, problem.message), provisioned=None, tenant=tenant)
            return await self._report(key, pool, failed)
        except Forbidden as error:
            failed = PoolRun(
                problem=(Reason.KUBERNETES_UNAVAILABLE, str(error)), provisioned=None, tenant=tenant
            )
            await self._report(key, pool, failed)
            raise RetryLater(str(error)) from error
        except AuthorityUnavailable as error:
            failed = PoolRun(problem=(Reason.REDIS_UNAVAILABLE, REDIS_AWAY), provisioned=None, tenant=tenant)
            await self._report(key, pool, failed)
            raise RetryLater(str(error)) from error
        if settled.awaits_resume:
            told = (Reason.AWAITING_RESUME, _awaiting_resume(above))
        provisioned = _provisioned(settled, keys, takes_tokens=trusts_tokens(above.tenant))
        run = PoolRun(problem=told, provisioned=provisioned, tenant=tenant, device_request=request)
        again = await self._report(key, pool, run)
        await self._tell_of_keys(key, pool, keys)
        if request is not None:
            reason, note = removal_told(request, removal)
            await self.status.event(key, pool, reason, note, warning=reason is Reason.DEVICE_NOT_REMOVED)
        next_key_dies = next_death(keys.ring, pool.spec.licence_key.overlap)
        return soonest(
            again, pause_until(_valid_until(above), above.now), pause_until(next_key_dies, above.now)
        )

    async def _remove_device(self, pool: SeatPool) -> tuple[str | None, DeviceRemoval | None]:
        """The request that is new since the status that ``pool`` has, and what came of it.

        A run that dies before the status has it asks again, and then there is nothing left to remove.
        """
        request = pool.metadata.remove_device_requested
        if request is None or request == pool.status.last_handled_remove_device:
            return None, None
        named = device_named(request)
        if named is None:
            return request, None
        return request, await self.authority.dismiss_device(PoolUid(pool.metadata.uid), named)

    async def _tell_of_keys(self, key: ObjectKey, pool: SeatPool, keys: Turn) -> None:
        """Events of what is new since the status that ``pool`` had before this run."""
        before = pool.status
        if before.licence_key_id not in (None, keys.ring.newest.key_id):
            metrics.LICENCE_KEY_ROTATIONS.inc()
            note = rotated(before.licence_key_id or "", keys.ring, pool.spec.licence_key.overlap)
            await self.status.event(key, pool, Reason.LICENCE_KEY_ROTATED, note, warning=False)
        waiting = rotation_waiting(keys.waits_until)
        if waiting is not None and find_condition(before.conditions, ConditionType.ROTATION_WAITING) is None:
            await self.status.event(key, pool, Reason.TOO_MANY_LICENCE_KEYS, waiting, warning=True)

    async def _provision(
        self, key: ObjectKey, pool: SeatPool, ring: KeyRing, above: Upstream, closed: Closed | None
    ) -> Settled:
        unfit = self.redis_problem()
        if unfit is not None:
            raise Problem(Reason.REDIS_UNFIT, unfit)
        uid = PoolUid(pool.metadata.uid)
        config = _config(pool, ring, above, closed)
        self.allocator.want(uid, Wanted(config=config, remembered_epoch=pool.status.epoch))
        subscription = ObjectKey(Kind.SUBSCRIPTION, key.namespace, pool.spec.subscription_ref.name)
        settled = (await self.allocator.settle(subscription)).get(uid)
        if settled is None:
            raise RetryLater("the pool was deleted or suspended meanwhile")
        if settled.state_lost:
            log.warning(
                "the authority had lost this pool; it starts again in a new epoch", epoch=settled.epoch
            )
        self._key_of[uid] = key
        self.reaper.track(uid, lends=pool.spec.borrow.max_seats > 0)
        counted = self.reaper.counts.get(uid)
        is_late = counted is not None and config.drain and not counted.drains
        if is_late or settled.live > (0 if config.ends_at_once else settled.capacity):
            # What is due to end must not wait for the next round, and nor must the deadline be told then only, or that
            # nobody holds a seat any more.
            self.reaper.hurry(uid)
        return settled

    async def _report(self, key: ObjectKey, pool: SeatPool, run: PoolRun) -> float | None:
        uid = PoolUid(pool.metadata.uid)
        self._runs[uid] = run
        again = await self._publish(key, pool)
        if run.problem is not None and run.problem[0].outlook is Outlook.TERMINAL:
            return STALLED_RECHECK_SECONDS
        has = run.provisioned
        awaits = has is not None and has.capacity < has.entitled
        return soonest(again, AWAITING_RECHECK_SECONDS if awaits else None)

    async def _publish(self, key: ObjectKey, pool: SeatPool) -> float | None:
        uid = PoolUid(pool.metadata.uid)
        run = self._runs.get(uid)
        current = self.store.entry(key)
        if run is None or not isinstance(current, SeatPool) or current.metadata.uid != uid:
            return None
        counts = self.reaper.counts.get(uid)
        borrows, again = None, None
        if counts is not None:
            borrows, again = await self._mirror_borrows(key, current, counts)
        live = live_counts(counts, borrows) if counts is not None else None
        # The spec that was reconciled, the status that is there: a spec that changed meanwhile has its own run coming.
        observed = current.model_copy(update={"spec": pool.spec, "metadata": pool.metadata})
        status = pool_status(observed, run, live, now=self.now())
        await self.status.write(key, current, status)
        if (told := leases_evicted(current.status.evicted, status.evicted)) is not None:
            await self.status.event(key, current, told.reason, told.note, warning=told.warning)
        return again

    async def _mirror_borrows(
        self, key: ObjectKey, pool: SeatPool, counts: PoolCounts
    ) -> tuple[Borrows | None, float | None]:
        """What is borrowed, None where that cannot be known now; and when to look again."""
        try:
            found = await self.borrows.reflect(PoolUid(pool.metadata.uid), pool.status, counts)
        except AuthorityUnavailable:
            return None, MIRROR_AGAIN_SECONDS
        if found.restored:
            note = f"Redis had lost {found.restored} borrowed leases; they were put back from status.borrows."
            await self.status.event(key, pool, Reason.BORROWS_RESTORED, note, warning=True)
        return found.borrows, MIRROR_AGAIN_SECONDS if found.borrows is None else None

    async def _finalize(self, key: ObjectKey, entry: Entry) -> float | None:
        if FINALIZER not in entry.metadata.finalizers:
            return None
        uid = PoolUid(entry.metadata.uid)
        parent = self.store.parent(key)
        # A run that still configures it would put it back.
        await self.allocator.leave(parent, uid)
        try:
            await self.authority.remove(uid)
            await self.identities.close_door(key)
            await self.said.withdraw_pool(uid, is_last=parent is None or not self.store.lease_givers(parent))
        except AuthorityUnavailable as error:
            await self._wait_for_redis(key, entry, error)
        self.forget(uid)
        await self.finalizers.remove(key, entry)
        if parent is not None:
            add_all(self.engine, self.store.below(parent), Cause.RELATED)
        return None

    async def _wait_for_redis(self, key: ObjectKey, entry: Entry, error: AuthorityUnavailable) -> None:
        never_ready = isinstance(entry.status, SeatPoolStatus) and entry.status.epoch is None
        if never_ready and not await self.keys.is_there(key, entry):
            return  # the key is made before anything is in Redis, so nothing is
        since = entry.metadata.deletion_timestamp
        left = self.deletion_patience - (self.now() - since) if since is not None else timedelta(0)
        if left <= timedelta(0):
            note = "Redis did not answer while the pool was deleted: its keys stay there and can be removed by hand."
            await self.status.event(key, entry, Reason.DELETION_BLOCKED_BY_REDIS, note, warning=True)
            return
        if isinstance(entry, SeatPool):
            message = f"Redis does not answer. The deletion waits for it until {_clock_time(self.now() + left)}, then goes on."
            blocked = PoolRun(
                problem=(Reason.DELETION_BLOCKED_BY_REDIS, message), provisioned=None, tenant=""
            )
            await self._report(key, entry, blocked)
        raise RetryLater(str(error)) from error

    def _above(self, key: ObjectKey, pool: SeatPool) -> Upstream:
        name = pool.spec.subscription_ref.name
        subscription = self.store.subscription(key.namespace, name)
        tenant_name = subscription.spec.tenant_ref.name if subscription is not None else ""
        return Upstream(
            subscription_name=name,
            tenant_name=tenant_name,
            subscription=subscription,
            tenant=self.store.tenant(key.namespace, tenant_name),
            now=self.now(),
        )

    def counts_changed(self, uid: PoolUid) -> None:
        """The reaper's call: fresh numbers, or room for a sibling that awaits capacity."""
        key = self._key_of.get(uid)
        if key is None:
            return
        self.engine.add(key, Cause.COUNTS)
        parent = self.store.parent(key)
        for sibling in self.store.pools_of(key.namespace, parent.name) if parent is not None else ():
            run = self._runs.get(PoolUid(sibling.metadata.uid))
            if (
                run is not None
                and run.provisioned is not None
                and run.provisioned.capacity < run.provisioned.entitled
            ):
                self.engine.add(
                    ObjectKey(Kind.SEAT_POOL, key.namespace, sibling.metadata.name), Cause.RELATED
                )


def _not_to_be_provisioned(pool: SeatPool, above: Upstream) -> Closed | None:
    """Under a Subscription or Tenant that is not to be acted upon, pools stay as they are, and new ones wait."""
    if pool.status.epoch is not None:
        return None
    return Closed(
        reason=Reason.SUBSCRIPTION_NOT_READY,
        message=f"spec.suspend of Subscription {above.subscription_name!r} or of its Tenant is true: the pool waits for it.",
        phase=Phase.PENDING,
        state=PoolState.SUSPENDED,
    )


def _awaiting_resume(above: Upstream) -> str:
    return (
        "Redis lost what it knew of this pool. Nothing is written while spec.suspend is true: the pool is set up when that of "
        f"Subscription {above.subscription_name!r} and of its Tenant are false."
    )


def _config(pool: SeatPool, ring: KeyRing, above: Upstream, closed: Closed | None) -> PoolConfig:
    """All but capacity and epoch, which the allocator decides."""
    until, overlap = _valid_until(above), pool.spec.licence_key.overlap
    return PoolConfig(
        tenant_uid=above.tenant.metadata.uid if above.tenant is not None else "",
        generation=pool.metadata.generation,
        epoch=0,
        state=closed.state if closed is not None else PoolState.ACTIVE,
        capacity=0,
        lease=_millis(pool.spec.lease.duration),
        heartbeat=_millis(pool.spec.lease.heartbeat),
        signed_for=_millis(pool.spec.lease.offline_grace),
        valid_until=_instant(until) if until is not None else None,
        key_ids={sha256: key_id_of(sha256) for _, keys in ring.all_keys() for sha256 in keys.hashes}
        | _identity_key(pool, above),
        keys_die={
            each.sha256: _instant(dies_at(each, overlap))
            for _, keys in ring.all_keys()
            for each in keys.earlier
        },
        key_groups={sha256: group for group, keys in ring.groups.items() for sha256 in keys.hashes},
        document=_document(pool, above),
        overage=pool.spec.overage.seats,
        drain=pool.spec.drain,
        shadow=pool.spec.mode is Mode.SHADOW,
        groups=seat_groups(pool.spec.groups),
        only_groups=pool.spec.only_groups,
        holder_limit=pool.spec.limits.seats_per_holder,
        queue_size=pool.spec.queue.size,
        claim=_millis(pool.spec.queue.claim_window),
        version_min=pool.spec.versions.minimum or "",
        version_max=pool.spec.versions.maximum or "",
        rate_key=pool.spec.limits.acquires_per_minute.per_key or 0,
        rate_holder=pool.spec.limits.acquires_per_minute.per_holder or 0,
        device_limit=pool.spec.limits.devices or 0,
        device_cooldown=_millis(pool.spec.limits.device_cooldown),
        borrow_seats=pool.spec.borrow.max_seats,
        borrow_longest=_millis(pool.spec.borrow.max_duration),
        borrow_low_water=pool.spec.borrow.low_water,
        evict_after=_millis(pool.spec.evict_after) if pool.spec.on_shrink is OnShrink.EVICT else None,
        ends_at_once=_ends_at_once(pool, closed),
        linger=_millis(pool.spec.linger),
    )


def _ends_at_once(pool: SeatPool, closed: Closed | None) -> bool:
    """Only a suspension that somebody asked for ends leases. A Subscription that is made anew is not there for a moment."""
    asked_for = closed is not None and closed.phase is Phase.SUSPENDED
    return asked_for and pool.spec.on_suspend is OnSuspend.IMMEDIATELY


def _identity_key(pool: SeatPool, above: Upstream) -> dict[str, str]:
    """What tokens that the endpoint has verified open the pool with, if any may; see docs/adr/0020-tokens-open-as-a-key.md."""
    uid = PoolUid(pool.metadata.uid)
    return {identity_key_hash(uid): IDENTITY_KEY_ID} if trusts_tokens(above.tenant) else {}


def _document(pool: SeatPool, above: Upstream) -> str:
    """What `validate` tells a client about its licence."""
    bought = above.subscription.spec if above.subscription is not None else None
    entitlements = entitlements_of(above.subscription) if above.subscription is not None else {}
    document = {
        "tenant": above.tenant_name,
        "subscription": above.subscription_name,
        "pool": pool.metadata.name,
        "plan": bought.plan.name if bought is not None else "",
        "trial": above.subscription is not None and is_trial(above.subscription, above.tenant),
        "entitlements": entitlements,
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def _provisioned(settled: Settled, keys: Turn, *, takes_tokens: bool) -> Provisioned:
    return Provisioned(
        capacity=settled.capacity,
        live=settled.live,
        epoch=settled.epoch,
        entitled=settled.entitled,
        keys=keys,
        takes_tokens=takes_tokens,
        recovering_for=settled.recovering_for,
    )


def _valid_until(above: Upstream) -> datetime | None:
    return valid_until(above.subscription, above.tenant) if above.subscription is not None else None


def _instant(instant: datetime) -> Millis:
    return Millis(int(instant.timestamp() * 1000))


def _millis(length: timedelta) -> Millis:
    return Millis(length // timedelta(milliseconds=1))


def _clock_time(instant: datetime) -> str:
    return instant.strftime("%H:%M:%S UTC")
