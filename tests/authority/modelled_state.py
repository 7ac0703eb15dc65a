"""What the model of a pool knows, and what becomes of it with time: what is counted, purged, forgotten and let back in."""

import math
from dataclasses import dataclass, field
from itertools import accumulate

from seatwarden.domain.seats import Code, KeyUse, Millis, PoolState, SeatGroup

PURGE_CHUNK = 200
TRIM_STEP = 400
TOMBSTONES = 10_000
KEPT_AT_LEAST = 600_000
FENCE_STEP, FENCES_GO_ROUND = 4, 1 << 31


@dataclass
class ModelLease:
    """A lease, or the tombstone of one. ``lease_id`` is learned from the real answer, for the order among equals."""

    fence: int
    nonce: str
    since: int
    expiry: int
    lease_id: str = ""
    ended: Code | None = None
    ended_at: int = 0
    quantity: int = 1
    group: str = ""
    borrowed_until: int = 0
    lingers: bool = False
    """It was given back, and its seats are kept for its holder until it expires."""
    above: dict[int, int] = field(default_factory=dict)
    """Its seats that were granted above the capacity, while that is so: by their number, the fence of the grant."""


@dataclass
class ModelTicket:
    """A holder that waits until ``lapses``, or that has seats under offer until then."""

    place: tuple[int, int]
    quantity: int
    group: str
    lapses: int
    offered: bool = False


