"""Keeps the borrows of pools in their status, and puts back from there what Redis has lost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from seatwarden.backends.authority import PoolAdministration
from seatwarden.domain.borrow_mirror import mirrored
from seatwarden.domain.borrowing import Borrows, to_restore
from seatwarden.domain.seats import Millis, PoolCounts, PoolUid
from seatwarden.resources.seatpool import SeatPoolStatus

NOTHING_LENT = Borrows(0, ())


@dataclass(frozen=True, slots=True)
class Mirrored:
    """``borrows`` is None where the authority does not know the pool; what the status tells then stays."""

    borrows: Borrows | None
    restored: int = 0


@dataclass(frozen=True, slots=True)
class BorrowMirror:
    """Over one authority."""

    authority: PoolAdministration
    now: Callable[[], datetime]

    async def reflect(self, pool: PoolUid, told: SeatPoolStatus, counts: PoolCounts) -> Mirrored:
        """What is borrowed, after what a loss has cost was put back from what the status had ``told``.

        Raises:
            AuthorityUnavailable: it does not answer. What the status tells must stay as it is.
        """
        mirror = mirrored(told.borrows, told.borrows_epoch)
        if not mirror.leases and counts.borrowed == 0:
            return Mirrored(NOTHING_LENT)
        found = await self.authority.borrows(pool)
        lost = to_restore(mirror, found.epoch, self._instant()) if found is not None else ()
        if not lost:
            return Mirrored(found)
        restored = await self.authority.restore(pool, lost)
        if restored is None:
            return Mirrored(None)
        return Mirrored(await self.authority.borrows(pool), restored)

    def _instant(self) -> Millis:
        return Millis(int(self.now().timestamp() * 1000))
