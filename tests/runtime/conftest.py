"""Elections of a test's own."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.local.plane_access import PlaneAccess
from tests.runtime.polls import Polls


@pytest.fixture
async def session(cluster: PlaneAccess) -> AsyncIterator[aiohttp.ClientSession]:
    async with cluster.session() as session:
        yield session


@pytest.fixture
async def polls(session: aiohttp.ClientSession, namespace: str) -> Polls:
    return Polls(KubernetesApi(session, ""), namespace)
