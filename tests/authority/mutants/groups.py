"""Scenes of groups: what is reserved for them, their limits, and who is in which."""

from dataclasses import replace

from seatwarden.domain.seats import Code, Fence, Grant, GroupVerdict, SeatGroup, VersionVerdict
from tests.authority.copies import flush
from tests.authority.desk import beat_of, holder
from tests.authority.mutants.walk import LEASE
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once

SHARED = {"a": SeatGroup(reserved=2), "b": SeatGroup(reserved=1, limit=2)}


def what_is_reserved_is_kept(twin: Twin) -> None:
    twin.configure(capacity=5, groups=SHARED)
    codes = [twin.acquire(holder(number)).code for number in range(3)]
    assert codes == [Code.GRANTED, Code.GRANTED, Code.RESERVED]
    first = twin.seat(holder(3), group="a")
    twin.seat(holder(4), group="a")
    assert twin.acquire(holder(5), group="a").code is Code.RESERVED
    assert twin.acquire(holder(5), group="b", quantity=2).code is Code.POOL_EXHAUSTED
    twin.seat(holder(6), group="b")
    twin.audit()
    twin.release(first)
    twin.audit()
    assert twin.acquire(holder(5)).code is Code.RESERVED
    twin.sweep()
    twin.audit()


def overage_is_for_reservations_too(twin: Twin) -> None:
    twin.configure(capacity=2, overage=2, groups=SHARED)
    assert not twin.seat(holder(0)).overage
    assert twin.acquire(holder(1)).code is Code.RESERVED
    assert [twin.seat(holder(number), group="a").overage for number in (2, 3)] == [0, 1]
    twin.audit()


def a_limit_counts_what_the_group_would_have(twin: Twin) -> None:
    twin.configure(capacity=9, groups=SHARED, holder_limit=3)
    assert twin.acquire(holder(0), group="b", quantity=3).code is Code.GROUP_LIMIT
    twin.seat(holder(0), group="b")
    twin.seat(holder(0), group="b", quantity=2)
    assert twin.acquire(holder(1), group="b").code is Code.GROUP_LIMIT
    assert twin.acquire(holder(0), group="b", quantity=3).code is Code.GROUP_LIMIT
    assert twin.acquire(holder(2), quantity=4).code is Code.HOLDER_LIMIT
    twin.seat(holder(2), quantity=3)
    twin.configure(holder_limit=2)
    twin.seat(holder(2), "again", quantity=3)
    assert twin.acquire(holder(2), "again", quantity=4).code is Code.HOLDER_LIMIT
    twin.seat(holder(0), "again", group="b")
    twin.audit()


def who_is_in_no_group(twin: Twin) -> None:
    assert twin.acquire(holder(0), group="a").code is Code.NOT_ENTITLED
    twin.configure(groups={"a": SeatGroup(members=frozenset({holder(5)}))})
    assert twin.acquire(holder(0), group="b").code is Code.NOT_ENTITLED
    twin.seat(holder(0))
    twin.configure(only_groups=True)
    twin.seat(holder(0))
    assert twin.acquire(holder(1)).code is Code.NOT_ENTITLED
    twin.seat(holder(5), group="b")
    twin.configure(shadow=True, capacity=9)
    twin.seat(holder(2), group="c")
    twin.seat(holder(3))
    twin.sweep()
    twin.audit()
    twin.configure(groups={}, only_groups=True, shadow=False)
    assert twin.acquire(holder(4)).code is Code.NOT_ENTITLED


