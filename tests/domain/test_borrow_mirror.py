"""What is borrowed, between the authority and the status of a pool."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.borrow_mirror import mirrored, told_borrows
from seatwarden.domain.borrowing import BorrowedLease, Borrows, to_restore
from seatwarden.domain.pool_status import LiveCounts
from seatwarden.domain.seats import Fence, Millis
from tests.domain import objects
from tests.domain.test_pool_status import provisioned, run_of, status_of

AWAY = BorrowedLease("ab" * 32, Fence(2**32 + 1), Millis(1_800_000_000_000), 2, "render")
HERE = AWAY._replace(holder="cd" * 32, group="", quantity=1)

leases = st.builds(
    BorrowedLease,
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, 2**53 - 1).map(Fence),
    st.integers(1, 4_000_000_000).map(lambda seconds: Millis(seconds * 1000)),
    st.integers(1, 1000),
    st.sampled_from(["", "render"]),
)


@given(st.lists(leases, max_size=5), st.integers(1, 9))
def test_what_the_status_tells_is_what_is_put_back(borrowed: list[BorrowedLease], epoch: int) -> None:
    assert mirrored(told_borrows(borrowed), epoch) == Borrows(epoch, tuple(borrowed))


def test_a_part_of_a_second_is_not_told_as_it_is_not_in_what_was_signed() -> None:
    [told] = mirrored(told_borrows([AWAY._replace(until=Millis(AWAY.until + 999))]), None).leases
    assert told == AWAY


@pytest.mark.parametrize(
    ("epoch", "now", "lost"),
    [(2, 0, ()), (1, 0, ()), (3, 0, (AWAY, HERE)), (3, AWAY.until, ()), (3, AWAY.until - 1, (AWAY, HERE))],
)
def test_only_a_later_epoch_may_have_lost_what_is_still_away(
    epoch: int, now: int, lost: tuple[BorrowedLease, ...]
) -> None:
    assert to_restore(Borrows(2, (AWAY, HERE)), epoch, Millis(now)) == lost


def test_the_status_tells_of_borrows_until_it_is_known_that_they_are_over() -> None:
    counts = LiveCounts(live=3, peak=3, borrowed=3, borrows=Borrows(2, (AWAY, HERE)))
    told = status_of(run_of(provisioned()), counts)
    assert (told.borrowed, told.borrows_epoch) == (3, 2)
    assert [each.holder for each in told.borrows] == [AWAY.holder, HERE.holder]

    pool = objects.pool(status=told.wire())
    unknown = LiveCounts(live=0, peak=3)
    for counts_of_now in (unknown, None):
        kept = status_of(run_of(provisioned()), counts_of_now, pool=pool)
        assert (kept.borrows, kept.borrows_epoch) == (told.borrows, 2)
    over = status_of(run_of(provisioned()), LiveCounts(live=0, peak=3, borrows=Borrows(2, ())), pool=pool)
    assert (over.borrowed, over.borrows, over.borrows_epoch) == (0, (), None)
