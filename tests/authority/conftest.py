"""Real servers for the authority's tests: the embedded Valkey, and Debian's Redis where it is installed."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.authority.desk import Desk


@pytest.fixture(scope="session", params=["valkey", "redis"])
def program(request: pytest.FixtureRequest) -> Path | None:
    """The server's program; None is the embedded one."""
    if request.param == "valkey":
        return None
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server on PATH")
    return Path(found)


@pytest.fixture(scope="session")
def shared_server(program: Path | None) -> Iterator[Valkey]:
    """A server for all tests that keep to their own pool."""
    server = Valkey(ValkeyOptions(program=program))
    try:
        asyncio.run(server.start())
        yield server
    finally:
        server.close()


@pytest.fixture
async def own_server(program: Path | None) -> AsyncIterator[Valkey]:
    """A server for one test that stops, floods or flushes it; it keeps its data on disk."""
    async with valkey_server(ValkeyOptions(program=program, append_only=True)) as server:
        yield server


@pytest.fixture
async def desk(shared_server: Valkey) -> AsyncIterator[Desk]:
    """A pool of two seats."""
    async for desk in _desk(shared_server):
        yield desk


@pytest.fixture
async def own_desk(own_server: Valkey) -> AsyncIterator[Desk]:
    """A pool of two seats on the test's own server."""
    async for desk in _desk(own_server, Durability(fsync=True)):
        yield desk


async def _desk(server: Valkey, durability: Durability = VOLATILE) -> AsyncIterator[Desk]:
    # Patient, as the machine may be busy; the tests of the time limit bring their own.
    authority = RedisSeatAuthority.connect(server.url, time_limit_seconds=30, durability=durability)
    redis = Redis.from_url(server.url, protocol=2, socket_timeout=30)
    try:
        desk = Desk(authority=authority, redis=redis)
        await authority.note_provisioned()
        await desk.configure()
        yield desk
    finally:
        await redis.aclose()
        await authority.close()
