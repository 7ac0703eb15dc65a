"""What is borrowed, as the status of a pool tells it: for people, and for the day on which Redis has lost it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from seatwarden.domain.borrowing import BorrowedLease, Borrows
from seatwarden.domain.seats import Fence, Millis
from seatwarden.resources.borrowing import BorrowStatus


def told_borrows(borrowed: Iterable[BorrowedLease]) -> tuple[BorrowStatus, ...]:
    """The entries of the status. An instant there has no milliseconds, and neither has the ``exp`` of what was signed."""
    return tuple(
        BorrowStatus(
            holder=each.holder,
            until=datetime.fromtimestamp(each.until // 1000, UTC),
            seats=each.quantity,
            group=each.group or None,
            fence=each.fence,
        )
        for each in borrowed
    )


def mirrored(entries: Iterable[BorrowStatus], epoch: int | None) -> Borrows:
    """What the status tells of borrows, which was read in ``epoch``."""
    leases = (
        BorrowedLease(
            each.holder,
            Fence(each.fence),
            Millis(int(each.until.timestamp()) * 1000),
            each.seats,
            each.group or "",
        )
        for each in entries
    )
    return Borrows(epoch or 0, tuple(leases))
