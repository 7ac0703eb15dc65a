"""How a subscription's seats are shared out among its pools, and in what order the shares may change.

`shares` says who is entitled to how much: pools are served oldest first, each up to what it
asks for, until the subscription's seats are spent. `shrunken` and `grown` say what may be written *now*: a smaller cap at once, a
larger one only out of seats that no other pool has, neither as a cap nor as live leases that outlast its smaller cap.
So the caps of a subscription plus the leases above them never exceed its seats, not even between two writes; what cannot
grow yet grows when the others' leases have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from seatwarden.domain.seats import PoolUid


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one pool asks for. A pool that is being deleted asks for 0.

    One that is ``kept`` has its seats already and nobody may take them from it, so it comes before all others.
    """

    pool: PoolUid
    created: datetime
    seats: int
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one pool has by the authority's books: its cap and its live leases.

    ``beyond`` is how many leases may live above the cap, by overage or because nothing is enforced. They are nobody else's
    seats.
    """

    capacity: int
    live: int
    beyond: int = 0

    @property
    def held(self) -> int:
        """Seats that nobody else may have: leases above a shrunken cap still count."""
        return max(self.capacity, self.live - self.beyond)


def shares(demands: Sequence[Demand], seats: int) -> dict[PoolUid, int]:
    """The seats that each pool is entitled to, oldest pool first (creation time, then uid) after those that are kept."""
    left = max(seats, 0)
    result: dict[PoolUid, int] = {}
    for demand in sorted(demands, key=lambda d: (not d.kept, d.created, d.pool)):
        result[demand.pool] = min(demand.seats, left)
        left -= result[demand.pool]
    return result


def shrunken(entitled: Mapping[PoolUid, int], holdings: Mapping[PoolUid, Holding]) -> dict[PoolUid, int]:
    """The caps that must become smaller. They are written before any other."""
    return {
        pool: entitled[pool]
        for pool, has in holdings.items()
        if entitled.get(pool, 0) < has.capacity and pool in entitled
    }


def grown(
    entitled: Mapping[PoolUid, int], holdings: Mapping[PoolUid, Holding], seats: int
) -> dict[PoolUid, int]:
    """The caps that may become larger now, given what every pool has after the smaller caps were written.

    ``entitled`` is in serving order, as `shares` gives it. A pool missing in ``holdings`` has nothing yet.
    """
    total = sum(has.held for has in holdings.values())
    result: dict[PoolUid, int] = {}
    for pool, share in entitled.items():
        has = holdings.get(pool, Holding(capacity=0, live=0))
        others = total - has.held
        cap = min(share, seats - others)
        if cap > has.capacity:
            result[pool] = cap
            total = others + replace(has, capacity=cap).held
    return result
