"""Where nothing changes, nothing is written, by the API server's own count. So it has a control plane of its own here."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest
from prometheus_client import REGISTRY

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import Beat, Code, Grant
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import Kind
from seatwarden.resources.permissions import OPERATOR_NAMESPACE
from tests.operator.server_count import WRITES, requests_so_far
from tests.operator.world import World, permit_operator
from tests.shared_cluster import start_cluster

pytestmark = pytest.mark.exclusive

SUBSCRIPTIONS = 5
POOLS = 50
BUSY_POOLS = 5
PATIENCE_SECONDS = 60.0
# Everything that is done from time to time is done often here: a few seconds are as many minutes of production.
HURRY = {
    "namespaces": (),
    "election_namespace": OPERATOR_NAMESPACE,
    "election_lease": 10,
    "resync": 2.0,
    "relist": 2.0,
    "status_interval": 0.2,
}


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[PlaneAccess]:
    """A control plane that nobody else writes to."""
    plane = asyncio.run(start_cluster())
    try:
        asyncio.run(permit_operator(plane.access))
        yield plane.access
    finally:
        plane.stop()


@pytest.fixture
async def session(own_cluster: PlaneAccess) -> AsyncIterator[aiohttp.ClientSession]:
    async with own_cluster.session() as session:
        yield session


@pytest.fixture
async def world(
    own_cluster: PlaneAccess, session: aiohttp.ClientSession, redis_url: str, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    """A namespace in the test's own cluster."""
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20)
    namespace = request.node.originalname.replace("_", "-")[:60].rstrip("-")
    world = World(own_cluster, KubernetesApi(session, ""), namespace, redis_url, seats)
    await world.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    try:
        yield world
    finally:
        await world.stop_operator()
        await seats.close()


def done(name: str, **labels: str) -> float:
    """A counter of the operator, which runs in this process."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await holds():
        assert time.monotonic() < deadline, f"still not so: {what}"
        await asyncio.sleep(0.05)


async def everything_periodic_was_done(session: aiohttp.ClientSession, times: int) -> None:
    """Return when each object was looked at, each pool swept, all listed and the Lease renewed that many times from now on."""

    async def so_far() -> Counter[str]:
        found = await requests_so_far(session, "LIST", "PUT")
        for kind, objects in ((Kind.TENANT, 1), (Kind.SUBSCRIPTION, SUBSCRIPTIONS), (Kind.SEAT_POOL, POOLS)):
            runs = done("seatwarden_reconciles_total", kind=kind, result="ok")
            found[f"rounds of {kind}"] = int(runs / objects)
        found["rounds of sweeps"] = int(done("seatwarden_pool_sweeps_total", result="ok") / POOLS)
        return found

    before = await so_far()
    wanted = {f"rounds of {kind}" for kind in Kind} | {f"LIST {kind.plural}" for kind in Kind}
    wanted |= {"rounds of sweeps", "PUT leases"}

    async def all_done() -> bool:
        grown = await so_far() - before
        return all(grown[what] >= times for what in wanted)

    await until(all_done, f"{sorted(wanted)} grew by {times}")


async def fifty_pools_with_leases(world: World) -> list[tuple[str, Grant]]:
    """All Ready, all added up, and some seats taken: the pools of these and their leases."""
    await world.tenant()
    for number in range(SUBSCRIPTIONS):
        await world.subscription(f"team-{number}", seats=2 * POOLS // SUBSCRIPTIONS)
    names = [f"pool-{number}" for number in range(POOLS)]
    pools = [
        await world.pool(name, seats=2, subscription=f"team-{number % SUBSCRIPTIONS}")
        for number, name in enumerate(names)
    ]
    for pool in pools:
        await world.until_ready(pool)
    leases = []
    for name in names[:BUSY_POOLS]:
        grant = await world.acquire(1, name)
        assert isinstance(grant, Grant)
        leases.append((name, grant))
    for pool in pools[:BUSY_POOLS]:
        await world.until(pool, lambda it: it["status"]["used"] == 1)
    await until_added_up(world, pools=POOLS, used=BUSY_POOLS)
    return leases


async def until_added_up(world: World, *, pools: int, used: int) -> None:
    each = {"pools": pools // SUBSCRIPTIONS, "seatsInUse": used // SUBSCRIPTIONS}
    for number in range(SUBSCRIPTIONS):
        subscription = ObjectKey(Kind.SUBSCRIPTION, world.namespace, f"team-{number}")
        # The first licence document is signed when the Tenant has its key, which may take longer than all else.
        await world.until(
            subscription,
            lambda it: each.items() <= it["status"].items() and bool(it["status"].get("licence")),
        )
    tenant = ObjectKey(Kind.TENANT, world.namespace, "acme")
    await world.until(tenant, lambda it: it["status"].get("seatsInUse") == used)


async def written_since(session: aiohttp.ClientSession, before: Counter[str]) -> dict[str, int]:
    """All writes but those to Leases, which the election and the API server itself renew."""
    grown = await requests_so_far(session, *WRITES) - before
    return {what: count for what, count in grown.items() if not what.endswith(" leases")}


async def test_nothing_is_written_while_nothing_changes_nor_by_a_restart(
    world: World, session: aiohttp.ClientSession
) -> None:
    await world.start_operator(**HURRY)
    leases = await fifty_pools_with_leases(world)

    before = await requests_so_far(session, *WRITES)
    assert before["POST seatpools"] == before["PATCH seatpools"] == POOLS
    await everything_periodic_was_done(session, times=3)
    for name, grant in leases:
        key = await world.licence_key(name)
        beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
        assert (await world.seats.heartbeat(key.pool, key.sha256, [beat]))[0].code is Code.OK
    await everything_periodic_was_done(session, times=2)
    assert await written_since(session, before) == {}

    await world.stop_operator()
    await world.start_operator(**HURRY)
    await everything_periodic_was_done(session, times=2)
    assert await written_since(session, before) == {}


async def test_a_new_pool_costs_three_writes(world: World, session: aiohttp.ClientSession) -> None:
    await world.start_operator(**HURRY | {"namespaces": (world.namespace,)})
    await world.tenant()
    for number in range(SUBSCRIPTIONS):
        subscription = await world.subscription(f"team-{number}")
        await world.until(subscription, lambda it: bool(it["status"].get("licence")))
    await until_added_up(world, pools=0, used=0)

    before = await requests_so_far(session, *WRITES)
    for number in range(SUBSCRIPTIONS):
        await world.until_ready(await world.pool(f"pool-{number}", subscription=f"team-{number}"))
    await until_added_up(world, pools=SUBSCRIPTIONS, used=0)
    written = await written_since(session, before)
    assert written.pop("POST seatpools") == SUBSCRIPTIONS
    sums = [written.pop(what, 0) for what in ("APPLY subscriptions/status", "APPLY tenants/status")]
    # One each, or two where the document was signed before the seats were there to be added up.
    assert max(sums) <= 2 * SUBSCRIPTIONS
    assert written == {
        "PATCH seatpools": SUBSCRIPTIONS,
        "POST secrets": SUBSCRIPTIONS,
        "APPLY seatpools/status": SUBSCRIPTIONS,
        # The licence document of each Subscription lists its first pool from now on.
        "PUT secrets": SUBSCRIPTIONS,
    }
