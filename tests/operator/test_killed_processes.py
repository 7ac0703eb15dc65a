"""The operator as a real process, killed as soon as each thing that it does can be seen. The next one goes on from there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from redis.asyncio import Redis

from seatwarden.backends.kubernetes_api import NotFound
from seatwarden.domain.seats import Grant
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import FINALIZER
from tests.operator.child_operator import StartOperator, child_operators
from tests.operator.world import World

pytestmark = pytest.mark.exclusive

PATIENCE_SECONDS = 30.0
Effect = Callable[[], Awaitable[bool]]
DieAt = Callable[[Effect], Awaitable[None]]


@pytest.fixture
def start(idle_world: World, tmp_path: Path) -> Iterator[StartOperator]:
    with child_operators(idle_world, tmp_path) as start:
        yield start


@pytest.fixture
def die_at(start: StartOperator) -> DieAt:
    """Start an operator and kill it as soon as the effect is seen."""
    lives = count(1)

    async def die_at(effect: Effect) -> None:
        operator = start(f"life-{next(lives)}", "--no-election")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not await effect():
            assert operator.child.exit_status() is None
            assert time.monotonic() < deadline, operator.child.log.read_text()
            await asyncio.sleep(0)
        operator.kill()

    return die_at


async def test_seven_lives_make_one_customer(
    idle_world: World, start: StartOperator, die_at: DieAt, redis: Redis
) -> None:
    world = idle_world

    async def has_finalizer(key: ObjectKey) -> bool:
        return FINALIZER in (await world.get(key))["metadata"].get("finalizers", ())

    async def has_secret(name: str) -> bool:
        try:
            await world.secret(name)
        except NotFound:
            return False
        return True

    async def capacity_is(wanted: int | None) -> bool:
        seen = (await world.seats.observe([licence_key.pool]))[0]
        return (seen.capacity if seen is not None else None) == wanted

    tenant = await world.tenant()
    await die_at(lambda: has_finalizer(tenant))
    await die_at(lambda: has_secret("acme-root-key"))
    root_key = await world.secret("acme-root-key")
    await world.subscription()
    pool = await world.pool()
    await die_at(lambda: has_finalizer(pool))
    await die_at(lambda: has_secret("dev-licence"))
    licence_key = await world.licence_key()
    await die_at(lambda: capacity_is(5))
    await world.patch_spec(pool, seats=3)
    await die_at(lambda: capacity_is(3))

    last = start("last", "--no-election")
    assert (await world.until_ready(pool))["status"]["epoch"] == 1
    assert (await world.until_ready(tenant))["status"]["keySecret"] == "acme-root-key"
    assert (await world.secret("acme-root-key"))["data"] == root_key["data"]
    assert await world.licence_key() == licence_key
    grants = [await world.acquire(number) for number in range(4)]
    assert [isinstance(grant, Grant) for grant in grants] == [True, True, True, False]
    last.kill()

    await world.delete(pool)
    await die_at(lambda: capacity_is(None))
    start("after", "--no-election")
    await world.until_gone(pool)
    assert await redis.dbsize() == 0
