"""Seats that are reserved for groups, limits of groups and of holders, and who belongs to which."""

import asyncio

from seatwarden.domain.seats import Code, Grant, Millis, SeatGroup
from tests.authority.desk import HOUR, Desk, holder


async def test_reserved_seats_are_kept_for_their_group_whether_it_uses_them_or_not(desk: Desk) -> None:
    await desk.configure(capacity=5, groups={"render": SeatGroup(reserved=2), "edit": SeatGroup(reserved=1)})
    for number in range(2):
        await desk.seat(number)
    refused = await desk.refusal(2)
    assert (refused.code, refused.live, refused.capacity) == (Code.RESERVED, 2, 5)
    assert refused.retry_after is not None
    for number in (10, 11):
        assert (await desk.seat(number, group="render")).group == "render"
    assert (await desk.refusal(12, group="render")).code is Code.RESERVED
    await desk.seat(13, group="edit")
    assert (await desk.refusal(14, group="edit")).code is Code.POOL_EXHAUSTED
    assert (await desk.sweep()).groups == {"render": 2, "edit": 1}


async def test_a_seat_that_a_group_gives_back_within_its_share_is_kept_for_it(desk: Desk) -> None:
    await desk.configure(capacity=3, groups={"render": SeatGroup(reserved=1)})
    first, more = await desk.seat(0, group="render"), await desk.seat(1, group="render")
    await desk.seat(2)
    await desk.release(more)
    await desk.seat(3)
    await desk.release(first)
    assert (await desk.refusal(4)).code is Code.RESERVED
    await desk.seat(5, group="render")


async def test_a_client_of_a_group_that_dies_gives_its_share_back_to_the_group(desk: Desk) -> None:
    await desk.configure(capacity=2, groups={"render": SeatGroup(reserved=1)})
    await desk.run_out(await desk.seat(0, group="render"))
    await desk.seat(1)
    assert (await desk.refusal(2)).code is Code.RESERVED
    assert (await desk.sweep()).groups == {"render": 0}


async def test_a_group_gets_no_more_than_its_limit_and_one_with_none_gets_nothing(desk: Desk) -> None:
    await desk.configure(capacity=9, groups={"guests": SeatGroup(limit=2), "banned": SeatGroup(limit=0)})
    await desk.seat(0, group="guests")
    assert (await desk.refusal(1, group="guests", quantity=2)).code is Code.GROUP_LIMIT
    assert (await desk.refusal(2, group="banned")).code is Code.GROUP_LIMIT
    await desk.seat(1, group="guests")
    wait = (await desk.refusal(3, group="guests")).retry_after
    assert wait is not None
    assert 0 < wait <= HOUR
    await desk.seat(4)


async def test_a_crowd_of_groups_gets_exactly_what_each_may_have(desk: Desk) -> None:
    groups = {"a": SeatGroup(reserved=5, limit=10), "b": SeatGroup(limit=3), "c": SeatGroup(reserved=2)}
    await desk.configure(capacity=20, groups=groups)
    names = ["a", "b", "", "", ""]
    found = await asyncio.gather(*(desk.ask(number, group=names[number % 5]) for number in range(200)))
    held = [one.group for one in found if isinstance(one, Grant)]
    assert len(held) == 18, "two are kept for a group that did not come"
    assert held.count("a") >= 5
    assert held.count("b") <= 3
    assert (await desk.sweep()).groups == {"a": held.count("a"), "b": held.count("b"), "c": 0}


async def test_an_unknown_group_gets_no_seat_and_where_only_groups_do_nobody_else_either(desk: Desk) -> None:
    assert (await desk.refusal(0, group="rendr")).code is Code.NOT_ENTITLED
    await desk.configure(groups={"render": SeatGroup()})
    assert (await desk.refusal(0, group="rendr")).code is Code.NOT_ENTITLED
    await desk.seat(0)
    await desk.configure(only_groups=True)
    refused = await desk.refusal(1)
    assert (refused.code, refused.retry_after) == (Code.NOT_ENTITLED, None)
    await desk.seat(1, group="render")
    assert (await desk.seat(0)).code is Code.EXISTING, "who holds a seat keeps it"


async def test_a_member_is_in_its_group_whatever_it_names(desk: Desk) -> None:
    members = frozenset({holder(7)})
    await desk.configure(
        capacity=2, groups={"vip": SeatGroup(reserved=1, members=members), "other": SeatGroup()}
    )
    await desk.seat(0)
    assert (await desk.seat(7, group="other")).group == "vip"
    assert (await desk.sweep()).groups == {"vip": 1, "other": 0}


