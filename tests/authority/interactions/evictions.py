"""Eviction and each other policy."""

from seatwarden.domain.seats import Grant, Millis, PoolState, Refusal, SeatGroup
from tests.authority.desk import holder
from tests.authority.interactions.table import AFTER, LEASE, beats, cell, code_of, crowd, lend, shrink
from tests.authority.twin import Twin


@cell("onShrink: Evict", "nothing else")
def the_oldest_go_after_the_deadline_and_not_before(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(capacity=1, evict_after=AFTER)
    assert twin.sweep().evicts_at == twin.now + AFTER
    twin.clock.forward(AFTER - 1)
    twin.sweep()
    assert beats(twin, grants) == ["ok", "ok", "ok"]
    twin.clock.forward(1)
    assert twin.sweep().evicted == 2
    assert beats(twin, grants) == ["evicted", "evicted", "ok"]
    # The end of the lease is no ban: the holder asks as anybody does.
    assert code_of(twin.acquire(holder(0))) == "pool_exhausted"
    twin.release(grants[2])
    assert isinstance(twin.acquire(holder(0)), Grant)


@cell("onShrink: Evict", "a raise before the deadline")
def a_raise_that_makes_it_fit_forgets_the_deadline(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(capacity=1, evict_after=AFTER)
    twin.clock.forward(AFTER - 1)
    twin.configure(capacity=3)
    twin.configure(capacity=2)
    twin.clock.forward(AFTER - 1)
    twin.sweep()
    assert beats(twin, grants) == ["ok"] * 3
    twin.clock.forward(1)
    twin.sweep()
    assert beats(twin, grants) == ["evicted", "ok", "ok"]


@cell("onShrink: Evict", "a further shrink")
def a_further_shrink_keeps_the_deadline_of_the_first(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(capacity=2, evict_after=AFTER)
    twin.clock.forward(AFTER - 1)
    twin.configure(capacity=1)
    twin.clock.forward(1)
    assert twin.sweep().evicted == 2
    assert beats(twin, grants) == ["evicted", "evicted", "ok"]


@cell("onShrink: Evict", "seats that came back in time")
def who_gives_back_in_time_saves_the_others(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(capacity=2, evict_after=AFTER)
    twin.release(grants[2])
    twin.clock.forward(AFTER)
    # Nothing is too much since then, and so what is too much now has a deadline of its own.
    twin.configure(capacity=1)
    assert twin.sweep().evicts_at == twin.now + AFTER
    assert beats(twin, grants[:2]) == ["ok", "ok"]


@cell("onShrink: Evict", "evictAfter: 0s")
def with_no_time_at_all_the_call_that_shrinks_evicts(twin: Twin) -> None:
    grants = crowd(twin, 3)
    assert twin.configure(capacity=1, evict_after=Millis(0)).live == 1
    assert beats(twin, grants) == ["evicted", "evicted", "ok"]


@cell("onShrink: Evict", "quantity")
def a_lease_of_several_seats_goes_as_a_whole(twin: Twin) -> None:
    big = twin.seat(holder(0), quantity=2)
    twin.clock.forward(1)
    small = twin.seat(holder(1))
    shrink(twin, 2)
    assert beats(twin, [big, small]) == ["evicted", "ok"]
    assert twin.sweep().live == 1
    # With another number of seats a lease is as young as that.
    grown = twin.seat(holder(1), quantity=2)
    twin.clock.forward(1)
    twin.configure(capacity=3)
    young = twin.seat(holder(2))
    twin.clock.forward(1)
    fewer = twin.seat(holder(1), quantity=1)
    shrink(twin, 1)
    assert beats(twin, [grown, fewer, young]) == ["stale_fence", "ok", "evicted"]


@cell("onShrink: Evict", "borrow")
def what_is_borrowed_stays_and_others_go_in_its_place(twin: Twin) -> None:
    lend(twin)
    grants = crowd(twin, 3)
    twin.borrow(grants[0])
    twin.configure(capacity=4)
    young = twin.seat(holder(3))
    shrink(twin, 2)
    assert beats(twin, [*grants, young]) == ["ok", "evicted", "evicted", "ok"]
    twin.release(young)
    grants[2] = twin.seat(holder(2), "anew")
    twin.borrow(grants[2])
    shrink(twin, 0)
    counts = twin.sweep()
    assert (counts.live, counts.borrowed, counts.evicts_at) == (2, 2, None)
    # As soon as one is taken back it can go.
    twin.take_back(grants[2])
    assert twin.sweep().evicts_at == twin.now + AFTER
    twin.clock.forward(AFTER)
    assert twin.sweep().live == 1


@cell("onShrink: Evict", "queue")
def who_waits_goes_on_waiting(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(queue_size=5, claim=Millis(30_000))
    twin.acquire(holder(9), would_wait=True)
    shrink(twin, 2)
    assert beats(twin, grants) == ["evicted", "ok", "ok"]
    assert twin.sweep().waiting == 1
    # Who was evicted stands behind those who waited before.
    late = twin.acquire(holder(0), would_wait=True)
    assert isinstance(late, Refusal)
    assert late.place is not None
    assert late.place.position == 2
    twin.release(grants[1])
    assert code_of(twin.acquire(holder(0), would_wait=True)) == "queued"
    assert isinstance(twin.acquire(holder(9), would_wait=True), Grant)


@cell("onShrink: Evict", "reservation")
def reserved_seats_protect_nobody_from_eviction(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    grants = [twin.seat(holder(0), group="a")]
    twin.clock.forward(1)
    grants += [twin.seat(holder(1)), twin.seat(holder(2))]
    shrink(twin, 2)
    assert beats(twin, grants)[0] == "evicted"
    assert twin.sweep().groups == {"a": 0}
    # What is reserved is kept for the group all the same, as soon as there is a seat.
    twin.release(grants[1])
    assert code_of(twin.acquire(holder(7))) == "reserved"
    assert isinstance(twin.acquire(holder(0), group="a"), Grant)


@cell("onShrink: Evict", "overage")
def overage_is_allowed_and_so_nothing_above_it_is_left(twin: Twin) -> None:
    grants = crowd(twin, 3)
    shrink(twin, 1, overage=1)
    assert beats(twin, grants) == ["evicted", "ok", "ok"]
    shrink(twin, 1, overage=0)
    assert beats(twin, grants[1:]) == ["evicted", "ok"]


@cell("onShrink: Evict", "drain")
def a_pool_that_drains_evicts_only_what_is_above(twin: Twin) -> None:
    grants = crowd(twin, 3)
    shrink(twin, 2, drain=True)
    assert beats(twin, grants) == ["evicted", "ok", "ok"]
    assert code_of(twin.acquire(holder(0))) == "draining"


@cell("onShrink: Evict", "suspension")
def a_suspended_pool_evicts_as_any_other(twin: Twin) -> None:
    grants = crowd(twin, 3)
    shrink(twin, 2, state=PoolState.SUSPENDED)
    assert beats(twin, grants) == ["evicted", "suspended", "suspended"]


@cell("onShrink: Evict", "mode: Shadow")
def in_shadow_mode_nobody_is_evicted_and_the_time_begins_when_it_ends(twin: Twin) -> None:
    grants = crowd(twin, 3)
    shrink(twin, 1, shadow=True)
    assert twin.sweep().evicts_at is None
    assert beats(twin, grants) == ["ok"] * 3
    twin.configure(shadow=False)
    assert twin.sweep().evicts_at == twin.now + AFTER
    twin.clock.forward(AFTER)
    assert twin.sweep().evicted == 2


@cell("onShrink: Evict", "recovery")
def in_recovery_nobody_is_evicted(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(epoch=2)
    twin.beat(*grants)
    shrink(twin, 1)
    assert twin.sweep().evicts_at is None
    assert beats(twin, grants) == ["ok"] * 3
    twin.clock.forward(twin.model.recovering(twin.now))
    assert beats(twin, grants) == ["ok"] * 3
    assert twin.sweep().evicts_at == twin.now + AFTER
    twin.clock.forward(AFTER)
    assert twin.sweep().evicted == 2


@cell("onShrink: Evict", "a clock that was set back")
def a_clock_that_was_set_back_gives_no_more_time_than_there_is(twin: Twin) -> None:
    crowd(twin, 3)
    twin.configure(capacity=2, evict_after=AFTER)
    twin.clock.forward(-LEASE // 2)
    twin.watch.clock_set_back()
    assert twin.sweep().evicts_at == twin.now + AFTER
