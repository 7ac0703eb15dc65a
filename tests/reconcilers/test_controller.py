"""What only all reconcilers together can show."""

import pytest

from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, pool_body, subscription_body, uid_of
from tests.reconcilers.control_room import ControlRoom
from tests.reconcilers.virtual_time import until

POOL = uid_of("dev")
TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")


@pytest.fixture
async def room() -> ControlRoom:
    return ControlRoom()


@pytest.mark.parametrize("kind", Kind)
async def test_nothing_is_planned_for_an_object_that_does_not_exist(room: ControlRoom, kind: Kind) -> None:
    with room.at_work():
        room.controller.engine.add(ObjectKey(kind, NAMESPACE, "never-seen"), Cause.RELATED)
        await until(1.0)

    assert len(room.controller.engine.wheel) == 0


async def test_a_lost_pool_is_put_back_in_the_next_epoch(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(30.0)
        assert (room.status["epoch"], room.condition("Ready")) == (1, ("True", "Succeeded"))
        room.authority.pools.clear()
        room.authority.counts.clear()
        await until(60.0)

    assert (room.status["epoch"], room.authority.pools[POOL].epoch) == (2, 2)


async def test_a_pool_lost_under_a_suspended_subscription_says_what_it_waits_for(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(30.0)
        room.write(Kind.SUBSCRIPTION, subscription_body(spec={"suspend": True}, generation=2))
        room.authority.pools.clear()
        room.authority.counts.clear()
        await until(60.0)
        writes = len(room.api.writes)
        await until(120.0)

    assert room.status["epoch"] == 1
    assert room.condition("RedisReady") == room.condition("Ready") == ("False", "AwaitingResume")
    assert room.authority.pools == {}
    assert [write for write in room.api.writes[writes:] if "seatpools" in write] == []


async def test_a_pool_whose_totals_went_back_begins_a_new_epoch(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(1.0)
        room.count(POOL, granted=7)
        await until(30.0)
        assert room.status["epoch"] == 1
        room.count(POOL, granted=6)
        await until(60.0)

    assert (room.status["epoch"], room.authority.pools[POOL].epoch) == (2, 2)


async def test_seats_that_a_pool_still_has_are_told_while_it_cannot_be_read(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(30.0)
        room.write(Kind.SEAT_POOL, pool_body(seats=-1, generation=2))
        await until(60.0)

    assert room.condition("Ready") == ("False", "InvalidSpec")
    assert room.api.objects[object_path(TEAM)]["status"]["allocatedSeats"] == 5
