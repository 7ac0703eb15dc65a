"""What a SeatPool's status says, from what its last run found and what the authority counted since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from seatwarden.domain import findings
from seatwarden.domain.borrow_mirror import told_borrows
from seatwarden.domain.borrowing import Borrows
from seatwarden.domain.key_ring import Turn
from seatwarden.domain.key_status import licence_keys, rotation_waiting, tokens
from seatwarden.domain.seat_groups import seats_of_groups
from seatwarden.domain.seats import NO_TIME, KeyUse, Millis, PoolCounts
from seatwarden.resources.borrowing import BorrowStatus
from seatwarden.resources.conditions import ConditionType, Finding, find_condition, merge_conditions
from seatwarden.resources.names import POOL_LABEL, licence_key_secret
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seat_limits import DevicesStatus
from seatwarden.resources.seatpool import Mode, Refused, SeatPool, SeatPoolStatus

_ROUNDED_SECONDS = 10
_NONE_REFUSED = Refused(version=0, rate=0, device=0, borrow=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A pool as the authority has it after a run."""

    capacity: int
    live: int
    epoch: int
    entitled: int
    keys: Turn
    takes_tokens: bool = False
    recovering_for: Millis = NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRun:
    """What the last run of a pool found. ``problem`` is why it is not ready, None where it is, as far as that run knew."""

    problem: tuple[Reason, str] | None
    provisioned: Provisioned | None
    tenant: str
    device_request: str | None = None
    """The request for the removal of a device that is settled by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCounts:
    """Fresh numbers from the reaper."""

    live: int
    peak: int
    key_uses: Mapping[str, KeyUse] = field(default_factory=dict)
    recovering_for: Millis = NO_TIME
    overage: int = 0
    would_deny: int = 0
    groups: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    refused: Refused = _NONE_REFUSED
    devices: int = 0
    borrowed: int = 0
    borrows: Borrows | None = None
    """None where that is not known just now."""
    evicted: int = 0
    evicts_at: Millis | None = None
    """The instant at which seats above what is allowed are evicted; None where none are."""
    drains: bool = False
    """Whether the pool was to run empty already when this was counted."""


def live_counts(counts: PoolCounts, borrows: Borrows | None) -> LiveCounts:
    """What of the ``counts`` of a sweep is shown, and what is borrowed."""
    return LiveCounts(
        live=counts.live,
        peak=counts.peak,
        key_uses=counts.key_uses,
        recovering_for=counts.recovering_for,
        overage=counts.overage,
        would_deny=counts.would_deny,
        groups=counts.groups,
        waiting=counts.waiting,
        devices=counts.devices,
        evicted=counts.evicted,
        evicts_at=counts.evicts_at,
        borrowed=counts.borrowed,
        borrows=borrows,
        drains=counts.drains,
        refused=Refused(
            version=counts.version_blocked,
            rate=counts.rate_limited,
            device=counts.device_limit,
            borrow=counts.borrow_limit,
        ),
    )


def pool_status(pool: SeatPool, run: PoolRun, counts: LiveCounts | None, *, now: datetime) -> SeatPoolStatus:
    """The status to have. Where a run could not learn a number, the one that was last told stays."""
    before = pool.status
    has = run.provisioned
    capacity = has.capacity if has is not None else before.capacity or 0
    live = counts.live if counts is not None else has.live if has is not None else before.used or 0
    above = counts.overage if counts is not None else before.overage or 0
    would_deny = counts.would_deny if counts is not None else before.would_deny or 0
    refused = counts.refused if counts is not None else before.refused or _NONE_REFUSED
    recovery = _recovery(run, counts, now)
    borrows = _borrows(before, counts)
    away = _borrowed_away(borrows["borrows"])
    return SeatPoolStatus(
        observed_generation=pool.metadata.generation,
        conditions=merge_conditions(
            before.conditions,
            (
                *_findings(pool, run, recovery),
                *_over_capacity(pool, has, counts, live=live, away=away),
                *_policy_findings(pool, has, above=above, would_deny=would_deny),
                *_draining(pool, has, counts, live=live, away=away),
                *findings.recovering(recovery),
            ),
            generation=pool.metadata.generation,
            now=now,
        ),
        capacity=capacity,
        used=live,
        free=0 if recovery is not None or _gives_none(pool) else max(capacity - live, 0),
        peak=max(before.peak or 0, live, counts.peak if counts is not None else 0),
        overage=above,
        would_deny=would_deny,
        borrowed=counts.borrowed if counts is not None else before.borrowed or 0,
        **borrows,
        evicted=counts.evicted if counts is not None else before.evicted or 0,
        queued=counts.waiting if counts is not None else before.queued or 0,
        groups=seats_of_groups(
            pool.spec.groups, before.groups, counts.groups if counts is not None else None
        ),
        devices=_devices(pool, counts),
        refused=refused,
        tenant=run.tenant or before.tenant,
        selector=f"{POOL_LABEL}={pool.metadata.name}",
        epoch=has.epoch if has is not None else before.epoch,
        licence_key_secret=licence_key_secret(pool.metadata.name)
        if has is not None
        else before.licence_key_secret,
        licence_key_id=has.keys.ring.newest.key_id if has is not None else before.licence_key_id,
        licence_keys=licence_keys(pool, has.keys.ring, counts.key_uses if counts is not None else None)
        if has is not None
        else before.licence_keys,
        tokens=tokens(
            pool,
            counts.key_uses if counts is not None else None,
            are_taken=has.takes_tokens if has is not None else None,
        ),
        last_handled_reconcile_at=pool.metadata.reconcile_requested_at,
        last_handled_rotate_licence_key_at=(has.keys.ring.rotated_for if has is not None else None)
        or before.last_handled_rotate_licence_key_at,
        last_handled_remove_device=run.device_request or before.last_handled_remove_device,
    )


def _borrows(before: SeatPoolStatus, counts: LiveCounts | None) -> dict[str, Any]:
    known = counts.borrows if counts is not None else None
    if known is None:
        return {"borrows": before.borrows, "borrows_epoch": before.borrows_epoch}
    return {"borrows": told_borrows(known.leases), "borrows_epoch": known.epoch if known.leases else None}


def _borrowed_away(borrows: Sequence[BorrowStatus]) -> str:
    until = max((each.until for each in borrows), default=None)
    return findings.borrowed_away(seats=sum(each.seats for each in borrows), until=until)


def _devices(pool: SeatPool, counts: LiveCounts | None) -> DevicesStatus | None:
    limit, before = pool.spec.limits.devices, pool.status.devices
    if limit is None:
        return None
    told = before.registered or 0 if before is not None else 0
    return DevicesStatus(registered=told if counts is None else counts.devices, limit=limit)


def _gives_none(pool: SeatPool) -> bool:
    return pool.spec.drain and pool.spec.mode is Mode.ENFORCE


def _recovery(run: PoolRun, counts: LiveCounts | None, now: datetime) -> str | None:
    """Until when only holders come back, as a sentence; None where anybody may."""
    told = counts if counts is not None else run.provisioned
    if told is None or told.recovering_for <= 0:
        return None
    # Rounded, or the sentence would be another one with each look.
    until = now + timedelta(milliseconds=told.recovering_for)
    until += timedelta(seconds=-until.second % _ROUNDED_SECONDS)
    return (
        "Redis may have lost what it knew of this pool. Programs that held a seat come back; others get one again "
        f"from about {until:%H:%M:%S} UTC on."
    )


def _findings(pool: SeatPool, run: PoolRun, recovery: str | None) -> Sequence[Finding]:
    has = run.provisioned
    redis = findings.redis_ready(f"The pool is in Redis, epoch {has.epoch}.") if has is not None else None
    if run.problem is not None:
        reason, message = run.problem
        if reason in (Reason.REDIS_UNAVAILABLE, Reason.DELETION_BLOCKED_BY_REDIS):
            redis = findings.redis_ready(message, problem=Reason.REDIS_UNAVAILABLE)
        elif reason in (Reason.REDIS_UNFIT, Reason.AWAITING_RESUME):
            redis = findings.redis_ready(message, problem=reason)
        told = findings.not_ready(reason, message)
    elif recovery is not None:
        told = findings.not_ready(Reason.RECOVERING, recovery)
    elif has is not None and has.capacity < pool.spec.seats:
        told = findings.not_ready(Reason.AWAITING_CAPACITY, _awaiting(pool, has))
    elif _gives_none(pool):
        told = findings.ready("No new seat is given while spec.drain is true.")
    else:
        told = findings.ready(
            f"{pool.spec.seats} seats can be taken with the key in Secret {_secret(pool)!r}."
        )
    return (*told, *((redis,) if redis is not None else ()))


def _over_capacity(
    pool: SeatPool, has: Provisioned | None, counts: LiveCounts | None, *, live: int, away: str
) -> Sequence[Finding]:
    if has is None or pool.spec.mode is Mode.SHADOW:
        return ()
    found = findings.over_capacity(
        live=live,
        capacity=has.capacity,
        overage=pool.spec.overage.seats,
        evicts_at=_clock_time(counts.evicts_at) if counts is not None else None,
        away=away,
    )
    before = find_condition(pool.status.conditions, ConditionType.OVER_CAPACITY)
    if found and counts is None and before is not None and before.reason == Reason.EVICTION_PENDING:
        # A run that could not learn the deadline has not heard that there is none.
        return findings.eviction_pending(before.message)
    return found


def _clock_time(instant: Millis | None) -> str | None:
    return None if instant is None else f"{datetime.fromtimestamp(instant / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _policy_findings(
    pool: SeatPool, has: Provisioned | None, *, above: int, would_deny: int
) -> Sequence[Finding]:
    """What the pool's policies make of the seats that are held."""
    if has is None:
        return ()
    allowed, shadow = pool.spec.overage.seats, pool.spec.mode is Mode.SHADOW
    return (
        *findings.overage(held=above, allowed=allowed, capacity=has.capacity),
        *(findings.shadow_mode(would_deny=would_deny) if shadow else ()),
        *findings.rotation_waiting(rotation_waiting(has.keys.waits_until)),
    )


def _draining(
    pool: SeatPool, has: Provisioned | None, counts: LiveCounts | None, *, live: int, away: str
) -> Sequence[Finding]:
    """A seat may have been given since the last count of a pool that did not drain then."""
    if has is None or not _gives_none(pool):
        return ()
    return findings.draining(live=live, is_certain=counts is None or counts.drains, away=away)


def _awaiting(pool: SeatPool, has: Provisioned) -> str:
    subscription = pool.spec.subscription_ref.name
    if has.entitled < pool.spec.seats:
        return (
            f"{has.capacity} of {pool.spec.seats} seats: Subscription {subscription!r} has no more left. "
            "Raise its seats, or lower those of this pool or of an older one."
        )
    return (
        f"{has.capacity} of {pool.spec.seats} seats: the others are still held in other pools of Subscription "
        f"{subscription!r} and follow as they come back."
    )


def _secret(pool: SeatPool) -> str:
    return licence_key_secret(pool.metadata.name)
