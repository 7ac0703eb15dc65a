"""P6 with clients at work: whatever happens to Redis, nobody is above the cap, nobody who goes on asking loses a seat,
and no seat is lost for ever."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.seats import Millis
from seatwarden.endpoint.settings import EndpointSettings
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import EndpointClient
from tests.endpoint.live_clients import Judge, all_seated, crowd, watchful_operator
from tests.endpoint.pools import Pool, make_pool

SEATS = 6
LEASE = Millis(2500)
KEYS = InstallationKeys([bytes(32)])
FSYNC = Durability(fsync=True)


@dataclass
class Scene:
    """A pool of six seats on a Redis that a test may harm, with an endpoint, an operator and a judge."""

    server: Valkey
    seats: RedisSeatAuthority
    pool: Pool
    http: EndpointClient
    judge: Judge

    async def settled(self) -> None:
        """Return when every call works again, and no recovery goes on."""
        async with asyncio.timeout(20):
            while True:
                try:
                    [seen] = await self.seats.observe([self.pool.uid])
                except Exception:  # noqa: BLE001  # whatever it is, it is not settled
                    seen = None
                if seen is not None and not seen.recovering_for:
                    return
                await asyncio.sleep(0.05)


Stage = Callable[[ValkeyOptions, Durability], AbstractAsyncContextManager[Scene]]


@pytest.fixture
def stage(start_endpoint: StartEndpoint) -> Stage:
    """Makes scenes."""

    @asynccontextmanager
    async def make(options: ValkeyOptions, durability: Durability) -> AsyncIterator[Scene]:
        async with valkey_server(options) as server:
            seats = RedisSeatAuthority.connect(server.url, keys=KEYS, durability=durability, serves=True)
            try:
                pool = await make_pool(seats, seats=SEATS, lease=LEASE)
                await seats.note_provisioned()
                endpoint = await start_endpoint(seats, EndpointSettings(), keys=KEYS)
                http = endpoint.client.with_key(pool.key.text)
                async with watchful_operator(seats, pool):
                    yield Scene(server, seats, pool, http, Judge(SEATS))
                await endpoint.server.close()
            finally:
                await seats.close()

    return make


async def seats_change_hands(scene: Scene) -> None:
    """All seats can be had by others: none was lost for ever."""
    async with crowd(scene.http, Judge(SEATS), SEATS) as others:
        await all_seated(others)


@pytest.mark.behaviour(10, 22)
@pytest.mark.parametrize("durability", [FSYNC, VOLATILE], ids=str)
async def test_a_crash_of_a_redis_that_keeps_all_it_acknowledged(
    stage: Stage, durability: Durability
) -> None:
    async with stage(ValkeyOptions(append_only=True), durability) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 4) as waiting:
                for _ in range(2):
                    scene.server.kill()
                    await asyncio.sleep(0.4)
                    await scene.server.start()
                    await scene.settled()
                    await asyncio.sleep(0.5)
                assert not any(client.seated.is_set() for client in waiting)
            windows = {epoch for client in clients for epoch in client.epochs}
            assert windows == {1}
        scene.judge.sum_up()
        await seats_change_hands(scene)


@pytest.mark.behaviour(21, 22)
async def test_an_outage_longer_than_a_lease_kills_no_client(stage: Stage) -> None:
    """Redis was away, or all endpoints could not reach it."""
    async with stage(ValkeyOptions(append_only=True), FSYNC) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            await asyncio.sleep(1.2)
            scene.server.kill()
            await asyncio.sleep(LEASE / 1000 + 2.5)
            await scene.server.start()
            await scene.settled()
            await asyncio.sleep(1)
        scene.judge.sum_up()
        await seats_change_hands(scene)


@pytest.mark.behaviour(10, 11)
async def test_a_crash_of_a_redis_that_keeps_nothing(stage: Stage) -> None:
    async with stage(ValkeyOptions(), VOLATILE) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 4):
                scene.server.kill()
                await asyncio.sleep(0.3)
                await scene.server.start()
                await asyncio.sleep(0.2)
                await scene.settled()
                await asyncio.sleep(0.5)
        scene.judge.sum_up()
        await seats_change_hands(scene)


@pytest.mark.behaviour(11)
@pytest.mark.parametrize("durability", [FSYNC, VOLATILE], ids=str)
async def test_a_flush(stage: Stage, durability: Durability) -> None:
    """No connection broke, and nothing was declared to be lost."""
    async with stage(ValkeyOptions(append_only=True), durability) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 4), Redis.from_url(scene.server.url) as redis:
                await redis.flushall()
                await asyncio.sleep(0.3)
                await scene.settled()
                await asyncio.sleep(0.5)
        scene.judge.sum_up()
        await seats_change_hands(scene)


@pytest.mark.behaviour(10, 11)
@pytest.mark.parametrize("noticed", ["by the restart", "by nobody but the holders"])
async def test_an_old_copy_is_put_back(stage: Stage, tmp_path: Path, noticed: str) -> None:
    """Seats of the copy were given back since, and their successors are not in it."""
    durability = VOLATILE if noticed == "by the restart" else FSYNC
    options = ValkeyOptions(folder=tmp_path / "data")
    async with stage(options, durability) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as first:
            await all_seated(first)
            async with Redis.from_url(scene.server.url) as redis:
                await redis.save()
            copy = tmp_path / "copy.rdb"
            shutil.copy(tmp_path / "data" / "dump.rdb", copy)
        async with crowd(scene.http, scene.judge, SEATS) as second:
            await all_seated(second)
            async with crowd(scene.http, scene.judge, 4):
                scene.server.kill()
                shutil.copy(copy, tmp_path / "data" / "dump.rdb")
                await scene.server.start()
                await asyncio.sleep(0.2)
                await scene.settled()
                await asyncio.sleep(0.5)
        scene.judge.sum_up()
        await seats_change_hands(scene)


@pytest.mark.behaviour(10, 11)
async def test_a_copy_from_before_anybody_came_is_put_back(stage: Stage, tmp_path: Path) -> None:
    """To whom it belongs, the six seats look free to everybody."""
    async with stage(ValkeyOptions(folder=tmp_path / "data"), VOLATILE) as scene:
        await scene.seats.observe([scene.pool.uid])
        async with Redis.from_url(scene.server.url) as redis:
            await redis.save()
        copy = tmp_path / "copy.rdb"
        shutil.copy(tmp_path / "data" / "dump.rdb", copy)
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            async with crowd(scene.http, scene.judge, 12):
                scene.server.kill()
                shutil.copy(copy, tmp_path / "data" / "dump.rdb")
                await scene.server.start()
                await asyncio.sleep(0.2)
                await scene.settled()
                await asyncio.sleep(0.5)
        scene.judge.sum_up()
        await seats_change_hands(scene)
