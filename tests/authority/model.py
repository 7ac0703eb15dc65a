"""The seat authority as a page of Python: what the real one is compared with, answer by answer.

It is pure. The instant of each call comes in, so it goes with any clock, and it says exactly what must be answered,
which fence is next and how many seat-milliseconds there are. It does not share the real one's way of counting: that
keeps an integral and corrects it; here each lease is charged from its own beginning to its own end.

What is remembered of ended leases, and until when, is part of what clients see. So the model purges and forgets where the
scripts do. A policy that comes later adds its own verdict to `acquire` and its own fields to `ModelLease`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from seatwarden.domain.seats import Code, PoolState

PURGE_CHUNK = 200
TRIM_STEP = 400
TOMBSTONES = 10_000
KEPT_AT_LEAST = 600_000


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


@dataclass
class SeatModel:
    """One pool. ``key`` is whether the caller's licence key is one of the pool's."""

    capacity: int = 2
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
    totals: dict[str, int] = field(default_factory=dict)
    leases: dict[str, ModelLease] = field(default_factory=dict)

    def holding(self) -> list[ModelLease]:
        """Leases without a tombstone, purged first come first."""
        held = [lease for lease in self.leases.values() if lease.ended is None]
        return sorted(held, key=lambda lease: (lease.expiry, lease.lease_id))

    def live(self, now: int) -> int:
        return sum(lease.ended is None and lease.expiry > now for lease in self.leases.values())

    def seat_milliseconds(self, now: int) -> int:
        """The exact sum at ``now``, also of what is not purged yet."""
        clock = max(self.clock, now)
        ends = ((one.since, one.expiry if one.expiry <= now else clock) for one in self.holding())
        return self.charged + sum(max(0, end - since) for since, end in ends)

    def closed(self, now: int) -> Code | None:
        if self.state is not PoolState.ACTIVE:
            return Code(self.state.value)
        return Code.EXPIRED if self.valid_until is not None and now >= self.valid_until else None

    def acquire(self, now: int, holder: str, nonce: str) -> tuple[Code, int | None]:
        """The code, and the fence that is given or how long to wait."""
        if (closed := self.closed(now)) is not None:
            self._count("denied")
            return closed, None
        held = self.leases.get(holder)
        if held is not None and held.ended is None and held.expiry > now:
            held.expiry = now + self.lease
            if held.nonce == nonce:
                return Code.EXISTING, held.fence
            held.nonce, held.fence = nonce, self._next_fence()
            self._count("taken_over")
            self.clock = max(self.clock, now)
            return Code.GRANTED, held.fence
        own = [held] if held is not None and held.ended is None else []
        if self._purge(now, own) > 0:
            self._forget(now)
        live = self.live(now)
        if live >= self.capacity:
            self._count("denied")
            held_until = [lease.expiry for lease in self.holding()]
            rank = len(held_until) - self.capacity
            return Code.POOL_EXHAUSTED, held_until[rank] - now if rank < len(held_until) else None
        self.clock = max(self.clock, now)
        self.leases[holder] = ModelLease(self._next_fence(), nonce, self.clock, now + self.lease)
        self.peak = max(self.peak, live + 1)
        self._count("granted")
        return Code.GRANTED, self.leases[holder].fence

    def heartbeat(self, now: int, holder: str | None, fence: int) -> tuple[Code, int]:
        """The code, and how long the lease then lives."""
        verdict = self._gone(now, holder, fence)
        if verdict is not None:
            return verdict, 0
        held = self.leases[holder or ""]
        if (closed := self.closed(now)) is not None:
            return closed, held.expiry - now
        held.expiry = now + self.lease
        return Code.OK, self.lease

    def release(self, now: int, holder: str | None, fence: int) -> Code:
        verdict = self._gone(now, holder, fence)
        if verdict is not None:
            return verdict if verdict is Code.STALE_FENCE else Code.ALREADY_RELEASED
        self.clock = max(self.clock, now)
        self._end(self.leases[holder or ""], Code.RELEASED, self.clock, now, "released")
        self._forget(now)
        return Code.RELEASED

    def validate(self, now: int, holder: str | None) -> tuple[Code, int]:
        """The code for a lease that is asked for, and how long that lives."""
        held = self.leases.get(holder or "")
        code, left = Code.UNKNOWN_SESSION, 0
        if held is not None:
            left = 0 if held.ended else max(0, held.expiry - now)
            code = held.ended or (Code.OK if left else Code.LEASE_EXPIRED)
            code = Code.LEASE_EXPIRED if code is Code.SUSPENDED else code
        return self.closed(now) or code, left

    def sweep(self, now: int) -> int:
        """How many are purged."""
        purged = self._purge(now, [])
        self._forget(now)
        return purged

    def configure(self, now: int, state: PoolState, epoch: int) -> None:
        """The effects of a changed configuration; plain fields are set by the caller."""
        if state is PoolState.SUSPENDED and self.state is not state:
            self.suspended_from, self.suspended_until = now, None
        elif self.state is PoolState.SUSPENDED and state is not self.state:
            self.suspended_until = now
        self.state = state
        if epoch > self.epoch:
            self.epoch, self.counter = epoch, 0
        self.clock = max(self.clock, now)

    def _gone(self, now: int, holder: str | None, fence: int) -> Code | None:
        held = self.leases.get(holder or "")
        if held is None:
            return Code.UNKNOWN_SESSION
        if held.fence != fence:
            return Code.STALE_FENCE
        return held.ended or (None if held.expiry > now else self._ran_out(held.expiry))

    def _ran_out(self, expiry: int) -> Code:
        began, ended = self.suspended_from, self.suspended_until
        suspended = began is not None and began <= expiry and (ended is None or expiry < ended)
        return Code.SUSPENDED if suspended else Code.LEASE_EXPIRED

    def _purge(self, now: int, first: list[ModelLease]) -> int:
        due = [lease for lease in self.holding() if lease.expiry <= now and lease not in first]
        purged = first + due[:PURGE_CHUNK]
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
        lease.ended, lease.ended_at = code, now
        self.charged += max(0, instant - lease.since)
        self._count(total)

    def _next_fence(self) -> int:
        self.counter += 1
        return (self.epoch << 32) + self.counter

    def _count(self, total: str) -> None:
        self.totals[total] = self.totals.get(total, 0) + 1


@dataclass
class LedgerReplay:
    """What a reader of the ledger alone knows: who holds a seat, and how long each was held."""

    held: dict[str, int] = field(default_factory=dict)
    fences: list[int] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    charged: int = 0

    @classmethod
    def of(cls, ledger: Iterable[Mapping[str, str]]) -> "LedgerReplay":
        replay = cls()
        for entry in ledger:
            replay._read(entry)
        return replay

    def _read(self, entry: Mapping[str, str]) -> None:
        event = entry["event"]
        self.totals[event] = self.totals.get(event, 0) + 1
        match event:
            case "granted":
                assert entry["lease"] not in self.held, "a lease that is held is granted again"
                self.held[entry["lease"]] = int(entry["at"])
                self.fences.append(int(entry["fence"]))
            case "taken_over":
                assert entry["lease"] in self.held, "a lease that nobody holds is taken over"
                self.fences.append(int(entry["fence"]))
            case "released" | "expired":
                self.charged += int(entry["at"]) - self.held.pop(entry["lease"])
            case _:
                pass
        assert int(entry["used"]) == len(self.held), "the ledger miscounts the seats in use"


def ledger_seat_milliseconds(ledger: Iterable[Mapping[str, str]]) -> int:
    """What a reader of the ledger alone counts where no lease is held any more: each seat from its grant to its end."""
    replay = LedgerReplay.of(ledger)
    assert not replay.held, "leases are still held"
    return replay.charged
