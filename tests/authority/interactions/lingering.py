"""Seats that linger, and each other policy."""

from seatwarden.domain.seats import Code, Grant, Millis, PoolState, Refusal, SeatGroup
from tests.authority.desk import holder
from tests.authority.interactions.table import LEASE, LINGER, beats, cell, code_of, crowd, lend, shrink
from tests.authority.twin import Twin


@cell("linger", "nothing else")
def a_seat_is_kept_for_its_holder_and_for_nobody_else(twin: Twin) -> None:
    twin.configure(capacity=1, linger=LINGER)
    grant = twin.seat(holder(0), "one run")
    assert twin.release(grant) is Code.RELEASED
    assert twin.release(grant) is Code.ALREADY_RELEASED
    assert beats(twin, [grant]) == ["released"]
    assert twin.validate(holder(0)).code is Code.RELEASED
    refused = twin.acquire(holder(1))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.retry_after) == (Code.POOL_EXHAUSTED, LINGER)
    twin.clock.forward(LINGER - 1)
    # Also for the same run it is a new lease: the fence of before is given back for good.
    back = twin.seat(holder(0), "one run")
    assert back.taken_over
    assert back.fence > grant.fence
    assert beats(twin, [grant, back]) == ["stale_fence", "ok"]
    twin.release(back)
    twin.clock.forward(LINGER)
    assert isinstance(twin.acquire(holder(1)), Grant)
    assert twin.sweep().released == 1


@cell("linger", "the length of a lease")
def a_seat_that_is_taken_back_lasts_as_long_as_any_lease(twin: Twin) -> None:
    twin.configure(linger=Millis(5 * LEASE))
    twin.release(twin.seat(holder(0)))
    assert twin.sweep().next_expiry_in == LEASE
    twin.seat(holder(0))
    twin.clock.forward(LEASE)
    assert twin.sweep().expired == 1


@cell("linger", "quantity")
def fewer_seats_are_given_back_and_more_need_room(twin: Twin) -> None:
    twin.configure(capacity=4, linger=LINGER)
    twin.release(twin.seat(holder(0), quantity=3))
    twin.seat(holder(1))
    assert code_of(twin.acquire(holder(0), quantity=4)) == "pool_exhausted"
    assert twin.sweep().live == 4
    assert twin.seat(holder(0), quantity=2).quantity == 2
    assert twin.sweep().live == 3
    assert isinstance(twin.acquire(holder(2)), Grant)


@cell("linger", "queue")
def who_waits_goes_on_until_it_ends_and_its_holder_does_not_wait(twin: Twin) -> None:
    twin.configure(capacity=1, linger=LINGER, queue_size=5, claim=Millis(30_000))
    grant = twin.seat(holder(0))
    assert code_of(twin.acquire(holder(1), would_wait=True)) == "queued"
    twin.release(grant)
    assert code_of(twin.acquire(holder(1), would_wait=True)) == "queued"
    back = twin.seat(holder(0), would_wait=True)
    twin.release(back)
    twin.clock.forward(LINGER)
    assert isinstance(twin.acquire(holder(1), would_wait=True), Grant)
    assert code_of(twin.acquire(holder(0), would_wait=True)) == "queued"


@cell("linger", "reservation")
def it_counts_for_its_group(twin: Twin) -> None:
    twin.configure(linger=LINGER, groups={"a": SeatGroup(limit=1), "b": SeatGroup()})
    twin.release(twin.seat(holder(0), group="a"))
    assert twin.sweep().groups == {"a": 1, "b": 0}
    assert code_of(twin.acquire(holder(1), group="a")) == "group_limit"
    assert isinstance(twin.acquire(holder(0), group="b"), Grant)
    assert isinstance(twin.acquire(holder(1), group="a"), Grant)