def a_lease_moves_to_another_group(twin: Twin) -> None:
    twin.configure(capacity=4, groups={"a": SeatGroup(reserved=1), "b": SeatGroup(limit=1)})
    twin.seat(holder(0), group="a", quantity=2)
    twin.seat(holder(1))
    assert twin.acquire(holder(0), group="b", quantity=2).code is Code.GROUP_LIMIT
    twin.audit()
    twin.configure(drain=True)
    assert twin.seat(holder(0), group="b").taken_over
    twin.audit()
    twin.configure(drain=False)
    twin.seat(holder(2))
    # Its seat goes to nobody but the group that has it reserved.
    assert twin.acquire(holder(0)).code is Code.GRANTED
    twin.audit()
    assert twin.acquire(holder(3)).code is Code.RESERVED
    twin.seat(holder(4), group="a")
    twin.configure(capacity=3)
    assert twin.acquire(holder(4)).code is Code.RESERVED
    twin.clock.forward(LEASE)
    twin.seat(holder(4), group="b")
    twin.audit()


def a_lease_that_only_moves_asks_for_no_new_seat(twin: Twin) -> None:
    twin.configure(capacity=3, groups={"a": SeatGroup(), "b": SeatGroup()}, queue_size=5)
    twin.seat(holder(0), group="a", quantity=2)
    twin.acquire(holder(1), quantity=2, would_wait=True)
    twin.configure(holder_limit=1)
    twin.seat(holder(0), group="b", quantity=2)
    twin.configure(drain=True)
    twin.seat(holder(0), group="a", quantity=2)
    twin.audit()


def the_wait_for_a_group_is_that_for_the_next_seat(twin: Twin) -> None:
    twin.configure(capacity=9, groups={"a": SeatGroup(limit=2)})
    for number in range(3):
        twin.seat(holder(number), group="a" if number else "")
        twin.clock.forward(1000)
    assert twin.acquire(holder(5), group="a").code is Code.GROUP_LIMIT


def very_many_groups(twin: Twin) -> None:
    groups = {f"g{number}": SeatGroup(reserved=number % 2, limit=5) for number in range(4100)}
    twin.configure(capacity=3000, groups=groups)
    twin.seat(holder(0), group="g4099")
    assert twin.acquire(holder(1), quantity=1000).code is Code.RESERVED
    twin.sweep()


def the_seats_of_groups_are_forgotten_with_their_leases(twin: Twin) -> None:
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    twin.seat(holder(0), group="a")
    twin.runner.ask(("DEL", twin.keys.leases))
    twin.config = replace(twin.config, generation=7)
    at_once(twin.authority.configure(twin.pool, twin.config, term=1))
    [kept] = twin.runner.ask(("HMGET", twin.keys.state, "group:a", "held_back", "used"))
    assert kept == [None, b"1", b"0"]


def a_lease_that_moves_in_an_overfull_pool_is_marked_no_further(twin: Twin) -> None:
    twin.configure(capacity=3, groups={"a": SeatGroup()})
    twin.seat(holder(0), quantity=3)
    twin.configure(capacity=1, overage=1)
    twin.seat(holder(0), group="a", quantity=2)
    twin.configure(shadow=True, overage=0)
    twin.seat(holder(0), quantity=2)
    assert all("overage" not in it and "shadow" not in it for it in twin.ledger())
    twin.audit()


def reservations_change_under_way(twin: Twin) -> None:
    twin.configure(capacity=6, groups={"a": SeatGroup(), "b": SeatGroup(reserved=1)})
    twin.seat(holder(0), group="a", quantity=2)
    for reserved in (1, 2, 4, 0):
        twin.configure(groups={"a": SeatGroup(reserved=reserved)})
        twin.acquire(holder(1), quantity=3)
        twin.audit()
    twin.configure(groups={})
    twin.sweep()
    twin.audit()
    twin.clock.forward(LEASE)
    twin.sweep()
    twin.audit()


def the_whole_pool_is_purged_where_there_are_groups(twin: Twin) -> None:
    twin.configure(capacity=1000, groups={"a": SeatGroup(reserved=400, limit=900)})
    for number in range(7):
        twin.seat(holder(number), group="a", quantity=120)
    twin.clock.forward(LEASE)
    assert twin.acquire(holder(8), group="a", quantity=900).code is Code.GRANTED
    twin.audit()
    twin.clock.forward(LEASE)
    assert twin.acquire(holder(9), quantity=601).code is Code.RESERVED
    twin.audit()


