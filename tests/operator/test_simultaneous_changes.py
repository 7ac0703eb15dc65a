"""What others do at the very moment in which the operator writes is neither lost nor undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import pytest
from redis.asyncio import Redis

from seatwarden.backends.private_root_key import generate
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import Change, ObjectStore
from seatwarden.reconcilers.paths import object_path
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.resources.names import FINALIZER, Kind
from seatwarden.resources.seatpool import SeatPool
from tests.operator.mortal_operator import Life, operated
from tests.operator.world import World

HELD_LOOKS = 50
_Answer = TypeVar("_Answer")
Interruption = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class InterruptedLife(Life):
    """A life in which things happen just before a write or just after a read, once each."""

    before: dict[str, Interruption] = field(default_factory=dict)
    after: dict[str, Interruption] = field(default_factory=dict)

    async def write(self, what: str, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        interrupt = self.before.pop(what, None)
        if interrupt is not None:
            await interrupt()
        return await Life.write(self, what, call)

    async def read(self, what: str, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        answer = await Life.read(self, what, call)
        interrupt = self.after.pop(what, None)
        if interrupt is not None:
            await interrupt()
        return answer


@contextlib.asynccontextmanager
async def interrupted(world: World) -> AsyncIterator[InterruptedLife]:
    """Operate the world for as long as the block lasts."""

    async def nobody_watches(_: PoolUid) -> None:
        return

    life = InterruptedLife()
    async with operated(world, life, nobody_watches, iter([await generate(RootAlgorithm.RS256)])):
        yield life


async def until_capacity(world: World, pool: ObjectKey, seats: int) -> None:
    await world.until(pool, lambda it: it["status"]["capacity"] == seats)


@pytest.mark.parametrize("theirs", ["another spec", "a deletion"])
async def test_what_others_did_just_before_our_status_is_news_though_the_answer_brought_it(
    idle_world: World, theirs: str
) -> None:
    world = idle_world
    pool = await world.pool()
    await world.api.patch(
        object_path(pool), [{"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]}]
    )
    store = ObjectStore()
    store.put(pool.kind, await world.get(pool))
    known = store.entry(pool)
    assert isinstance(known, SeatPool)
    writer = StatusWriter(
        api=world.api, store=store, now=lambda: datetime.now(UTC), instance="test", written=lambda _: None
    )

    await (world.delete(pool) if theirs == "a deletion" else world.patch_spec(pool, seats=3))
    event = await world.get(pool)
    await writer.write(pool, known, known.status.model_copy(update={"used": 1}))
    assert store.entry(pool) != known
    assert store.put(pool.kind, event) is Change.INTENT
    assert store.put(pool.kind, await world.get(pool)) is Change.NOTHING
    await world.api.patch(object_path(pool), [{"op": "remove", "path": "/metadata/finalizers"}])


async def test_subscription_that_goes_between_the_listing_and_the_watch_is_missed_soon(
    idle_world: World,
) -> None:
    world = idle_world
    await world.start_operator()
    pool = await world.customer()
    await world.stop_operator()
    async with interrupted(world) as life:
        team = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
        life.after["GET seatpools"] = partial(world.delete, team)
        await world.until_reason(pool, "SubscriptionNotFound")


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
