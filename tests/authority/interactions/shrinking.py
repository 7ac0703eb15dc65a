"""A pool that is made smaller and leaves everybody alone, and each other policy."""

from seatwarden.domain.borrowing import BorrowRefusal
from seatwarden.domain.seats import Grant, Millis, PoolState, SeatGroup
from tests.authority.desk import holder
from tests.authority.interactions.table import beats, cell, code_of, crowd, lend
from tests.authority.twin import Twin

CLAIM = Millis(30_000)


@cell("onShrink: Drain", "nothing else")
def nobody_loses_a_seat_and_none_is_given_until_enough_came_back(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(capacity=1)
    assert beats(twin, grants) == ["ok"] * 3
    twin.release(grants[0])
    twin.release(grants[1])
    assert code_of(twin.acquire(holder(8))) == "pool_exhausted"
    twin.release(grants[2])
    assert isinstance(twin.acquire(holder(8)), Grant)


@cell("onShrink: Drain", "borrow")
def borrowed_seats_stay_and_no_more_are_lent_than_the_pool_has_now(twin: Twin) -> None:
    lend(twin)
    grants = crowd(twin, 3)
    twin.borrow(grants[0])
    twin.configure(capacity=1)
    refused = twin.borrow(grants[1])
    assert isinstance(refused, BorrowRefusal)
    assert (refused.code.value, refused.seats_left) == ("borrow_limit", 0)
    twin.take_back(grants[0])
    twin.release(grants[0])
    assert (twin.sweep().live, twin.sweep().borrowed) == (2, 0)
    assert code_of(twin.acquire(holder(8))) == "pool_exhausted"


@cell("onShrink: Drain", "queue")
def who_waits_keeps_its_place_and_is_offered_what_fits_again(twin: Twin) -> None:
    twin.configure(queue_size=5, claim=CLAIM)
    grants = crowd(twin, 3)
    twin.acquire(holder(8), would_wait=True)
    twin.configure(capacity=2)
    twin.release(grants[0])
    assert code_of(twin.acquire(holder(8), would_wait=True)) == "queued"
    twin.release(grants[1])
    assert code_of(twin.acquire(holder(9), would_wait=True)) == "queued"
    assert isinstance(twin.acquire(holder(8), would_wait=True), Grant)


@cell("onShrink: Drain", "reservation")
def the_first_seats_that_fit_again_are_those_that_are_reserved(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    grants = crowd(twin, 2)
    twin.configure(capacity=2)
    assert code_of(twin.acquire(holder(7), group="a")) == "pool_exhausted"
    twin.release(grants[0])
    assert code_of(twin.acquire(holder(8))) == "reserved"
    assert isinstance(twin.acquire(holder(7), group="a"), Grant)


@cell("onShrink: Drain", "overage")
def seats_that_are_held_are_not_marked_anew_and_overage_is_allowed_above_the_new_size(twin: Twin) -> None:
    twin.configure(overage=1)
    grants = crowd(twin, 4)
    twin.configure(capacity=2)
    assert twin.sweep().overage == 1
    twin.release(grants[0])
    assert code_of(twin.acquire(holder(8))) == "pool_exhausted"
    twin.release(grants[1])
    assert twin.sweep().overage == 0
    assert twin.seat(holder(8)).overage == 1


@cell("onShrink: Drain", "drain")
def a_pool_that_drains_gives_none_however_large_it_is(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(capacity=2, drain=True)
    assert beats(twin, grants) == ["ok"] * 3
    twin.release(grants[0])
    twin.release(grants[1])
    assert code_of(twin.acquire(holder(8))) == "draining"


@cell("onShrink: Drain", "suspension")
def behind_a_suspension_more_may_be_held_than_fits(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(state=PoolState.SUSPENDED)
    twin.configure(capacity=1)
    assert twin.sweep().live == 3
    twin.configure(state=PoolState.ACTIVE)
    assert beats(twin, grants) == ["ok"] * 3
    assert code_of(twin.acquire(holder(8))) == "pool_exhausted"
