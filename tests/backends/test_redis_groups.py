"""Sentinel and Cluster with calls going on: failover, moving slots, nodes that die."""

import asyncio
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Self

import pytest
from redis.crc import key_slot

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_runner import ScriptRunner
from tests.backends.calls import APPEND, ECHO, WRITE, keys, script
from tests.backends.conftest import MakeRunner
from tests.backends.redis_groups import Cluster, ask, cluster, sentinels, until

EVERY_KEY = script(
    "#!lua\nfor i = 1, #KEYS do redis.call('RPUSH', KEYS[i], ARGV[1]) end\nreturn redis.call('LLEN', KEYS[#KEYS])"
)

pytestmark = [pytest.mark.exclusive, pytest.mark.timeout(180)]


@pytest.fixture(params=["valkey", "redis"])
def program(request: pytest.FixtureRequest) -> Path | None:
    """The server's program; None is the embedded one."""
    if request.param == "valkey":
        return None
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server on PATH")
    return Path(found)


class Load:
    """Callers that go on until they are told to stop, each on pools of its own."""

    def __init__(self, runner: ScriptRunner, pools: int) -> None:
        self.runner = runner
        self.pools = [f"pool {number}" for number in range(pools)]
        self.acknowledged: Counter[str] = Counter()
        self.refused: list[str] = []
        self._stop = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._caller(pool)) for pool in self.pools]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def _caller(self, pool: str) -> None:
        number = 0
        while not self._stop:
            number += 1
            try:
                reply = await self.runner.run(APPEND, keys(pool), f"{pool}/{number}")
            except AuthorityUnavailable as error:
                self.refused.append(str(error))
                await asyncio.sleep(0.01)
            else:
                assert reply == f"{pool}/{number}".encode()
                self.acknowledged[pool] += 1
            await asyncio.sleep(0.001)

    async def is_refused(self) -> None:
        """Return when a caller was refused: answers that were under way when a server died have arrived."""
        async with asyncio.timeout(40):
            while not self.refused:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def goes_on(self) -> None:
        """Return when every caller was answered once more from now on."""
        before = self.acknowledged.copy()
        async with asyncio.timeout(40):
            while any(self.acknowledged[pool] == before[pool] for pool in self.pools):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_failover_by_sentinels_is_followed(
    make_runner: MakeRunner, tmp_path: Path, program: Path | None
) -> None:
    async with sentinels(tmp_path, program) as world:
        runner = make_runner(world.url, seconds=1)
        await runner.load()
        first = await runner.server(keys())
        async with Load(runner, 4) as load:
            await load.goes_on()
            world.master.kill()
            await load.is_refused()
            await load.goes_on()
        second = await runner.server(keys())
        assert second.run_id != first.run_id
        assert second.generation > first.generation
        written = await ask(world.replica.port, "LLEN", keys("pool 0").config)
        assert written > 0


async def test_a_master_that_was_demoted_is_left(
    make_runner: MakeRunner, tmp_path: Path, program: Path | None
) -> None:
    async with sentinels(tmp_path, program) as world:
        runner = make_runner(world.url, seconds=1)
        async with Load(runner, 4) as load:
            await load.goes_on()
            await ask(world.ports[0], "SENTINEL", "FAILOVER", "seats")

            async def promoted() -> bool:
                role = await ask(world.replica.port, "ROLE")
                return role[0] in {b"master", "master"}

            await until(promoted)
            await load.goes_on()
        assert await runner.run(ECHO, keys(), "x") == b"x"


async def test_sentinels_that_know_no_such_master_or_are_away_are_a_sentence(
    make_runner: MakeRunner, tmp_path: Path
) -> None:
    async with sentinels(tmp_path, None) as world:
        other = make_runner(world.url.replace("/seats/", "/other/"), seconds=1)
        with pytest.raises(AuthorityUnavailable, match="no Sentinel knows the master"):
            await other.run(ECHO, keys(), "x")
        one_of_three = world.url.replace(f":{world.ports[0]}", ":1").replace(f":{world.ports[1]}", ":1")
        assert await make_runner(one_of_three).run(ECHO, keys(), "x") == b"x"
    began = time.monotonic()
    with pytest.raises(AuthorityUnavailable):
        await make_runner(world.url, seconds=1).run(ECHO, keys(), "x")
    assert time.monotonic() - began < 3


async def slots_move(world: Cluster, load: Load, count: int) -> None:
    """Move the slots of the first ``count`` pools to another master, one after the other."""
    for pool in load.pools[:count]:
        slot = key_slot(keys(pool).config.encode())
        source = await world.master_of(slot)
        target = next(port for _, _, port in await world.ranges() if port != source)
        await world.move(slot, source, target)


async def test_a_cluster_through_moving_slots_and_the_death_of_a_master(
    make_runner: MakeRunner, program: Path | None
) -> None:
    async with cluster(program) as world:
        runner = make_runner(world.url, seconds=2)
        await runner.load()
        pools = [keys(f"pool {number}") for number in range(30)]
        assert await runner.run_for_each(WRITE, pools, "x") == [b"x"] * 30
        for pool in pools:
            await ask(await world.master_of(key_slot(pool.config.encode())), "DEL", pool.config)
        assert not runner.in_one_reach(pools)
        assert runner.in_one_reach([pools[0], pools[0]])
        seen = {await runner.server(pool) for pool in pools}
        assert len({one.run_id for one in seen}) == 3

        async with Load(runner, 12) as load:
            await load.goes_on()
            await slots_move(world, load, 8)
            await load.goes_on()
            assert load.refused == []
            for name, times in load.acknowledged.items():
                port = await world.master_of(key_slot(keys(name).config.encode()))
                assert await ask(port, "LLEN", keys(name).config) >= times

            victim = await world.master_of(key_slot(keys("pool 0").config.encode()))
            world.at(victim).kill()
            await load.is_refused()
            await load.goes_on()


async def test_pools_of_many_keys_wait_for_their_slot_to_arrive(make_runner: MakeRunner) -> None:
    async with cluster(None) as world:
        runner = make_runner(world.url, seconds=5)
        assert await runner.run(EVERY_KEY, keys("p"), "x") == 1
        slot = key_slot(keys("p").config.encode())
        source = await world.master_of(slot)
        target = next(port for _, _, port in await world.ranges() if port != source)
        source_id, target_id = [(await ask(port, "CLUSTER", "MYID")) for port in (source, target)]
        await ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        assert await runner.run(EVERY_KEY, keys("p"), "x") == 2
        half = list(keys("p"))[:3]
        await ask(source, "MIGRATE", "127.0.0.1", target, "", 0, 5000, "KEYS", *half)
        waiting = asyncio.create_task(runner.run(EVERY_KEY, keys("p"), "x"))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        rest = list(keys("p"))[3:]
        await ask(source, "MIGRATE", "127.0.0.1", target, "", 0, 5000, "KEYS", *rest)
        assert await waiting == 3
        for port in (target, source):
            await ask(port, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        assert await runner.run(EVERY_KEY, keys("p"), "x") == 4


async def test_a_cluster_of_which_nobody_answers_is_a_sentence(make_runner: MakeRunner) -> None:
    runner = make_runner("redis+cluster://127.0.0.1:1,127.0.0.1:2", seconds=1)
    with pytest.raises(AuthorityUnavailable, match="no node of the Cluster answers"):
        await runner.run(ECHO, keys(), "x")
    with pytest.raises(AuthorityUnavailable):
        await runner.load()
    with pytest.raises(AuthorityUnavailable):
        await runner.server(keys())
