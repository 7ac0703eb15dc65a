"""The operator as a process: what it writes to its log, and how it ends."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatwarden.local.valkey import ValkeyOptions, valkey_server
from tests.operator.child_operator import StartOperator, child_operators
from tests.operator.world import World

pytestmark = pytest.mark.exclusive

PASSWORD = "hunter2"
ENDED_BY_US_SECONDS = 10.0


@pytest.fixture
def start(idle_world: World, tmp_path: Path) -> Iterator[StartOperator]:
    with child_operators(idle_world, tmp_path) as start:
        yield start


async def test_log_says_in_json_which_resource_is_in_trouble_and_shows_no_secret(
    idle_world: World, start: StartOperator
) -> None:
    world = idle_world
    async with valkey_server(ValkeyOptions(password=PASSWORD)) as valkey:
        world.redis_url = valkey.url
        operator = start("operator", "--no-election", "--log-level", "debug")
        pool = await world.customer()
        valkey.kill()
        await world.until_reason(pool, "RedisUnavailable")

    line = await operator.until_said("reconcile will be tried again")
    about = {key: line[key] for key in ("kind", "namespace", "name", "level", "logger")}
    assert about == {
        "kind": "SeatPool",
        "namespace": world.namespace,
        "name": "dev",
        "level": "info",
        "logger": "seatwarden.reconcilers.engine",
    }
    assert line["timestamp"].endswith("Z")
    written = operator.child.log.read_text()
    assert PASSWORD not in written
    assert (await world.licence_key()).text not in written
    assert "PRIVATE KEY" not in written


async def test_every_signal_after_the_first_is_as_good_as_none(
    idle_world: World, start: StartOperator
) -> None:
    operator = start("operator", "--no-election")
    await idle_world.customer()
    for _ in range(3):
        operator.terminate()
        await asyncio.sleep(0)
    async with asyncio.timeout(ENDED_BY_US_SECONDS):
        assert await operator.until_ended() == 0
    assert {line["level"] for line in operator.said()} <= {"info", "debug"}
