"""Which epochs this process knows of, besides those in status.

An epoch is in the authority first and in status later, when the pool's own reconciler has written it; until then a second loss
would be answered with the same epoch once more. So what was configured is remembered here as well, and in which epoch the
authority was seen to go back: that epoch is over.
"""

from dataclasses import dataclass, field

from seatwarden.domain.seats import PoolUid


@dataclass(slots=True)
class KnownEpochs:
    """The highest epoch that each pool was ever seen in, and the highest one that is over."""

    _highest: dict[PoolUid, int] = field(default_factory=dict)
    _over: dict[PoolUid, int] = field(default_factory=dict)

    def note(self, pool: PoolUid, epoch: int) -> None:
        """The authority has ``pool`` in this epoch."""
        self._highest[pool] = max(epoch, self._highest.get(pool, 0))

    def went_back(self, pool: PoolUid, epoch: int) -> None:
        """The authority has the state of ``pool`` that it had earlier in this epoch, and has forgotten what came after."""
        self.note(pool, epoch)
        self._over[pool] = max(epoch, self._over.get(pool, 0))

    def forget(self, pool: PoolUid) -> None:
        """The pool is gone, and none of its uid ever comes back."""
        self._highest.pop(pool, None)
        self._over.pop(pool, None)

    def is_over(self, pool: PoolUid, epoch: int) -> bool:
        """Must no fence of this epoch be given any more?"""
        return epoch <= self._over.get(pool, 0)

    def remembered(self, pool: PoolUid, in_status: int | None) -> int | None:
        """The highest epoch of ``pool`` that is known, None where there is none."""
        return max(self._highest.get(pool, 0), in_status or 0) or None
