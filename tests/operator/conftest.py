"""A world for each operator test."""

from collections.abc import AsyncIterator

import pytest

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.local.plane_access import PlaneAccess
from tests.operator.world import World, permit_operator

_permitted: set[str] = set()


@pytest.fixture
async def idle_world(cluster: PlaneAccess, namespace: str, redis_url: str) -> AsyncIterator[World]:
    """A world whose operator has not been started."""
    if cluster.server not in _permitted:
        await permit_operator(cluster)
        _permitted.add(cluster.server)
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20)
    # The operator notes it itself within seconds; a test need not wait for that.
    await seats.note_provisioned()
    async with cluster.session() as session:
        world = World(cluster, KubernetesApi(session, ""), namespace, redis_url, seats)
        try:
            yield world
        finally:
            await world.stop_operator()
            await seats.close()


@pytest.fixture
async def world(idle_world: World) -> World:
    """A world with a running operator."""
    await idle_world.start_operator()
    return idle_world
