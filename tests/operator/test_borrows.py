"""What is borrowed: shown with `kubectl`, and put back from there when Redis has lost it."""

import asyncio

import pytest
from redis.asyncio import Redis

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.borrowing import Borrow, BorrowRefusal, Return
from seatwarden.domain.seats import Beat, Code, Grant, Millis
from seatwarden.reconcilers.engine import ObjectKey
from tests.operator.world import World, condition, holder

KEYS = InstallationKeys([bytes(32)])
HOUR = Millis(3_600_000)


async def test_a_borrow_is_told_in_the_status_until_it_comes_back(idle_world: World) -> None:
    world = idle_world
    pool = await _lender(world)
    grant = await _seat(world, 1)
    lent = await _borrow(world, grant)
    assert isinstance(lent, Borrow)
    found = await world.until(pool, lambda it: it["status"].get("borrowed") == 2)
    [told] = found["status"]["borrows"]
    assert (told["holder"], told["seats"], told["group"]) == (holder(1), 2, "render")
    assert (told["fence"], told["until"][-1]) == (grant.fence, "Z")
    assert found["status"]["used"] == 2

    refused = await _borrow(world, await _seat(world, 2), Millis(9 * HOUR))
    assert isinstance(refused, BorrowRefusal)
    await world.until(pool, lambda it: it["status"]["refused"]["borrow"] == 1)

    key = await world.licence_key()
    assert isinstance(await world.seats.take_back(key.pool, key.sha256, _beat(grant)), Return)
    found = await world.until(pool, lambda it: it["status"]["borrowed"] == 0)
    assert found["status"].get("borrows", []) == []
    assert "borrowsEpoch" not in found["status"]


@pytest.mark.behaviour(19)
async def test_a_borrow_that_redis_lost_is_put_back_at_once(idle_world: World, redis: Redis) -> None:
    world = idle_world
    pool = await _lender(world)
    grant = await _seat(world, 1)
    await _borrow(world, grant)
    await world.until(pool, lambda it: it["status"].get("borrowed") == 2)
    before = (await world.get(pool))["status"]["borrows"]

    await redis.flushall()
    found = await world.until(pool, lambda it: it["status"].get("borrowsEpoch") == 2)
    assert found["status"]["borrows"] == before
    await world.until_told("BorrowsRestored")
    await _goes_on(world, grant)


async def test_an_operator_that_was_away_puts_back_what_was_lost_meanwhile(
    idle_world: World, redis: Redis
) -> None:
    world = idle_world
    pool = await _lender(world)
    grant = await _seat(world, 1)
    returned = await _seat(world, 2)
    for each in (grant, returned):
        await _borrow(world, each)
    await world.until(pool, lambda it: it["status"].get("borrowed") == 4)
    await world.stop_operator()
    key = await world.licence_key()
    await world.seats.take_back(key.pool, key.sha256, _beat(returned))
    await world.start_operator(installation_keys=KEYS)
    # Nothing was lost, so what is not borrowed any more was returned.
    await world.until(pool, lambda it: it["status"]["borrowed"] == 2)

    await world.stop_operator()
    await redis.flushall()
    await world.start_operator(installation_keys=KEYS)
    await world.until(pool, lambda it: it["status"].get("borrowsEpoch") == 2)
    await world.until(
        pool, lambda it: condition(it, "Ready")["status"] == "True" or it["status"]["used"] == 2
    )
    await _goes_on(world, grant)


async def _lender(world: World) -> ObjectKey:
    await world.start_operator(installation_keys=KEYS)
    pool = await world.customer()
    wanted = {
        "borrow": {"maxSeats": 4, "maxDuration": "8h"},
        "groups": [{"name": "render"}],
        "lease": {"duration": "5s", "heartbeat": "1s"},
    }
    await world.patch_spec(pool, **wanted)
    generation = (await world.get(pool))["metadata"]["generation"]
    await world.until(pool, lambda it: it["status"]["observedGeneration"] == generation)
    return pool


async def _seat(world: World, number: int) -> Grant:
    grant = await world.acquire(number, quantity=2, group="render")
    assert isinstance(grant, Grant)
    return grant


async def _borrow(world: World, grant: Grant, length: Millis = HOUR) -> Borrow | BorrowRefusal:
    key = await world.licence_key()
    return await world.seats.borrow(key.pool, key.sha256, _beat(grant), length)


async def _goes_on(world: World, grant: Grant) -> None:
    """The holder has its seats with the fence that it had, and they are counted."""
    key = await world.licence_key()
    [verdict] = await world.seats.heartbeat(key.pool, key.sha256, [_beat(grant)])
    assert verdict.code is Code.OK
    await asyncio.sleep(6)
    [verdict] = await world.seats.heartbeat(key.pool, key.sha256, [_beat(grant)])
    assert verdict.code is Code.OK, "it is still away, so nobody had to renew it"


def _beat(grant: Grant) -> Beat:
    return Beat(lease_id=grant.lease_id, fence=grant.fence)
