"""Leases that the operator ends before their time, and seats that linger, in the model."""

from dataclasses import dataclass

from seatwarden.domain.seats import Code, PoolState
from tests.authority.modelled_borrows import ModelledBorrows
from tests.authority.modelled_state import PURGE_CHUNK, ModelLease


@dataclass
class ModelledEndings(ModelledBorrows):
    """Whose turn it is to be evicted is found out anew each time."""

    evict_after: int | None = None
    ends_at_once: bool = False
    linger: int = 0
    surplus_since: int | None = None
    due: float = 0
    """Seats that the last sweep left to the next one."""

    def elders(self) -> list[ModelLease]:
        """All leases, who is evicted first comes first."""
        return sorted(self.holding(), key=lambda one: (not one.lingers, one.since, one.lease_id))

    def surplus(self, now: int) -> float:
        """How many seats are to be evicted, now or later."""
        if self.evict_after is None or self.recovering(now):
            return 0
        live = self.live(now)
        return min(max(0, live - self.limit), live - self.borrowed(now))

    def eviction_in(self, now: int) -> int | None:
        """In how long they are."""
        if self.evict_after is None or self.surplus(now) == 0:
            self.surplus_since = None
            return None
        if self.surplus_since is None:
            self.surplus_since = now
        return max(0, min(self.evict_after, self.surplus_since + self.evict_after - now))

    def ends_all(self, now: int) -> bool:
        return self.state is PoolState.SUSPENDED and self.ends_at_once and not self.recovering(now)

    def _end_what_is_due(self, now: int) -> float:
        """How many seats are due after that."""
        if not self.recovering(now) and self.used() > self.live(now):
            return 0
        if self.ends_all(now):
            here = [lease for lease in self.holding() if lease.borrowed_until <= now]
            seats = [lease for lease in here for _ in range(lease.quantity)][:PURGE_CHUNK]
            for lease in {id(lease): lease for lease in seats}.values():
                self._end_now(now, lease, Code.SUSPENDED)
            return self.used() - self.borrowed(now)
        if self.eviction_in(now) == 0:
            most = min(self.surplus(now), PURGE_CHUNK)
            for lease in self.elders():
                if most > 0 and lease.borrowed_until <= now:
                    most -= lease.quantity
                    self._end_now(now, lease, Code.EVICTED)
            return self.surplus(now)
        return 0

    def _end_now(self, now: int, lease: ModelLease, code: Code) -> None:
        self.clock = max(self.clock, now)
        self._end(lease, code, self.clock, now, code.value)

    def _may_linger(self, now: int) -> bool:
        could_come_back = not (self.recovering(now) or self.drain or self.closed(now))
        return self.linger > 0 and could_come_back and self.live(now) <= self.limit

    def _let_linger(self, now: int, lease: ModelLease) -> None:
        lease.lingers, lease.expiry, lease.borrowed_until = True, now + self.linger, 0
        self._count("lingering")
