"""The embedded Valkey: starts, survives, forgets nothing that it promised to keep, and leaves nothing behind."""

import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from seatwarden.local.loopback import free_port
from seatwarden.local.processes import LocalServerError
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.local.waiting import is_alive, wait_until_gone

OWNER = """\
import asyncio, os, signal
from seatwarden.local.valkey import Valkey
server = Valkey()
asyncio.run(server.start())
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def listed_as(pid: int) -> str:
    return subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Valkey]:
    async with valkey_server(ValkeyOptions(folder=tmp_path / "data", append_only=True)) as server:
        yield server


async def test_it_answers_on_its_port_and_on_its_socket() -> None:
    async with valkey_server() as server:
        for url in (server.url, server.socket_url):
            async with Redis.from_url(url) as client:
                assert await client.ping()


async def test_only_loopback_is_bound() -> None:
    async with valkey_server() as server, Redis.from_url(server.url) as client:
        assert (await client.config_get("bind"))["bind"] == "127.0.0.1"


async def test_a_kill_loses_no_acknowledged_write_and_the_address_stays(durable: Valkey) -> None:
    port, killed = durable.port, durable.pid
    async with Redis.from_url(durable.url) as client:
        await client.set("seat", "taken")
    durable.kill()
    assert not is_alive(killed)
    await durable.start()
    assert durable.port == port
    async with Redis.from_url(durable.url) as client:
        assert await client.get("seat") == b"taken"


async def test_it_can_be_stopped_and_started_again(durable: Valkey) -> None:
    async with Redis.from_url(durable.url) as client:
        await client.set("seat", "taken")
        durable.stop()
        durable.stop()
        with pytest.raises(redis.exceptions.ConnectionError):
            await client.get("seat")
        await durable.start()
        assert await client.get("seat") == b"taken"


async def test_started_means_that_it_has_read_all_its_data(tmp_path: Path) -> None:
    options = ValkeyOptions(folder=tmp_path / "data", append_only=True)
    async with valkey_server(options) as server, Redis.from_url(server.url) as client:
        slow_to_load = "for i = 1, 500000 do redis.call('SET', 'key', i) end"
        await client.eval(slow_to_load, 0)
        await client.set("last", "there")
        server.kill()
        await server.start()
        async with Redis.from_url(server.url, socket_timeout=60, retry=Retry(NoBackoff(), 0)) as again:
            assert await again.get("last") == b"there"


async def test_without_append_only_a_kill_loses_everything() -> None:
    async with valkey_server() as server:
        async with Redis.from_url(server.url) as client:
            await client.set("seat", "taken")
        server.kill()
        await server.start()
        async with Redis.from_url(server.url) as client:
            assert await client.get("seat") is None


async def test_a_password_is_asked_for_and_appears_in_no_process_list_and_no_repr(tmp_path: Path) -> None:
    options = ValkeyOptions(folder=tmp_path, password="open / sesame")
    assert "sesame" not in repr(options)
    async with valkey_server(options) as server:
        async with Redis.from_url(server.url) as client:
            assert await client.ping()
        async with Redis(port=server.port) as stranger:
            with pytest.raises(redis.exceptions.AuthenticationError):
                await stranger.ping()
        assert "sesame" not in listed_as(server.pid)
    assert stat.S_IMODE((tmp_path / "valkey.conf").stat().st_mode) == 0o600


async def test_extra_settings_are_obeyed() -> None:
    options = ValkeyOptions(extra={"maxmemory": "64mb", "maxmemory-policy": "noeviction"})
    async with valkey_server(options) as server, Redis.from_url(server.url) as client:
        assert (await client.config_get("maxmemory"))["maxmemory"] == str(64 * 2**20)


async def test_a_wrong_setting_is_shown_with_the_log() -> None:
    with pytest.raises(LocalServerError, match=r"(?s)ended with status 1.*valkey\.log.*no-such-setting"):
        async with valkey_server(ValkeyOptions(extra={"no-such-setting": "1"})):
            pass


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with valkey_server() as first:
        with pytest.raises(LocalServerError, match=r"(?s)ended with status 1.*ddress already in use"):
            async with valkey_server(ValkeyOptions(port=first.port)):
                pass
        async with Redis.from_url(first.url) as client:
            assert await client.ping()


async def test_a_free_port_that_is_snatched_away_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with valkey_server() as first:
        ports = iter([first.port, first.port, free_port()])
        monkeypatch.setattr("seatwarden.local.valkey.free_port", lambda: next(ports))
        async with valkey_server() as second:
            assert second.port != first.port


async def test_many_start_at_once_without_a_clash() -> None:
    servers = [Valkey() for _ in range(6)]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        assert len({server.port for server in servers}) == len(servers)
    finally:
        for server in servers:
            server.close()


async def test_a_temporary_folder_goes_and_a_named_one_stays(tmp_path: Path) -> None:
    async with valkey_server() as temporary:
        pid = temporary.pid
    assert not temporary.folder.exists()
    wait_until_gone([pid])
    async with valkey_server(ValkeyOptions(folder=tmp_path / "named")):
        pass
    assert (tmp_path / "named" / "valkey.log").exists()


def test_one_that_was_not_started_has_no_address() -> None:
    server = Valkey()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.url
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid
    server.kill()
    server.close()


async def test_a_program_of_ones_own_that_is_missing_is_named() -> None:
    with pytest.raises(LocalServerError, match=r"Valkey cannot be started: /no/redis-server"):
        async with valkey_server(ValkeyOptions(program=Path("/no/redis-server"))):
            pass


def test_it_dies_with_a_killed_owner() -> None:
    owner = subprocess.run(
        [sys.executable, "-c", OWNER], capture_output=True, text=True, timeout=30, check=False
    )
    wait_until_gone([int(owner.stdout)])
