"""P6 with clients at work on Sentinel and Cluster: failovers that lose writes, failovers that do not, and slots that move."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis.crc import key_slot

from seatwarden.backends.redis_keys import pool_keys
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.seats import Millis
from tests.backends.redis_groups import ask, cluster, sentinels, until
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.live_clients import Judge, LiveClient, all_seated, crowd
from tests.endpoint.loss_scenes import SEATS, scene_on

pytestmark = [pytest.mark.exclusive, pytest.mark.timeout(180)]

LEASE = Millis(5000)


def epochs(clients: list[LiveClient]) -> set[int]:
    return {client.fence >> 32 for client in clients}


@pytest.mark.behaviour(10)
async def test_a_failover_that_loses_grants_costs_nobody_a_seat_and_gives_none_twice(
    start_endpoint: StartEndpoint, tmp_path: Path
) -> None:
    async with (
        sentinels(tmp_path, None) as world,
        scene_on(world.url, VOLATILE, LEASE, start_endpoint) as scene,
    ):
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
        assert epochs(await scene.all_was_well()) == {2}


@pytest.mark.behaviour(10)
async def test_where_replicas_have_it_before_it_is_granted_a_failover_opens_no_window(
    start_endpoint: StartEndpoint, tmp_path: Path
) -> None:
    async with (
        sentinels(tmp_path, None) as world,
        scene_on(world.url, Durability(replicas=1), LEASE, start_endpoint) as scene,
    ):
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)
            world.master.kill()
            await asyncio.sleep(1)
            await scene.settled()
            # Without another replica nothing can be granted as safely as was declared.
            await world.master.start()
            await until(world.in_step)
        assert epochs(await scene.all_was_well()) == {1}


@pytest.mark.behaviour(10)
async def test_where_a_replica_is_declared_and_missing_no_grant_is_acknowledged(
    start_endpoint: StartEndpoint, tmp_path: Path
) -> None:
    async with (
        sentinels(tmp_path, None) as world,
        scene_on(world.url, Durability(replicas=1), LEASE, start_endpoint) as scene,
    ):
        os.kill(world.replica.pid, signal.SIGSTOP)
        refused = await scene.http.acquire()
        assert (refused.status, refused.code) == (503, "authority_unavailable")
        os.kill(world.replica.pid, signal.SIGCONT)
        async with crowd(scene.http, scene.judge, SEATS) as clients:
            await all_seated(clients)


@pytest.mark.behaviour(10)
async def test_a_cluster_that_moves_slots_opens_no_window_and_one_that_fails_over_does(
    start_endpoint: StartEndpoint,
) -> None:
    async with cluster(None) as world, scene_on(world.url, VOLATILE, LEASE, start_endpoint) as scene:
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
        assert epochs(await scene.all_was_well()) == {2}
