"""A borrowed seat, and each other policy."""

from seatwarden.domain.borrowing import Borrow, BorrowRefusal
from seatwarden.domain.seats import Grant, Millis, PoolState, Refusal, SeatGroup
from tests.authority.desk import holder
from tests.authority.interactions.table import LEASE, beats, cell, code_of, crowd, lend
from tests.authority.twin import Twin

HOUR = 3_600_000


@cell("borrow", "queue")
def a_borrowed_seat_is_offered_to_nobody_and_then_to_who_waits_first(twin: Twin) -> None:
    lend(twin)
    twin.configure(queue_size=5, claim=Millis(30_000))
    grants = crowd(twin, 3)
    twin.borrow(grants[0])
    twin.acquire(holder(8), would_wait=True)
    twin.beat(*grants)
    assert code_of(twin.acquire(holder(8), would_wait=True)) == "queued"
    twin.take_back(grants[0])
    twin.release(grants[0])
    assert code_of(twin.acquire(holder(9), would_wait=True)) == "queued"
    assert isinstance(twin.acquire(holder(8), would_wait=True), Grant)


@cell("borrow", "reservation")
def a_borrowed_seat_counts_for_its_group_and_against_its_limit(twin: Twin) -> None:
    lend(twin)
    twin.configure(groups={"a": SeatGroup(reserved=1, limit=1), "b": SeatGroup(reserved=1)})
    grant = twin.seat(holder(0), group="a")
    twin.borrow(grant)
    twin.clock.forward(LEASE)
    refused = twin.acquire(holder(1), group="a")
    assert isinstance(refused, Refusal)
    assert (refused.code.value, refused.retry_after) == ("group_limit", HOUR - LEASE)
    # Nothing is kept for a group that has its seat, wherever that is.
    twin.seat(holder(2))
    assert code_of(twin.acquire(holder(3))) == "reserved"


@cell("borrow", "overage")
def an_overage_seat_may_be_borrowed_and_becomes_an_ordinary_one_as_any_other(twin: Twin) -> None:
    lend(twin)
    twin.configure(overage=1)
    grants = crowd(twin, 4)
    assert isinstance(twin.borrow(grants[3]), Borrow)
    assert (twin.sweep().overage, twin.sweep().borrowed) == (1, 1)
    twin.release(grants[0])
    assert (twin.sweep().overage, twin.sweep().borrowed) == (0, 1)


@cell("borrow", "drain")
def a_pool_that_drains_lends_nothing_and_is_not_empty_before_all_is_back(twin: Twin) -> None:
    lend(twin)
    grants = crowd(twin, 2)
    twin.borrow(grants[0])
    twin.configure(drain=True)
    refused = twin.borrow(grants[1])
    assert isinstance(refused, BorrowRefusal)
    assert refused.code.value == "draining"
    twin.clock.forward(LEASE)
    assert (twin.sweep().live, twin.sweep().borrowed) == (1, 1)
    twin.take_back(grants[0])
    twin.release(grants[0])
    assert twin.sweep().live == 0


@cell("borrow", "suspension")
def what_is_borrowed_outlives_a_suspension_and_no_more_is_lent(twin: Twin) -> None:
    lend(twin)
    grants = crowd(twin, 2)
    twin.borrow(grants[0])
    twin.configure(state=PoolState.SUSPENDED)
    refused = twin.borrow(grants[1])
    assert isinstance(refused, BorrowRefusal)
    assert refused.code.value == "suspended"
    twin.clock.forward(LEASE)
    assert beats(twin, grants) == ["suspended"] * 2
    twin.configure(state=PoolState.ACTIVE)
    assert beats(twin, grants) == ["ok", "suspended"]
    twin.configure(state=PoolState.SUSPENDED)
    twin.take_back(grants[0])
    twin.release(grants[0])
    assert twin.sweep().live == 0