def they_come_back_into_their_groups(twin: Twin) -> None:
    twin.configure(capacity=4, groups=SHARED)
    grants = [twin.seat(holder(0), group="a"), twin.seat(holder(1), group="b"), twin.seat(holder(2))]
    shown = [twin.proof(grant, holder(number)) for number, grant in enumerate(grants)]
    flush(twin)
    twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
    twin.set_up(term=1)
    twin.audit()
    for lease in shown:
        twin.readmit(lease)
        twin.audit()
    for step, (group, quantity) in enumerate((("b", 1), ("b", 2), ("", 1))):
        changed = replace(shown[0], group=group, quantity=quantity, fence=Fence(shown[0].fence + 9 + step))
        twin.readmit(changed)
        twin.audit()
    twin.beat(*(beat_of(grant) for grant in grants))
    twin.acquire(holder(2), group="a")
    twin.clock.now = twin.model.recover_until
    twin.sessions()
    answer = twin.acquire(holder(7))
    assert isinstance(answer, Grant) == (answer.code is Code.GRANTED)
    twin.sweep()
    twin.audit()


def a_look_tells_the_group_that_a_seat_would_be_of(twin: Twin) -> None:
    twin.configure(capacity=9)
    first = twin.seat(holder(1), group="")
    grant = twin.seat(holder(2), group="")
    groups = {
        "a": SeatGroup(reserved=2, members=frozenset({holder(1), holder(3)})),
        "b": SeatGroup(limit=1, members=frozenset({holder(4)})),
    }
    twin.configure(groups=groups)
    twin.seat(holder(3))
    # A member that has no lease, and a lease that is older than the membership.
    assert twin.validate(holder(4)).group == GroupVerdict("b", True, 0, 1, 0)
    assert twin.validate(lease_id=first.lease_id).group == GroupVerdict("a", True, 2, None, 1)
    assert twin.validate(holder(2)).group is None
    assert twin.validate(holder(2), group="a").group == GroupVerdict("a", True, 2, None, 1)
    assert twin.validate(holder(2), group="c").code is Code.NOT_ENTITLED
    assert twin.validate(holder(1), group="c").code is Code.OK
    twin.seat(holder(2), "again", group="b")
    assert twin.validate(holder(2)).group == GroupVerdict("b", True, 0, 1, 1)
    assert twin.validate(holder(2), grant.lease_id, group="").group is None
    twin.configure(only_groups=True)
    assert twin.validate(group="").code is Code.NOT_ENTITLED
    assert twin.validate(holder(2)).code is Code.OK
    twin.configure(version_min="4", version_max="5")
    assert twin.validate(version="3", group="c").code is Code.VERSION_BLOCKED
    assert twin.validate(holder(9), version="3").code is Code.UNKNOWN_SESSION
    twin.configure(shadow=True)
    seen = twin.validate(version="3", group="c")
    assert (seen.code, seen.version) == (Code.OK, VersionVerdict(admitted=False, window="from 4 to 5"))
    assert seen.group == GroupVerdict("c", False, 0, None, 0)


SCENES = (
    what_is_reserved_is_kept,
    overage_is_for_reservations_too,
    a_limit_counts_what_the_group_would_have,
    who_is_in_no_group,
    a_look_tells_the_group_that_a_seat_would_be_of,
    a_lease_moves_to_another_group,
    a_lease_that_only_moves_asks_for_no_new_seat,
    the_wait_for_a_group_is_that_for_the_next_seat,
    very_many_groups,
    the_seats_of_groups_are_forgotten_with_their_leases,
    a_lease_that_moves_in_an_overfull_pool_is_marked_no_further,
    reservations_change_under_way,
    the_whole_pool_is_purged_where_there_are_groups,
    they_come_back_into_their_groups,
)
