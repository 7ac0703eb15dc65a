"""What goes leaves nothing behind that was not to stay, in whatever order it goes."""

from itertools import permutations

import pytest
from redis.asyncio import Redis

from seatwarden.domain.seats import Code, Refusal
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import FINALIZER, Kind
from tests.operator.world import COLLECTOR_PATIENCE_SECONDS, World

ORDERS = list(permutations(Kind))


def customer_keys(world: World) -> list[ObjectKey]:
    names = {Kind.TENANT: "acme", Kind.SUBSCRIPTION: "team", Kind.SEAT_POOL: "dev"}
    return [ObjectKey(kind, world.namespace, name) for kind, name in names.items()]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_everything_goes_in_any_order_of_deletion(
    world: World, redis: Redis, order: tuple[Kind, ...]
) -> None:
    await world.customer()
    await world.acquire(1)
    licence_key = await world.licence_key()
    keys = customer_keys(world)

    for key in sorted(keys, key=lambda key: order.index(key.kind)):
        await world.delete(key)
    for key in keys:
        await world.until_gone(key)
    assert await redis.keys("*") == []
    refusal = await world.seats.validate(licence_key.pool, licence_key.sha256)
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.INVALID_LICENSE


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_everything_goes_one_after_the_other_in_any_order(
    world: World, redis: Redis, order: tuple[Kind, ...]
) -> None:
    await world.customer()
    await world.acquire(1)
    keys = customer_keys(world)

    for key in sorted(keys, key=lambda key: order.index(key.kind)):
        await world.delete(key)
        await world.until_gone(key)
    assert await redis.keys("*") == []


async def test_namespace_goes_with_everything_in_it(idle_world: World, redis: Redis) -> None:
    world = idle_world
    world.namespace = f"{world.namespace}-doomed"
    path = f"/api/v1/namespaces/{world.namespace}"
    await world.api.create("/api/v1/namespaces", {"metadata": {"name": world.namespace}})
    await world.start_operator()
    await world.customer()
    await world.acquire(1)

    await world.api.delete(path)
    await world.until_not_found(path, within=COLLECTOR_PATIENCE_SECONDS)
    assert await redis.keys("*") == []


async def test_what_was_deleted_while_no_operator_ran_goes_when_one_does(
    idle_world: World, redis: Redis
) -> None:
    world = idle_world
    await world.start_operator()
    await world.customer()
    await world.stop_operator()
    keys = customer_keys(world)
    for key in keys:
        await world.delete(key)
    assert len(await redis.keys("*")) > 0

    await world.start_operator()
    for key in keys:
        await world.until_gone(key)
    assert await redis.keys("*") == []


async def test_finalizer_of_another_keeps_the_pool_but_not_its_seats(world: World, redis: Redis) -> None:
    pool = await world.customer()
    theirs = [{"op": "add", "path": "/metadata/finalizers/0", "value": "example.com/theirs"}]
    await world.api.patch(object_path(pool), theirs)
    await world.delete(pool)

    found = await world.until(pool, lambda it: FINALIZER not in it["metadata"]["finalizers"])
    assert found["metadata"]["finalizers"] == ["example.com/theirs"]
    assert await redis.keys("*") == []
    await world.api.patch(object_path(pool), [{"op": "remove", "path": "/metadata/finalizers/0"}])
    await world.until_gone(pool)
