"""The seat authority as a page of Python without a clock: what the real one is compared with.

The instants at which things happened come in from Redis, so the model is exact and needs no waiting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from seatwarden.domain.seats import Code, PoolState


@dataclass
class ModelLease:
    fence: int
    nonce: str
    since: int
    expiry: int | None = None
    ended: Code | None = None


@dataclass
class SeatModel:
    """One pool. A lease with ``expiry`` set has run out; until then it lives."""

    capacity: int = 2
    state: PoolState = PoolState.ACTIVE
    epoch: int = 1
    counter: int = 0
    charged: int = 0
    peak: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    leases: dict[int, ModelLease] = field(default_factory=dict)

    def live(self) -> int:
        return sum(lease.ended is None for lease in self.leases.values())

    def seat_milliseconds(self, now: int) -> int:
        return self.charged + sum(now - one.since for one in self.leases.values() if one.ended is None)

    def acquire(self, holder: int, nonce: str, now: int) -> tuple[Code, int | None]:
        """The code and fence that the real one must answer; ``now`` counts if a seat is given."""
        held = self.leases.get(holder)
        if self.state is not PoolState.ACTIVE:
            self._count("denied")
            return Code(self.state.value), None
        if held is not None and held.ended is None:
            if held.nonce == nonce:
                return Code.EXISTING, held.fence
            held.nonce, held.fence = nonce, self._next_fence()
            self._count("taken_over")
            return Code.GRANTED, held.fence
        if self.live() >= self.capacity:
            self._count("denied")
            return Code.POOL_EXHAUSTED, None
        self.leases[holder] = ModelLease(self._next_fence(), nonce, now)
        self.peak = max(self.peak, self.live())
        self._count("granted")
        return Code.GRANTED, self.leases[holder].fence

    def heartbeat(self, holder: int, fence: int) -> Code:
        held = self.leases.get(holder)
        if held is None:
            return Code.UNKNOWN_SESSION
        if held.fence != fence:
            return Code.STALE_FENCE
        if held.ended is not None:
            return held.ended
        return Code.OK if self.state is PoolState.ACTIVE else Code(self.state.value)

    def release(self, holder: int, fence: int, now: int) -> Code:
        held = self.leases.get(holder)
        if held is None:
            return Code.ALREADY_RELEASED
        if held.fence != fence:
            return Code.STALE_FENCE
        if held.ended is not None:
            return Code.ALREADY_RELEASED
        self._end(held, Code.RELEASED, now, "released")
        return Code.RELEASED

    def run_out(self, holder: int, instant: int) -> None:
        suspended = self.state is PoolState.SUSPENDED
        code = Code.SUSPENDED if suspended else Code.LEASE_EXPIRED
        self._end(self.leases[holder], code, instant, "expired")

    def raise_epoch(self) -> None:
        self.epoch, self.counter = self.epoch + 1, 0

    def _end(self, lease: ModelLease, code: Code, instant: int, total: str) -> None:
        lease.ended = code
        self.charged += max(0, instant - lease.since)
        self._count(total)

    def _next_fence(self) -> int:
        self.counter += 1
        return (self.epoch << 32) + self.counter

    def _count(self, total: str) -> None:
        self.totals[total] = self.totals.get(total, 0) + 1


def ledger_seat_milliseconds(ledger: Iterable[Mapping[str, str]]) -> int:
    """What a reader of the ledger alone counts: each seat from its grant to its end."""
    total, since = 0, dict[str, int]()
    for entry in ledger:
        match entry["event"]:
            case "granted":
                since[entry["lease"]] = int(entry["at"])
            case "released" | "expired":
                total += int(entry["at"]) - since.pop(entry["lease"])
            case _:
                pass
    assert not since, "leases are still held"
    return total