@dataclass
class ModelledState:
    """One pool. In recovery nothing is purged, and only leases count that were heard of since."""

    capacity: int = 2
    overage: int = 0
    drain: bool = False
    shadow: bool = False
    groups: dict[str, SeatGroup] = field(default_factory=dict)
    only_groups: bool = False
    holder_limit: float = math.inf
    version_min: str = ""
    version_max: str = ""
    rate_key: int = 0
    rate_holder: int = 0
    rates: dict[str, int] = field(default_factory=dict)
    """By `k` and key id or `h` and holder: up to which microsecond the wishes use its share of time."""
    device_limit: int = 0
    device_cooldown: int = 0
    device_removed_at: int | None = None
    devices: dict[str, int] = field(default_factory=dict)
    """When each holder was registered."""
    borrow_seats: int = 0
    borrow_longest: int = 0
    borrow_low_water: int = 0
    spared: bool = False
    """Only the shadow mode gives the seat that is being asked for."""
    queue_size: int = 0
    claim: int = 30_000
    tickets: dict[str, ModelTicket] = field(default_factory=dict)
    numbers: int = 0
    lease: int = 3_600_000
    state: PoolState = PoolState.ACTIVE
    valid_until: int | None = None
    epoch: int = 1
    counter: int = 0
    clock: int = 0
    charged: int = 0
    peak: int = 0
    suspended_from: int | None = None
    suspended_until: int | None = None
    recover_until: int = 0
    run: str | None = None
    outage: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    key_uses: dict[str, KeyUse] = field(default_factory=dict)
    leases: dict[str, ModelLease] = field(default_factory=dict)

    def holding(self) -> list[ModelLease]:
        """Leases without a tombstone, purged first come first."""
        held = [lease for lease in self.leases.values() if lease.ended is None]
        return sorted(held, key=lambda lease: (lease.expiry, lease.lease_id))

    def live(self, now: int) -> int:
        """In recovery those that were heard of."""
        counted_from = self._counted_from(now)
        return sum(lease.quantity for lease in self.holding() if lease.expiry >= counted_from)

    def _counted_from(self, now: int) -> int:
        return self.recover_until if self.recovering(now) else now + 1

    def used(self) -> int:
        """The seats of leases without a tombstone."""
        return sum(lease.quantity for lease in self.holding())

    def group_has(self, group: str) -> int:
        """The seats of leases of a group that have no tombstone."""
        return sum(lease.quantity for lease in self.holding() if lease.group == group)

    def held_back(self) -> int:
        """The seats that are reserved for groups and that these do not have."""
        return sum(max(0, group.reserved - self.group_has(name)) for name, group in self.groups.items())

    def recovering(self, now: int) -> int:
        """For how long only those come back who held a seat."""
        return max(0, self.recover_until - now)

    def lease_from_now(self, now: int) -> int:
        return max(self.lease, self.recovering(now))

    def left(self, now: int, lease: ModelLease) -> int:
        """For how long it can be renewed."""
        return max(lease.expiry - now, self.recovering(now))

    def seat_milliseconds(self, now: int) -> int:
        """The exact sum at ``now``, also of what is not purged yet."""
        clock = max(self.clock, now)
        held = (
            (one.quantity, (one.expiry if one.expiry <= now else clock) - one.since) for one in self.holding()
        )
        return self.charged + sum(quantity * max(0, time) for quantity, time in held)

    def closed(self, now: int) -> Code | None:
        if self.state is not PoolState.ACTIVE:
            return Code(self.state.value)
        return Code.EXPIRED if self.valid_until is not None and now >= self.valid_until else None

    @property
    def limit(self) -> float:
        """How many may hold a seat."""
        return math.inf if self.shadow else self.capacity + self.overage

    def above(self) -> list[tuple[int, int, ModelLease]]:
        """The seats that are marked as above the capacity, oldest first: the fence, the seat's number, its lease."""
        marks = ((fence, seat, lease) for lease in self.holding() for seat, fence in lease.above.items())
        return sorted(marks, key=lambda mark: (mark[0], mark[2].lease_id, mark[1]))

    def _may_come_back(self, now: int, lease: ModelLease, quantity: int) -> bool:
        """May ``lease`` live on in recovery, with so many seats?"""
        counted = lease.quantity if lease.expiry >= self.recover_until else 0
        return quantity <= counted or self.live(now) - counted + quantity <= self.limit

    def _resize(self, now: int, lease: ModelLease, quantity: int) -> None:
        """The lease has ``quantity`` seats from now on, and is charged anew."""
        self.clock = max(self.clock, now)
        if quantity != lease.quantity:
            self.charged += lease.quantity * max(0, self.clock - lease.since)
            lease.quantity, lease.since = quantity, self.clock
        lease.above = {seat: fence for seat, fence in lease.above.items() if seat <= quantity}

    def _convert(self, now: int) -> int:
        """The oldest above the capacity become base leases where there are seats for them."""
        above = self.above()
        surplus = 0 if self.recovering(now) else len(above) - max(0, self.live(now) - self.capacity)
        # Those that a bounded purge left are live to nobody, and are above nothing.
        for _, seat, lease in above[: max(0, min(PURGE_CHUNK, surplus))]:
            del lease.above[seat]
            self._count("converted")
        return max(0, surplus)

    def _renew(self, now: int, lease: ModelLease) -> None:
        lease.expiry = max(lease.expiry, now + self.lease_from_now(now))

    def _commit(self, now: int) -> None:
        self.clock = max(self.clock, now)
        self.peak = max(self.peak, self.live(now))
        self._convert(now)

    def _begin_recovery(self, now: int, epoch: int, lease: int) -> None:
        ends = [now + lease, self.recover_until if self.recovering(now) else 0]
        here = [one.expiry for one in self.holding() if one.borrowed_until <= now]
        self.recover_until = max(*ends, *here) + 1
        for away in self.holding():
            if away.borrowed_until > now:
                away.expiry = max(away.expiry, self.recover_until)
        self.epoch, self.counter = epoch, now // FENCE_STEP % FENCES_GO_ROUND
        self.clock = max(self.clock, now)

    def _extend(self, now: int, recover_until: int) -> None:
        counted_from = self._counted_from(now)
        for lease in self.holding():
            if lease.expiry >= counted_from:
                lease.expiry = max(lease.expiry, recover_until)
        self.recover_until = recover_until

    def _prolong(self, now: int, began: int, ended: int) -> bool:
        holding = [(one, one.expiry + ended - began) for one in self.holding()]
        found = [(one, end) for one, end in holding if began < one.expiry < ended + self.lease]
        if self.recover_until > began and self.recover_until - self.lease > ended:
            return False
        if self.recover_until > began:
            self._extend(now, self.recover_until + ended - began)
        for lease, end in found:
            lease.expiry = end
        return bool(found)

    def _gone(self, now: int, holder: str | None, fence: int) -> Code | None:
        held = self.leases.get(holder or "")
        if held is None:
            return Code.UNKNOWN_SESSION
        if held.fence != fence:
            return Code.STALE_FENCE
        if held.lingers:
            return Code.RELEASED
        return held.ended or (None if self.left(now, held) > 0 else self._ran_out(held.expiry))

    def _ran_out(self, expiry: int) -> Code:
        began, ended = self.suspended_from, self.suspended_until
        suspended = began is not None and began <= expiry and (ended is None or expiry < ended)
        return Code.SUSPENDED if suspended else Code.LEASE_EXPIRED

    def _purge_for_groups(self, now: int, first: list[ModelLease]) -> int:
        """All that is expired where there are groups. More than the 10,000 that one call purges are not modelled."""
        purged = found = self._purge(now, first)
        while self.groups and found > 0 and not self.recovering(now):
            found = self._purge(now, [])
            purged += found
        return purged

    def _purge(self, now: int, first: list[ModelLease]) -> int:
        if self.recovering(now):
            if self.used() > self.live(now):
                self._commit(now)
            return 0
        due = [lease for lease in self.holding() if lease.expiry <= now and lease not in first]
        before = accumulate((lease.quantity for lease in due), initial=0)
        purged = first + [lease for lease, seats in zip(due, before, strict=False) if seats < PURGE_CHUNK]
        if purged:
            self.clock = max(self.clock, now)
        for lease in purged:
            self._end(lease, self._ran_out(lease.expiry), lease.expiry, now, "expired")
        return len(purged)

    def _forget(self, now: int) -> None:
        keep = max(2 * self.lease, KEPT_AT_LEAST)
        ended = [(one.ended_at, one.lease_id, holder) for holder, one in self.leases.items() if one.ended]
        old = [entry for entry in sorted(ended) if entry[0] <= now - keep][:TRIM_STEP]
        surplus = len(ended) - TOMBSTONES
        if surplus > len(old):
            old = sorted(ended)[: min(surplus, TRIM_STEP)]
        for _, _, holder in old:
            del self.leases[holder]

    def _end(self, lease: ModelLease, code: Code, instant: int, now: int, total: str) -> None:
        if lease.lingers:
            code, total, lease.lingers = Code.RELEASED, "released", False
        lease.ended, lease.ended_at, lease.above, lease.borrowed_until = code, now, {}, 0
        self.charged += lease.quantity * max(0, instant - lease.since)
        self._count(total)

    def _note_use(self, now: int, key_id: str, code: Code) -> None:
        granted, denied, _ = self.key_uses.get(key_id, (0, 0, 0))
        given, kept = code is Code.GRANTED, code in {Code.EXISTING, Code.QUEUED}
        self.key_uses[key_id] = KeyUse(granted + given, denied + (not given and not kept), Millis(now))

    def _next_fence(self) -> int:
        self.counter += 1
        return (self.epoch << 32) + self.counter

    def _count(self, total: str, number: int = 1) -> None:
        self.totals[total] = self.totals.get(total, 0) + number
