"""The groups of a pool, between manifest, authority and status."""

from seatwarden.domain import seats
from seatwarden.domain.seat_groups import seat_groups, seats_of_groups
from seatwarden.resources.seat_limits import GroupStatus, SeatGroup

ONE, TWO = "1" * 64, "2" * 64


def test_a_group_is_told_with_its_share_its_limit_and_its_members() -> None:
    wanted = [SeatGroup(name="render", reserved=2, limit=5, members=(ONE,)), SeatGroup(name="guests")]
    assert seat_groups(wanted) == {
        "render": seats.SeatGroup(reserved=2, limit=5, members=frozenset({ONE})),
        "guests": seats.SeatGroup(),
    }


def test_a_holder_that_stands_in_several_groups_is_in_the_first_of_them() -> None:
    told = seat_groups([SeatGroup(name="a", members=(ONE,)), SeatGroup(name="b", members=(ONE, TWO))])
    assert [sorted(group.members) for group in told.values()] == [[ONE], [TWO]]


def test_the_status_shows_each_group_that_there_is_in_the_order_of_the_manifest() -> None:
    wanted = [SeatGroup(name="new"), SeatGroup(name="kept")]
    before = [GroupStatus(name="gone", used=4), GroupStatus(name="kept", used=3)]
    counted = seats_of_groups(wanted, before, {"kept": 1, "gone": 2, "new": 0})
    assert counted == (GroupStatus(name="new", used=0), GroupStatus(name="kept", used=1))


def test_where_nothing_was_counted_the_numbers_stay() -> None:
    wanted = [SeatGroup(name="new"), SeatGroup(name="kept")]
    shown = seats_of_groups(wanted, [GroupStatus(name="kept", used=3)], None)
    assert shown == (GroupStatus(name="new", used=0), GroupStatus(name="kept", used=3))
