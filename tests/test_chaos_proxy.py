"""What the bad network does, on a server that says back what it hears."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

from seatwarden.local.valkey import Valkey
from tests.chaos_proxy import ChaosProxy, chaos_proxy


@dataclass
class Caller:
    """One open connection through the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.readexactly(len(text))


@pytest.fixture
async def proxy() -> AsyncIterator[ChaosProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with chaos_proxy(server.sockets[0].getsockname()[1], seed=1) as proxy:
        yield proxy
    server.close()


@pytest.fixture
async def caller(proxy: ChaosProxy) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield Caller(reader, writer)
    writer.close()


async def test_in_fine_weather_all_comes_back(caller: Caller) -> None:
    assert await caller.say(b"hello" * 100) == b"hello" * 100


async def test_a_delay_holds_each_piece_back(proxy: ChaosProxy, caller: Caller) -> None:
    proxy.set("down", delay=(0.05, 0.05))
    began = asyncio.get_running_loop().time()
    await caller.say(b"hello")
    assert asyncio.get_running_loop().time() - began >= 0.05


async def test_a_drip_and_a_throttle_lose_nothing(proxy: ChaosProxy, caller: Caller) -> None:
    proxy.set("up", drip=1)
    proxy.set("down", bytes_per_second=10_000)
    began = asyncio.get_running_loop().time()
    assert await caller.say(b"0123456789" * 20) == b"0123456789" * 20
    assert asyncio.get_running_loop().time() - began >= 0.02


async def test_a_cut_brings_half_of_a_reply_and_a_reset(proxy: ChaosProxy, caller: Caller) -> None:
    proxy.set("down", cut=1.0)
    caller.writer.write(b"0123456789")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await caller.reader.readexactly(10)


async def test_reset_all_resets(proxy: ChaosProxy, caller: Caller) -> None:
    await caller.say(b"hello")
    proxy.reset_all()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await caller.reader.readexactly(1)


async def test_while_it_refuses_nobody_gets_through(proxy: ChaosProxy) -> None:
    proxy.refusing = True
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    finally:
        writer.close()


async def test_the_weather_of_one_connection_is_its_own(proxy: ChaosProxy, caller: Caller) -> None:
    await caller.say(b"hello")
    [link] = proxy.links
    link.set("down", black_hole=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await Caller(reader, writer).say(b"other") == b"other"
    writer.close()
    caller.writer.write(b"later")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(caller.reader.readexactly(5), 0.05)
    link.set("down", black_hole=False)
    assert await caller.reader.readexactly(5) == b"later"


async def test_a_black_hole_that_heals_makes_a_call_after_its_caller_gave_up(valkey: Valkey) -> None:
    async with chaos_proxy(valkey.port, seed=1) as proxy, Redis.from_url(valkey.url) as direct:
        await direct.delete("counter")
        once = Retry(NoBackoff(), 0)
        async with Redis.from_url(
            f"redis://127.0.0.1:{proxy.port}", socket_timeout=0.1, retry=once, protocol=2
        ) as caller:
            await caller.ping()
            proxy.set("up", black_hole=True)
            with pytest.raises(RedisTimeoutError):
                await caller.incr("counter")
            assert await direct.get("counter") is None
            proxy.calm()
            async with asyncio.timeout(5):
                while await direct.get("counter") != b"1":  # noqa: ASYNC110  # seen from outside only
                    await asyncio.sleep(0.005)
