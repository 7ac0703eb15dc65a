"""P6 with clients at work on Sentinel and Cluster: failovers that lose writes, failovers that do not, and slots that move."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.crc import key_slot

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_keys import pool_keys
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.seats import Millis
from seatwarden.endpoint.settings import EndpointSettings
from tests.backends.redis_groups import ask, cluster, sentinels, until
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import EndpointClient
from tests.endpoint.live_clients import Judge, LiveClient, all_seated, crowd, watchful_operator
from tests.endpoint.pools import Pool, make_pool

pytestmark = [pytest.mark.exclusive, pytest.mark.timeout(180)]

SEATS = 6
LEASE = Millis(5000)
KEYS = InstallationKeys([bytes(32)])


@dataclass
class Scene:
    """A pool of six seats behind ``url``, with an endpoint, an operator and a judge."""

    seats: RedisSeatAuthority
    pool: Pool
    http: EndpointClient
    judge: Judge

    async def settled(self) -> None:
        """Return when every call works again, and no recovery goes on."""
        async with asyncio.timeout(40):
            while True:
                try:
                    [seen] = await self.seats.observe([self.pool.uid])
                except Exception:  # noqa: BLE001  # whatever it is, it is not settled
                    seen = None
                if seen is not None and not seen.recovering_for:
                    return
                await asyncio.sleep(0.1)


Stage = Callable[[str, Durability], AbstractAsyncContextManager[Scene]]


@pytest.fixture
def stage(start_endpoint: StartEndpoint) -> Stage:
    """Makes scenes."""

    @asynccontextmanager
    async def make(url: str, durability: Durability) -> AsyncIterator[Scene]:
        seats = RedisSeatAuthority.connect(url, keys=KEYS, durability=durability, serves=True)
        try:
            pool = await make_pool(seats, seats=SEATS, lease=LEASE)
            await seats.note_provisioned()
            endpoint = await start_endpoint(seats, EndpointSettings(), keys=KEYS)
            async with watchful_operator(seats, pool):
                yield Scene(seats, pool, endpoint.client.with_key(pool.key.text), Judge(SEATS))
            await endpoint.server.close()
        finally:
            await seats.close()

    return make


def epochs(clients: list[LiveClient]) -> set[int]:
    return {client.fence >> 32 for client in clients}


@pytest.mark.behaviour(10)
async def test_a_failover_that_loses_grants_costs_nobody_a_seat_and_gives_none_twice(
    stage: Stage, tmp_path: Path
) -> None:
    async with sentinels(tmp_path, None) as world, stage(world.url, VOLATILE) as scene:
        async with crowd(scene.http, scene.judge, 3) as first:
            await all_seated(first)
            await ask(world.master.port, "WAIT", 1, 2000)
            # What follows does not reach the replica any more.
            os.kill(world.replica.pid, signal.SIGSTOP)
            async with crowd(scene.http, scene.judge, 3) as second:
                await all_seated(second)
                async with crowd(scene.http, scene.judge, 4):
                    world.master.kill()
                    os.kill(world.replica.pid, signal.SIGCONT)
                    await asyncio.sleep(1)
                    await scene.settled()
                    await asyncio.sleep(1)
        scene.judge.sum_up()
        async with crowd(scene.http, Judge(SEATS), SEATS) as others:
            await all_seated(others)
            assert epochs(others) == {2}


@pytest.mark.behaviour(10)
async def test_where_replicas_have_it_before_it_is_granted_a_failover_opens_no_window(
    stage: Stage, tmp_path: Path
) -> None:
    async with sentinels(tmp_path, None) as world, stage(world.url, Durability(replicas=1)) as scene:
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            world.master.kill()
            await asyncio.sleep(1)
            await scene.settled()
            # Without another replica nothing can be granted as safely as was declared.
            await world.master.start()
            await until(lambda: ask(world.replica.port, "WAIT", 1, 100))
        scene.judge.sum_up()
        async with crowd(scene.http, Judge(SEATS), SEATS) as others:
            await all_seated(others)
            assert epochs(others) == {1}


@pytest.mark.behaviour(10)
async def test_where_a_replica_is_declared_and_missing_no_grant_is_acknowledged(
    stage: Stage, tmp_path: Path
) -> None:
    async with sentinels(tmp_path, None) as world, stage(world.url, Durability(replicas=1)) as scene:
        os.kill(world.replica.pid, signal.SIGSTOP)
        refused = await scene.http.acquire()
        assert (refused.status, refused.code) == (503, "authority_unavailable")
        os.kill(world.replica.pid, signal.SIGCONT)
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)


@pytest.mark.behaviour(10)
async def test_a_cluster_that_moves_slots_opens_no_window_and_one_that_fails_over_does(stage: Stage) -> None:
    async with cluster(None) as world, stage(world.url, VOLATILE) as scene:
        slot = key_slot(pool_keys(scene.pool.uid).config.encode())
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            source = await world.master_of(slot)
            target = next(port for _, _, port in await world.ranges() if port != source)
            await world.move(slot, source, target)
            await scene.settled()
            async with crowd(scene.http, Judge(SEATS), 1) as newcomer:
                await asyncio.sleep(0.5)
                assert not newcomer[0].seated.is_set()
            [seen] = await scene.seats.observe([scene.pool.uid])
            assert seen is not None
            assert (seen.epoch, seen.live) == (1, SEATS)
            world.at(await world.master_of(slot)).kill()
            await asyncio.sleep(1)
            await scene.settled()
            await asyncio.sleep(1)
        scene.judge.sum_up()
        async with crowd(scene.http, Judge(SEATS), SEATS) as others:
            await all_seated(others)
            assert epochs(others) == {2}
