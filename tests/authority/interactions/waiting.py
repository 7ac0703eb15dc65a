"""A queue, and each other policy that says who gets a seat."""

from seatwarden.domain.seats import Grant, Millis, PoolState, SeatGroup
from tests.authority.desk import holder
from tests.authority.interactions.table import cell, code_of, crowd
from tests.authority.twin import Twin


def _queue(twin: Twin) -> None:
    twin.configure(queue_size=5, claim=Millis(30_000))


def _asks(twin: Twin, number: int, group: str = "") -> str:
    return code_of(twin.acquire(holder(number), group=group, would_wait=True))


@cell("queue", "reservation")
def a_member_passes_those_who_wait_as_far_as_seats_are_kept_for_its_group(twin: Twin) -> None:
    _queue(twin)
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    grants = crowd(twin, 2)
    assert _asks(twin, 8) == "queued"
    assert _asks(twin, 7, "a") == "granted"
    assert _asks(twin, 6, "a") == "queued"
    twin.release(grants[0])
    assert _asks(twin, 6, "a") == "queued"
    assert _asks(twin, 8) == "granted"


@cell("queue", "overage")
def nobody_waits_while_overage_is_to_be_had(twin: Twin) -> None:
    _queue(twin)
    twin.configure(overage=1)
    grants = crowd(twin, 3)
    above = twin.acquire(holder(8), would_wait=True)
    assert isinstance(above, Grant)
    assert above.overage == 1
    assert _asks(twin, 9) == "queued"
    # What gets free makes an ordinary seat of the overage seat first, and then there is overage to offer.
    twin.release(grants[0])
    assert twin.sweep().overage == 0
    offered = twin.acquire(holder(9), would_wait=True)
    assert isinstance(offered, Grant)
    assert offered.overage == 1


@cell("queue", "drain")
def nothing_is_offered_and_who_asks_is_refused_and_waits_no_more(twin: Twin) -> None:
    _queue(twin)
    grants = crowd(twin, 3)
    assert _asks(twin, 8) == "queued"
    twin.configure(drain=True)
    twin.release(grants[0])
    assert twin.sweep().waiting == 1
    assert _asks(twin, 8) == "draining"
    assert twin.sweep().waiting == 0


@cell("queue", "suspension")
def places_are_kept_during_a_suspension_and_nothing_is_offered(twin: Twin) -> None:
    _queue(twin)
    grants = crowd(twin, 3)
    assert _asks(twin, 8) == "queued"
    twin.configure(state=PoolState.SUSPENDED)
    twin.release(grants[0])
    assert (_asks(twin, 8), _asks(twin, 9)) == ("suspended", "suspended")
    assert twin.sweep().waiting == 1
    twin.configure(state=PoolState.ACTIVE)
    assert (_asks(twin, 9), _asks(twin, 8)) == ("queued", "granted")


@cell("reservation", "overage")
def overage_is_for_everybody_and_what_is_kept_is_kept_out_of_all_of_it(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)}, overage=1)
    crowd(twin, 3)
    assert twin.sweep().overage == 0
    assert code_of(twin.acquire(holder(8))) == "reserved"
    assert twin.seat(holder(7), group="a").overage == 1


@cell("reservation", "drain")
def a_pool_that_drains_gives_no_reserved_seat_either(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)}, drain=True)
    assert code_of(twin.acquire(holder(7), group="a")) == "draining"


@cell("reservation", "suspension")
def what_is_reserved_is_so_behind_a_suspension(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    crowd(twin, 2)
    twin.configure(state=PoolState.SUSPENDED)
    assert code_of(twin.acquire(holder(7), group="a")) == "suspended"
    twin.configure(state=PoolState.ACTIVE)
    assert code_of(twin.acquire(holder(8))) == "reserved"
    assert isinstance(twin.acquire(holder(7), group="a"), Grant)


@cell("overage", "drain")
def no_overage_is_given_and_the_seats_that_are_held_become_ordinary_ones(twin: Twin) -> None:
    twin.configure(overage=2)
    grants = crowd(twin, 4)
    twin.configure(drain=True)
    assert code_of(twin.acquire(holder(8))) == "draining"
    assert twin.sweep().overage == 1
    twin.release(grants[0])
    assert twin.sweep().overage == 0


@cell("overage", "suspension")
def overage_ends_with_the_leases_that_run_out(twin: Twin) -> None:
    twin.configure(overage=1)
    grants = crowd(twin, 4)
    twin.configure(state=PoolState.SUSPENDED)
    assert code_of(twin.acquire(holder(8))) == "suspended"
    assert (twin.sweep().live, twin.sweep().overage) == (4, 1)
    twin.release(grants[0])
    assert (twin.sweep().live, twin.sweep().overage) == (3, 0)


@cell("drain", "suspension")
def the_suspension_is_told_first_and_the_drain_goes_on_behind_it(twin: Twin) -> None:
    [grant] = crowd(twin, 1)
    twin.configure(drain=True, state=PoolState.SUSPENDED)
    assert code_of(twin.acquire(holder(8))) == "suspended"
    twin.configure(state=PoolState.ACTIVE)
    assert code_of(twin.acquire(holder(8))) == "draining"
    twin.release(grant)
    assert twin.sweep().live == 0