@cell("linger", "overage")
def an_overage_seat_lingers_as_such_and_becomes_an_ordinary_one(twin: Twin) -> None:
    twin.configure(capacity=1, overage=1, linger=LINGER)
    base, above = crowd(twin, 2)
    twin.release(above)
    assert twin.sweep().overage == 1
    twin.configure(linger=Millis(0))
    twin.release(base)
    assert twin.sweep().overage == 0
    assert twin.seat(holder(1)).overage == 0


@cell("linger", "drain")
def in_a_pool_that_drains_no_seat_begins_to_linger(twin: Twin) -> None:
    twin.configure(linger=LINGER)
    first, second = crowd(twin, 2)
    twin.release(first)
    twin.configure(drain=True)
    twin.release(second)
    assert twin.sweep().live == 1
    # Who lingered before may come back, as who held a seat may.
    twin.release(twin.seat(holder(0)))
    assert twin.sweep().live == 0


@cell("linger", "suspension")
def nothing_begins_to_linger_where_nobody_could_come_back(twin: Twin) -> None:
    twin.configure(linger=LINGER)
    grants = crowd(twin, 2)
    twin.release(grants[0])
    twin.configure(state=PoolState.SUSPENDED)
    twin.release(grants[1])
    assert twin.sweep().live == 1
    assert code_of(twin.acquire(holder(0))) == "suspended"
    twin.clock.forward(LINGER)
    assert twin.sweep().released == 2


@cell("linger", "onShrink: Evict")
def seats_that_linger_go_first_and_none_begins_to_above_what_is_allowed(twin: Twin) -> None:
    twin.configure(linger=LINGER)
    grants = crowd(twin, 3)
    twin.release(grants[2])
    shrink(twin, 2)
    counts = twin.sweep()
    assert (counts.released, counts.evicted) == (1, 0)
    assert beats(twin, grants) == ["ok", "ok", "released"]
    twin.configure(capacity=1)
    twin.release(grants[0])
    assert twin.sweep().live == 1


@cell("linger", "mode: Shadow")
def it_holds_in_shadow_mode_too(twin: Twin) -> None:
    twin.configure(capacity=1, shadow=True, linger=LINGER)
    grants = crowd(twin, 2)
    twin.release(grants[1])
    assert twin.sweep().live == 2


@cell("linger", "recovery")
def after_a_loss_a_seat_that_lingered_is_no_lease(twin: Twin) -> None:
    twin.configure(linger=Millis(5 * LEASE))
    first, second = crowd(twin, 2)
    twin.release(first)
    twin.configure(epoch=2)
    assert code_of(twin.readmit(twin.proof(first, holder(0)))) == "released"
    assert beats(twin, [first, second]) == ["released", "ok"]
    twin.release(second)
    assert twin.sweep().live == 0
    assert twin.seat(holder(0)).fence > second.fence


@cell("linger", "devices")
def the_device_is_in_use_as_long_as_its_seat_lingers(twin: Twin) -> None:
    twin.configure(device_limit=2, linger=LINGER)
    twin.release(twin.seat(holder(0)))
    removal = twin.remove_device(holder(0))
    assert (removal.code, removal.retry_after) == (Code.DEVICE_IN_USE, LINGER)
    twin.clock.forward(LINGER)
    assert twin.remove_device(holder(0)).code is Code.DEVICE_REMOVED


@cell("linger", "borrow")
def a_borrowed_seat_that_is_given_back_lingers_as_any_other(twin: Twin) -> None:
    lend(twin)
    twin.configure(linger=LINGER)
    grant = twin.seat(holder(0))
    twin.borrow(grant)
    changes = twin.sweep().borrow_changes
    assert twin.release(grant) is Code.RELEASED
    counts = twin.sweep()
    assert (counts.live, counts.borrowed) == (1, 0)
    assert counts.borrow_changes == changes + 1
    twin.release(twin.seat(holder(1)))
    assert twin.sweep().borrow_changes == changes + 1
    twin.clock.forward(LINGER)
    assert twin.sweep().live == 0
