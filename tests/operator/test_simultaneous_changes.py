"""What others do at the very moment in which the operator writes is neither lost nor undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from redis.asyncio import Redis

from seatwarden.backends.local_root_key import generate_private_pem
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import Kind
from tests.operator.mortal_operator import Life, operated
from tests.operator.world import World

HELD_LOOKS = 50
_Answer = TypeVar("_Answer")
Interruption = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class InterruptedLife(Life):
    """A life in which things happen just before a write, once each."""

    before: dict[str, Interruption] = field(default_factory=dict)

    async def write(self, what: str, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        interrupt = self.before.pop(what, None)
        if interrupt is not None:
            await interrupt()
        return await Life.write(self, what, call)


@contextlib.asynccontextmanager
async def interrupted(world: World) -> AsyncIterator[InterruptedLife]:
    """Operate the world for as long as the block lasts."""

    async def nobody_watches(_: PoolUid) -> None:
        return

    life = InterruptedLife()
    async with operated(world, life, nobody_watches, iter([await generate_private_pem()])):
        yield life


async def until_capacity(world: World, pool: ObjectKey, seats: int) -> None:
    await world.until(pool, lambda it: it["status"]["capacity"] == seats)


async def test_spec_that_changes_just_before_its_status_is_written_is_acted_upon(idle_world: World) -> None:
    world = idle_world
    async with interrupted(world) as life:
        pool = await world.customer()
        for seats in [3, 5] * 8:
            life.before["PATCH seatpools/dev/status"] = partial(world.patch_spec, pool, seats=seats)
            await world.annotate(pool, "seatwarden.dev/reconcile-requested-at", f"then {seats} seats")
            await until_capacity(world, pool, seats)
            await world.until_ready(pool)


async def test_pool_that_is_deleted_just_before_its_status_is_written_goes(idle_world: World) -> None:
    world = idle_world
    async with interrupted(world) as life:
        await world.customer()
        for number in range(8):
            name = f"pool-{number}"
            pool = ObjectKey(Kind.SEAT_POOL, world.namespace, name)
            life.before[f"PATCH seatpools/{name}/status"] = partial(world.delete, pool)
            await world.pool(name, seats=0)
            await world.until_gone(pool)


async def test_pool_that_is_deleted_while_another_run_configures_it_leaves_nothing_in_redis(
    idle_world: World, redis: Redis
) -> None:
    world = idle_world
    async with interrupted(world) as life:
        older = await world.customer()
        await world.patch_spec(older, seats=3)
        await world.until_ready(older)
        younger = await world.younger_pool("younger", than=older, seats=2)
        await world.until_ready(younger)
        uid = (await world.get(younger))["metadata"]["uid"]

        keys = f"sw:{{{uid}}}:*"

        async def delete_it() -> None:
            await world.delete(younger)
            for _ in range(HELD_LOOKS):
                if not await redis.keys(keys):
                    return
                await asyncio.sleep(0.01)

        life.before["configure younger"] = delete_it
        await world.patch_spec(older, seats=5)
        await world.until_gone(younger)
        await until_capacity(world, older, 5)
        assert life.before == {}
        assert await redis.keys(keys) == []
