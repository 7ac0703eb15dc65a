"""Two operators as real processes: one leads. However it ends, the other goes on, and one that wakes up late does no harm."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis

from seatwarden.resources.permissions import ELECTION_RULES, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE
from tests.operator.child_operator import ChildOperator, StartOperator, child_operators
from tests.operator.world import Body, World

pytestmark = pytest.mark.exclusive

SHORT_LEASE_SECONDS = 5
LONG_LEASE_SECONDS = 15  # the default
SLACK_SECONDS = 3.0


@pytest.fixture
async def electoral_world(idle_world: World) -> World:
    """A world in whose namespace the operator may hold elections, as no other test is to have a say in them."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{idle_world.namespace}"
    role = {"metadata": {"name": "election"}, "rules": ELECTION_RULES}
    await idle_world.api.create(f"{path}/roles", role)
    account = {"kind": "ServiceAccount", "name": OPERATOR_ACCOUNT, "namespace": OPERATOR_NAMESPACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "election"}
    binding = {"metadata": {"name": "election"}, "roleRef": reference, "subjects": [account]}
    await idle_world.api.create(f"{path}/rolebindings", binding)
    return idle_world


@pytest.fixture
def start(electoral_world: World, tmp_path: Path) -> Iterator[StartOperator]:
    with child_operators(electoral_world, tmp_path) as start:
        yield start


async def lease(world: World) -> Body:
    found = await world.api.get(
        f"/apis/coordination.k8s.io/v1/namespaces/{world.namespace}/leases/seatwarden-operator"
    )
    spec: Body = found["spec"]
    return spec


async def until_led_by(world: World, identity: str, *, within: float) -> None:
    """Return when the Lease says so."""
    started = time.monotonic()
    while (await lease(world))["holderIdentity"] != identity:
        assert time.monotonic() - started < within, f"{identity} does not lead: {await lease(world)}"
        await asyncio.sleep(0.02)


async def leader_and_standby(
    world: World, start: StartOperator, lease_seconds: int
) -> tuple[ChildOperator, ChildOperator]:
    options = ("--election-namespace", world.namespace, "--election-lease", str(lease_seconds))
    first = start("first", *options)
    await first.until_said("leading")
    second = start("second", *options)
    assert (await second.until_said("waiting to lead"))["holder"] == "first"
    return first, second


async def test_killed_leader_is_replaced_when_its_lease_is_over(
    electoral_world: World, start: StartOperator
) -> None:
    world = electoral_world
    first, second = await leader_and_standby(world, start, SHORT_LEASE_SECONDS)
    pool = await world.customer()
    assert not [line for line in second.said() if line["event"] == "leading"]

    first.kill()
    await world.patch_spec(pool, seats=3)
    await until_led_by(world, "second", within=SHORT_LEASE_SECONDS + SLACK_SECONDS)
    await world.until(pool, lambda it: it["status"]["capacity"] == 3)
    assert (await world.until_ready(pool))["status"]["epoch"] == 1
    assert (await lease(world))["leaseTransitions"] == 1


async def test_stopped_leader_hands_over_at_once_though_somebody_is_connected_to_it(
    electoral_world: World, start: StartOperator
) -> None:
    world = electoral_world
    first, _ = await leader_and_standby(world, start, LONG_LEASE_SECONDS)
    pool = await world.customer()
    port = (await first.until_said("operator started"))["health_port"]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as scraper:
        async with scraper.get("/metrics") as answer:
            assert "seatwarden_leading 1.0" in await answer.text()

        first.terminate()
        await world.patch_spec(pool, seats=3)
        await until_led_by(world, "second", within=LONG_LEASE_SECONDS * 2 / 3)
        assert await first.until_ended() == 0
    await world.until(pool, lambda it: it["status"]["capacity"] == 3)


async def test_leader_that_slept_through_its_end_changes_nothing_and_ends(
    electoral_world: World, start: StartOperator, redis: Redis
) -> None:
    world = electoral_world
    first, second = await leader_and_standby(world, start, SHORT_LEASE_SECONDS)
    pool = await world.customer()
    config = f"sw:{{{(await world.get(pool))['metadata']['uid']}}}:config"
    old_term = (await redis.hgetall(config))[b"term"]

    first.freeze()
    # The news of both changes waits in its connections, the outdated first.
    await world.patch_spec(pool, seats=4)
    await until_led_by(world, "second", within=SHORT_LEASE_SECONDS + SLACK_SECONDS)
    await world.until(pool, lambda it: it["status"]["capacity"] == 4)
    await world.patch_spec(pool, seats=3)
    await world.until(pool, lambda it: it["status"]["capacity"] == 3)
    before = await redis.hgetall(config)
    assert int(before[b"term"]) > int(old_term)

    first.thaw()
    assert await first.until_ended() == 1
    assert await redis.hgetall(config) == before
    found = await world.until_ready(pool)
    assert (found["status"]["capacity"], found["status"]["epoch"]) == (3, 1)
    assert (await lease(world))["holderIdentity"] == "second"
    assert second.child.exit_status() is None
