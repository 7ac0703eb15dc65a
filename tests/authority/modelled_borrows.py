"""The borrows of the model: what is lent, and how it comes back."""

from collections.abc import Sequence

from seatwarden.domain.borrowing import BorrowedLease
from seatwarden.domain.seats import Code
from tests.authority.modelled_queue import ModelledQueue
from tests.authority.modelled_state import ModelLease

NO_NONCE = "0" * 16


class ModelledBorrows(ModelledQueue):
    """See the module."""

    def borrowed(self, now: int) -> int:
        """How many seats are away."""
        return sum(lease.quantity for lease in self.holding() if lease.borrowed_until > now)

    def borrow(self, now: int, holder: str | None, fence: int, length: int) -> tuple[Code, int, int]:
        """The code; and for how long it is borrowed, or the lease lives, or how many seats could be borrowed and for how long."""
        if (gone := self._gone(now, holder, fence)) is not None:
            return gone, 0, 0
        held = self.leases[holder or ""]
        if (closed := self.closed(now)) is not None:
            return closed, self.left(now, held), 0
        if self.recovering(now):
            return Code.RECOVERING, self.recovering(now), 0
        if self.drain:
            return Code.DRAINING, held.expiry - now, 0
        own = held.quantity if held.borrowed_until > now else 0
        left = max(
            0, min(self.borrow_seats, self.capacity - self.borrow_low_water) - self.borrowed(now) + own
        )
        longest = min([self.borrow_longest, *([] if self.valid_until is None else [self.valid_until - now])])
        wanted = length or longest
        if held.quantity > left or wanted > longest:
            self._count("borrow_limit")
            return Code.BORROW_LIMIT, left, longest
        held.borrowed_until = max(held.borrowed_until, now + wanted)
        held.expiry = max(held.expiry, held.borrowed_until)
        self._count("borrowed")
        self._charge_up_to(now)
        return Code.BORROWED, held.borrowed_until - now, 0

    def take_back(self, now: int, holder: str | None, fence: int) -> tuple[Code, int]:
        """The code, and how long the lease then lives."""
        if (gone := self._gone(now, holder, fence)) is not None:
            return gone, 0
        held = self.leases[holder or ""]
        if held.borrowed_until > now:
            held.expiry = min(held.expiry, now + self.lease_from_now(now))
            held.borrowed_until = 0
            self._count("returned")
            self._charge_up_to(now)
        return Code.RETURNED, self.left(now, held)

    def restore(self, now: int, borrowed: Sequence[BorrowedLease]) -> int:
        """How many are put back."""
        lost = [each for each in borrowed if each.until > now]
        return sum(self._put_back(now, each) for each in lost)

    def _put_back(self, now: int, each: BorrowedLease) -> bool:
        known = self.leases.get(each.holder)
        if known is not None and known.fence >= each.fence:
            over = known.fence > each.fence or known.ended is not None or known.lingers
            if over or known.borrowed_until >= each.until:
                return False
        if each.fence > (self.epoch << 32) + self.counter:
            self._begin_recovery(now, max(self.epoch, each.fence >> 32) + 1, self.lease)
        nonce = known.nonce if known is not None and known.fence == each.fence else NO_NONCE
        back = self._let_in(now, each.holder, (each.fence, nonce), each.quantity, each.group)
        back.expiry = max(back.expiry, each.until, self.recover_until if self.recovering(now) else 0)
        back.borrowed_until = each.until
        self.peak = max(self.peak, self.live(now))
        self._count("borrowed")
        return True

    def _let_in(self, now: int, holder: str, run: tuple[int, str], quantity: int, group: str) -> ModelLease:
        """The lease of ``holder`` with the fence and nonce of ``run``, whatever is known of it. It has no end yet."""
        known = self.leases.get(holder)
        live = self.live(now)
        fence, nonce = run
        lease_id = known.lease_id if known is not None else ""
        held = known if known is not None and known.ended is None else None
        back = held or ModelLease(fence, nonce, self.clock, 0, lease_id, quantity=0)
        had, counted = back.quantity, back.quantity if back.expiry >= self._counted_from(now) else 0
        self._resize(now, back, quantity)
        back.fence, back.nonce, back.group, back.lingers = fence, nonce, group, False
        if quantity > had:
            self._marked(back, live - counted + had, quantity - had)
        self.leases[holder] = back
        self._count("readmitted")
        return back

    def _marked(self, lease: ModelLease, live: int, more: int) -> ModelLease:
        """The last of ``more`` new seats are above the capacity, as far as they are and may be."""
        if live + more <= self.capacity + self.overage:
            above = max(0, min(more, live + more - self.capacity))
            lease.above |= dict.fromkeys(range(lease.quantity - above + 1, lease.quantity + 1), lease.fence)
            self._count("overage_granted", above)
        return lease

    def _charge_up_to(self, now: int) -> None:
        self.clock = max(self.clock, now)
        self.peak = max(self.peak, self.live(now))
