"""A suspension that ends leases at once, and each other policy."""

from seatwarden.domain.seats import Grant, Millis, PoolState, SeatGroup
from tests.authority.desk import holder
from tests.authority.interactions.table import LEASE, LINGER, beats, cell, code_of, crowd, lend
from tests.authority.twin import Twin


@cell("onSuspend: Immediately", "nothing else")
def all_leases_end_at_once_and_can_be_taken_anew_after_it(twin: Twin) -> None:
    grants = crowd(twin, 3)
    assert twin.configure(state=PoolState.SUSPENDED, ends_at_once=True).live == 0
    assert beats(twin, grants) == ["suspended"] * 3
    assert all(verdict.expires_in == 0 for verdict in twin.beat(*grants))
    assert code_of(twin.acquire(holder(0))) == "suspended"
    twin.configure(state=PoolState.ACTIVE)
    assert beats(twin, grants) == ["suspended"] * 3
    assert twin.seat(holder(0)).fence > grants[2].fence


@cell("onSuspend: Immediately", "a suspension of before")
def it_holds_for_a_suspension_that_is_there_already(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(state=PoolState.SUSPENDED)
    assert [verdict.expires_in > 0 for verdict in twin.beat(*grants)] == [True] * 3
    assert twin.configure(ends_at_once=True).live == 0


@cell("onSuspend: Immediately", "an end of the licence")
def what_has_expired_ends_no_lease_at_once(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(state=PoolState.EXPIRED, ends_at_once=True)
    twin.sweep()
    assert [verdict.expires_in > 0 for verdict in twin.beat(*grants)] == [True] * 3


@cell("onSuspend: Immediately", "borrow")
def what_is_borrowed_stays_until_it_is_back(twin: Twin) -> None:
    lend(twin)
    grants = crowd(twin, 3)
    twin.borrow(grants[1])
    assert twin.configure(state=PoolState.SUSPENDED, ends_at_once=True).live == 1
    counts = twin.sweep()
    assert (counts.live, counts.borrowed, counts.due) == (1, 1, 0)
    assert [verdict.expires_in > 0 for verdict in twin.beat(*grants)] == [False, True, False]
    twin.take_back(grants[1])
    assert twin.sweep().live == 0


@cell("onSuspend: Immediately", "queue")
def who_waits_keeps_its_place_as_long_as_it_asks(twin: Twin) -> None:
    crowd(twin, 3)
    twin.configure(queue_size=5, claim=Millis(30_000))
    twin.acquire(holder(8), would_wait=True)
    twin.configure(state=PoolState.SUSPENDED, ends_at_once=True)
    assert twin.sweep().waiting == 1
    assert code_of(twin.acquire(holder(8), would_wait=True)) == "suspended"
    twin.configure(state=PoolState.ACTIVE)
    assert isinstance(twin.acquire(holder(8), would_wait=True), Grant)


@cell("onSuspend: Immediately", "reservation")
def the_seats_of_groups_end_too(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    twin.seat(holder(0), group="a")
    twin.configure(state=PoolState.SUSPENDED, ends_at_once=True)
    assert twin.sweep().groups == {"a": 0}


@cell("onSuspend: Immediately", "overage")
def overage_seats_end_too(twin: Twin) -> None:
    twin.configure(overage=1)
    crowd(twin, 4)
    assert twin.sweep().overage == 1
    twin.configure(state=PoolState.SUSPENDED, ends_at_once=True)
    assert twin.sweep().overage == 0


@cell("onSuspend: Immediately", "drain")
def a_pool_that_drains_is_empty_at_once(twin: Twin) -> None:
    crowd(twin, 3)
    twin.configure(drain=True, state=PoolState.SUSPENDED, ends_at_once=True)
    assert twin.sweep().live == 0


@cell("onSuspend: Immediately", "mode: Shadow")
def shadow_mode_does_not_soften_a_suspension(twin: Twin) -> None:
    crowd(twin, 3)
    assert twin.configure(shadow=True, state=PoolState.SUSPENDED, ends_at_once=True).live == 0


@cell("onSuspend: Immediately", "recovery")
def in_recovery_leases_are_told_that_they_are_over_and_end_behind_it(twin: Twin) -> None:
    grants = crowd(twin, 3)
    twin.configure(epoch=2)
    twin.clock.forward(LEASE // 2)
    twin.beat(*grants)
    twin.configure(state=PoolState.SUSPENDED, ends_at_once=True)
    assert twin.sweep().suspended == 0
    assert [(code_of(one), one.expires_in) for one in twin.beat(*grants)] == [("suspended", 0)] * 3
    twin.clock.forward(twin.model.recovering(twin.now) - 1)
    twin.sweep()
    twin.clock.forward(1)
    assert twin.sweep().suspended == 3


@cell("onSuspend: Immediately", "linger")
def seats_that_linger_end_as_released(twin: Twin) -> None:
    twin.configure(linger=LINGER)
    [grant] = crowd(twin, 1)
    twin.release(grant)
    twin.configure(state=PoolState.SUSPENDED, ends_at_once=True)
    counts = twin.sweep()
    assert (counts.live, counts.released, counts.suspended) == (0, 1, 0)
    assert beats(twin, [grant]) == ["released"]
