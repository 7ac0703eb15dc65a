"""P6 with clients at work: whatever happens to Redis, nobody is above the cap, nobody who goes on asking loses a seat,
and no seat is lost for ever."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.seats import Millis
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.live_clients import all_seated, crowd
from tests.endpoint.loss_scenes import SEATS, Scene, scene_on

LEASE = Millis(2500)
FSYNC = Durability(fsync=True)


@dataclass
class Stage:
    """Sets scenes on a Valkey that a test may harm."""

    start_endpoint: StartEndpoint
    server: Valkey = field(init=False)

    @asynccontextmanager
    async def set(self, options: ValkeyOptions, durability: Durability) -> AsyncIterator[Scene]:
        async with (
            valkey_server(options) as self.server,
            scene_on(self.server.url, durability, LEASE, self.start_endpoint) as scene,
        ):
            yield scene


@pytest.fixture
def stage(start_endpoint: StartEndpoint) -> Stage:
    """An empty stage."""
    return Stage(start_endpoint)


@pytest.mark.behaviour(10, 22)
@pytest.mark.parametrize("durability", [FSYNC, VOLATILE], ids=str)
async def test_a_crash_of_a_redis_that_keeps_all_it_acknowledged(
    stage: Stage, durability: Durability
) -> None:
    async with stage.set(ValkeyOptions(append_only=True), durability) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 4) as waiting:
                for _ in range(2):
                    stage.server.kill()
                    await asyncio.sleep(0.4)
                    await stage.server.start()
                    await scene.settled()
                    await asyncio.sleep(0.5)
                assert not any(client.seated.is_set() for client in waiting)
            windows = {epoch for client in clients for epoch in client.epochs}
            assert windows == {1}
        await scene.all_was_well()


@pytest.mark.behaviour(21, 22)
async def test_an_outage_longer_than_a_lease_kills_no_client(stage: Stage) -> None:
    """Redis was away, or all endpoints could not reach it."""
    async with stage.set(ValkeyOptions(append_only=True), FSYNC) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            await asyncio.sleep(1.2)
            stage.server.kill()
            await asyncio.sleep(LEASE / 1000 + 2.5)
            await stage.server.start()
            await scene.settled()
            await asyncio.sleep(1)
        await scene.all_was_well()


@pytest.mark.behaviour(10, 11)
async def test_a_crash_of_a_redis_that_keeps_nothing(stage: Stage) -> None:
    async with stage.set(ValkeyOptions(), VOLATILE) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 4):
                stage.server.kill()
                await asyncio.sleep(0.3)
                await stage.server.start()
                await asyncio.sleep(0.2)
                await scene.settled()
                await asyncio.sleep(0.5)
        await scene.all_was_well()


@pytest.mark.behaviour(11)
@pytest.mark.parametrize("durability", [FSYNC, VOLATILE], ids=str)
async def test_a_flush(stage: Stage, durability: Durability) -> None:
    """No connection broke, and nothing was declared to be lost."""
    async with stage.set(ValkeyOptions(append_only=True), durability) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 4), Redis.from_url(stage.server.url) as redis:
                await redis.flushall()
                await asyncio.sleep(0.3)
                await scene.settled()
                await asyncio.sleep(0.5)
        await scene.all_was_well()


@pytest.mark.behaviour(10, 11)
@pytest.mark.parametrize("noticed", ["by the restart", "by nobody but the holders"])
async def test_an_old_copy_is_put_back(stage: Stage, tmp_path: Path, noticed: str) -> None:
    """Seats of the copy were given back since, and their successors are not in it."""
    durability = VOLATILE if noticed == "by the restart" else FSYNC
    options = ValkeyOptions(folder=tmp_path / "data")
    async with stage.set(options, durability) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as first:
            await all_seated(first)
            async with Redis.from_url(stage.server.url) as redis:
                await redis.save()
            copy = tmp_path / "copy.rdb"
            shutil.copy(tmp_path / "data" / "dump.rdb", copy)
        async with crowd(scene.http, scene.judge, SEATS) as second:
            await all_seated(second)
            async with crowd(scene.http, scene.judge, 4):
                stage.server.kill()
                shutil.copy(copy, tmp_path / "data" / "dump.rdb")
                await stage.server.start()
                await asyncio.sleep(0.2)
                await scene.settled()
                await asyncio.sleep(0.5)
        await scene.all_was_well()


@pytest.mark.behaviour(10, 11)
async def test_a_copy_from_before_anybody_came_is_put_back(stage: Stage, tmp_path: Path) -> None:
    """To whom it belongs, the six seats look free to everybody."""
    async with stage.set(ValkeyOptions(folder=tmp_path / "data"), VOLATILE) as scene:
        await scene.seats.observe([scene.pool.uid])
        async with Redis.from_url(stage.server.url) as redis:
            await redis.save()
        copy = tmp_path / "copy.rdb"
        shutil.copy(tmp_path / "data" / "dump.rdb", copy)
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 12):
                stage.server.kill()
                shutil.copy(copy, tmp_path / "data" / "dump.rdb")
                await stage.server.start()
                await asyncio.sleep(0.2)
                await scene.settled()
                await asyncio.sleep(0.5)
        await scene.all_was_well()