async def test_a_holder_that_is_put_into_another_group_changes_with_its_next_wish_if_there_is_room(
    desk: Desk,
) -> None:
    await desk.configure(capacity=4, groups={"a": SeatGroup(), "b": SeatGroup(limit=0)})
    first = await desk.seat(0, group="a")
    assert (await desk.refusal(0, group="b")).code is Code.GROUP_LIMIT
    assert (await desk.beat(first)).code is Code.OK
    await desk.configure(groups={"a": SeatGroup(), "b": SeatGroup(limit=1)})
    moved = await desk.seat(0, group="b")
    assert (moved.taken_over, moved.group) == (True, "b")
    assert (await desk.beat(first)).code is Code.STALE_FENCE
    assert (await desk.sweep()).groups == {"a": 0, "b": 1}


async def test_one_holder_has_no_more_seats_than_one_may_have(desk: Desk) -> None:
    await desk.configure(capacity=9, holder_limit=2)
    refused = await desk.refusal(0, quantity=3)
    assert (refused.code, refused.retry_after) == (Code.HOLDER_LIMIT, None)
    await desk.seat(0, quantity=2)
    await desk.configure(holder_limit=1)
    assert (await desk.seat(0, quantity=2)).code is Code.EXISTING, "who holds seats keeps them"


async def test_more_reserved_than_there_are_seats_shuts_nobody_out_of_its_own_share(desk: Desk) -> None:
    await desk.configure(capacity=4, groups={"a": SeatGroup(reserved=4), "b": SeatGroup(reserved=4)})
    for number, group in enumerate("abab"):
        await desk.seat(number, group=group)
    assert (await desk.refusal(9, group="a")).code is Code.POOL_EXHAUSTED


async def test_other_reservations_count_at_once_and_take_no_seat_away(desk: Desk) -> None:
    await desk.configure(capacity=3, groups={"a": SeatGroup()})
    grants = [await desk.seat(number) for number in range(2)]
    await desk.configure(groups={"a": SeatGroup(reserved=3)})
    assert (await desk.refusal(5)).code is Code.RESERVED
    assert [(await desk.beat(grant)).code for grant in grants] == [Code.OK, Code.OK]
    await desk.seat(6, group="a")
    await desk.configure(groups={})
    await desk.release(grants[0])
    await desk.seat(7)
    assert (await desk.sweep()).groups == {}


async def test_the_seats_of_a_group_are_known_again_when_it_comes_back(desk: Desk) -> None:
    groups = {"a": SeatGroup(limit=2)}
    await desk.configure(capacity=9, groups=groups)
    grant = await desk.seat(0, group="a", quantity=2)
    await desk.configure(groups={})
    await desk.configure(groups=groups)
    assert (await desk.refusal(1, group="a")).code is Code.GROUP_LIMIT
    await desk.release(grant)
    await desk.seat(1, group="a", quantity=2)


async def test_a_mass_of_dead_clients_leaves_neither_limit_nor_share_behind(desk: Desk) -> None:
    await desk.configure(capacity=1000, groups={"a": SeatGroup(reserved=500, limit=500)})
    grants = await asyncio.gather(*(desk.seat(number, group="a") for number in range(450)))
    await desk.run_out(*grants)
    assert (await desk.seat(999, group="a", quantity=500)).live == 500
    assert (await desk.refusal(1000, quantity=501)).code is Code.POOL_EXHAUSTED
    await desk.seat(1000, quantity=500)


async def test_in_shadow_mode_groups_refuse_nobody_and_are_counted(desk: Desk) -> None:
    groups = {"a": SeatGroup(reserved=2), "b": SeatGroup(limit=0)}
    await desk.configure(capacity=2, groups=groups, holder_limit=1, shadow=True)
    await desk.seat(0)
    await desk.seat(1, group="b")
    await desk.seat(2, group="c")
    await desk.seat(3, group="a", quantity=2)
    counts = await desk.sweep()
    assert (counts.would_deny, counts.denied, counts.live) == (4, 0, 5)


async def test_very_many_groups_and_members_are_told_in_one_call(desk: Desk) -> None:
    groups = {
        f"group-{number}": SeatGroup(
            reserved=1, members=frozenset(map(holder, range(9 * number, 9 * number + 9)))
        )
        for number in range(1000)
    }
    await desk.configure(capacity=1001, groups=groups)
    assert (await desk.seat(8999)).group == "group-999"
    await desk.seat(9001)
    assert (await desk.refusal(9002)).code is Code.RESERVED
    assert sum((await desk.sweep()).groups.values()) == 1
    await desk.configure(lease=Millis(HOUR))
