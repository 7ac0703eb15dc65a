import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest
from redis.asyncio import Redis

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_scripts import ALL_SCRIPTS
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.backends.calls import APPEND, ECHO, WRITE, keys, script
from tests.backends.conftest import MakeRunner
from tests.backends.scripted_redis import Command, ScriptedRedis, bulk, echo, scripted_redis


async def refused(call: Awaitable[Any]) -> str:
    """The sentence with which ``call`` is refused."""
    with pytest.raises(AuthorityUnavailable) as caught:
        await call
    return str(caught.value)


async def test_each_call_of_a_crowd_gets_its_own_reply(make_runner: MakeRunner, redis_url: str) -> None:
    runner = make_runner(redis_url)
    calls = [runner.run(ECHO, keys(), f"call {number}") for number in range(2000)]
    assert await asyncio.gather(*calls) == [b"call %d" % number for number in range(2000)]


async def test_a_crowd_shares_one_connection(make_runner: MakeRunner) -> None:
    async with scripted_redis(echo) as server:
        runner = make_runner(server.port)
        await asyncio.gather(*(runner.run(ECHO, keys(), number) for number in range(500)))
        assert server.connections == 1


async def test_replies_of_cancelled_callers_go_to_nobody_else(
    make_runner: MakeRunner, redis_url: str
) -> None:
    runner = make_runner(redis_url)
    await runner.load()
    tasks = [asyncio.create_task(runner.run(ECHO, keys(), number)) for number in range(600)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    for number, reply in enumerate(replies):
        if number % 3:
            assert reply == b"%d" % number
        else:
            assert isinstance(reply, asyncio.CancelledError)
    assert await runner.run(ECHO, keys(), "after") == b"after"


async def test_calls_for_many_pools_come_back_in_order(make_runner: MakeRunner, redis_url: str) -> None:
    runner = make_runner(redis_url)
    pools = [keys(f"pool {number}") for number in range(64)]
    assert await runner.run_for_each(WRITE, pools, "x") == [b"x"] * 64
    async with Redis.from_url(redis_url) as client:
        assert set(await client.keys()) == {pool.config.encode() for pool in pools}


async def test_a_late_reply_is_dropped_and_the_next_call_gets_its_own(make_runner: MakeRunner) -> None:
    held = asyncio.Event()

    async def slow_first(command: Command) -> bytes:
        if command[-1] == b"slow":
            await held.wait()
        return bulk(command[-1])

    async with scripted_redis(slow_first) as server:
        runner = make_runner(server.port, seconds=0.3)
        assert "no answer within 0.3 s" in await refused(runner.run(ECHO, keys(), "slow"))
        held.set()
        assert await runner.run(ECHO, keys(), "quick") == b"quick"
        assert server.connections == 1


async def test_a_connection_whose_oldest_call_is_long_overdue_is_given_up(make_runner: MakeRunner) -> None:
    async def only_on_the_second(command: Command) -> bytes | None:
        return bulk(command[-1]) if server.connections > 1 else None

    async with scripted_redis(only_on_the_second) as server:
        runner = make_runner(server.port, seconds=0.2)
        began = time.monotonic()
        await refused(runner.run(ECHO, keys(), 1))
        async with asyncio.timeout(5):
            while server.connections == 1:
                try:
                    assert await runner.run(ECHO, keys(), 2) == b"2"
                except AuthorityUnavailable:
                    continue
        assert time.monotonic() - began >= 0.4
        assert await runner.run(ECHO, keys(), 3) == b"3"


async def test_a_full_queue_refuses_at_once_but_still_takes_releases(make_runner: MakeRunner) -> None:
    held = asyncio.Event()

    async def hold(command: Command) -> bytes:
        await held.wait()
        return bulk(command[-1])

    async with scripted_redis(hold) as server:
        runner = make_runner(server.port, seconds=20, calls=50, kept_for_urgent=10)
        await runner.server(keys())
        waiting = [asyncio.create_task(runner.run(ECHO, keys(), number)) for number in range(40)]
        await asyncio.sleep(0)
        began = time.monotonic()
        for _ in range(100):
            assert "too many calls" in await refused(runner.run(ECHO, keys(), "more"))
        assert time.monotonic() - began < 2
        urgent = [
            asyncio.create_task(runner.run(ECHO, keys(), number, urgent=True)) for number in range(40, 50)
        ]
        await asyncio.sleep(0)
        assert "too many calls" in await refused(runner.run(ECHO, keys(), "more", urgent=True))
        held.set()
        assert await asyncio.gather(*waiting, *urgent) == [b"%d" % number for number in range(50)]
        assert await runner.run(ECHO, keys(), "again") == b"again"


async def test_callers_that_wait_for_a_connection_are_bounded_too(make_runner: MakeRunner) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        runner = make_runner(server.sockets[0].getsockname()[1], seconds=0.5, calls=20, kept_for_urgent=5)
        sentences = await asyncio.gather(*(refused(runner.run(ECHO, keys(), 1)) for _ in range(50)))
        assert sum("too many calls" in sentence for sentence in sentences) == 35
        server.close()


@pytest.mark.parametrize("repetitions", [1, 2])
async def test_a_lost_connection_is_repeated_once(make_runner: MakeRunner, repetitions: int) -> None:
    lost = 0

    async def cut(command: Command) -> bytes | None:
        nonlocal lost
        if lost < repetitions:
            lost += 1
            server.cut()
            return None
        return bulk(command[-1])

    async with scripted_redis(cut) as server:
        runner = make_runner(server.port)
        if repetitions == 1:
            assert await runner.run(ECHO, keys(), "x") == b"x"
        else:
            assert "PipeLost" in await refused(runner.run(ECHO, keys(), "x"))
        assert server.connections == 2


@pytest.mark.parametrize("nonsense", [b"what?\r\n", b"$5\r\nabc\r\n\r\n:1\r\n", b"+OK\r\n+AND MORE\r\n"])
async def test_what_is_no_reply_ends_the_connection_and_reaches_nobody(
    make_runner: MakeRunner, nonsense: bytes
) -> None:
    async def talk(command: Command) -> bytes:
        return nonsense if server.connections == 1 and command[-1] == b"1" else bulk(command[-1])

    async with scripted_redis(talk) as server:
        runner = make_runner(server.port, seconds=2)
        await asyncio.gather(runner.run(ECHO, keys(), 1), return_exceptions=True)
        async with asyncio.timeout(5):
            while server.connections == 1:
                assert await runner.run(ECHO, keys(), 2) == b"2"
        assert await runner.run(ECHO, keys(), 3) == b"3"


async def test_a_script_that_many_calls_miss_is_sent_once(make_runner: MakeRunner, valkey: Valkey) -> None:
    runner = make_runner(valkey.url)
    long = script(f"{ECHO.text}\n-- {'x' * 20_000}")
    async with Redis.from_url(valkey.url) as client:
        for _ in range(2):
            await client.script_flush()
            await client.config_resetstat()
            calls = [runner.run(long, keys(f"pool {number}"), number) for number in range(1000)]
            assert await asyncio.gather(*calls) == [b"%d" % number for number in range(1000)]
            assert (await client.info("commandstats"))["cmdstat_script|load"]["calls"] == 1


async def test_a_script_that_redis_forgot_is_loaded_anew(make_runner: MakeRunner, valkey: Valkey) -> None:
    runner = make_runner(valkey.url)
    async with Redis.from_url(valkey.url) as client:
        for number in range(3):
            await client.script_flush()
            assert await runner.run(ECHO, keys(), number) == b"%d" % number
            assert await runner.run_for_each(ECHO, [keys("a"), keys("b")], "x") == [b"x", b"x"]


async def test_load_makes_every_script_known(make_runner: MakeRunner, valkey: Valkey) -> None:
    async with Redis.from_url(valkey.url) as client:
        await client.script_flush()
        await make_runner(valkey.url).load()
        assert (await client.info("memory"))["number_of_cached_scripts"] == len(ALL_SCRIPTS)


async def _first_then(first: bytes, runner: ScriptRunner, server: ScriptedRedis) -> Any:
    told: list[bytes] = []

    async def answer(command: Command) -> bytes:
        if not told:
            told.append(first)
            return first
        return await echo(command)

    server.answer = answer
    return await runner.run(ECHO, keys(), "x")


@pytest.mark.parametrize("word", ["LOADING Redis is loading", "TRYAGAIN Multiple keys", "MASTERDOWN Link"])
async def test_trouble_that_passes_is_waited_for(make_runner: MakeRunner, word: str) -> None:
    async with scripted_redis(echo) as server:
        runner = make_runner(server.port)
        assert await _first_then(f"-{word}\r\n".encode(), runner, server) == b"x"


async def test_a_read_only_server_is_connected_to_anew_once(make_runner: MakeRunner) -> None:
    async def read_only(_command: Command) -> bytes:
        return b"-READONLY You can't write against a read only replica.\r\n"

    async with scripted_redis(read_only) as server:
        runner = make_runner(server.port)
        assert "READONLY" in await refused(runner.run(ECHO, keys(), "x"))
        assert server.connections == 2


@pytest.mark.parametrize("word", ["TRYAGAIN", "LOADING"])
async def test_trouble_that_does_not_pass_ends_with_the_time_limit(
    make_runner: MakeRunner, word: str
) -> None:
    async def never(_command: Command) -> bytes:
        return f"-{word} later\r\n".encode()

    async with scripted_redis(never) as server:
        began = time.monotonic()
        assert "no answer" in await refused(make_runner(server.port, seconds=0.3).run(ECHO, keys(), "x"))
        assert time.monotonic() - began < 2


async def test_a_redirection_by_what_is_no_cluster_is_a_sentence(make_runner: MakeRunner) -> None:
    async def moved(_command: Command) -> bytes:
        return b"-MOVED 1 127.0.0.1:1\r\n"

    async with scripted_redis(moved) as server:
        assert "redis+cluster://" in await refused(make_runner(server.port).run(ECHO, keys(), "x"))


async def test_errors_quote_neither_the_command_nor_the_password(make_runner: MakeRunner) -> None:
    async def quoting(command: Command) -> bytes:
        return b"-ERR unknown command, with args beginning with: " + command[-1] + b"\r\n"

    async with scripted_redis(quoting) as server:
        runner = make_runner(f"redis://:hunter2@127.0.0.1:{server.port}")
        with pytest.raises(AuthorityUnavailable) as caught:
            await runner.run(ECHO, keys(), "LIC-secret")
        shown = f"{caught.value!r} {caught.value.__cause__!r}"
        assert "LIC-secret" not in shown
        assert "hunter2" not in shown
        assert "(ERR)" in shown
        assert [b"AUTH", b"hunter2"] in server.asked


async def test_the_server_is_known_by_run_id_and_each_connection_by_a_larger_number(
    make_runner: MakeRunner,
) -> None:
    async with scripted_redis(echo) as server:
        runner = make_runner(server.port)
        first = await runner.server(keys())
        assert first == await runner.server(keys("another"))
        assert first.run_id == "f" * 40
        server.run_id = b"e" * 40
        server.cut()
        await runner.run(ECHO, keys(), "notices that the connection is gone")
        second = await runner.server(keys())
        assert second.run_id == "e" * 40
        assert second.generation > first.generation


async def test_a_database_that_is_not_the_first_is_selected(make_runner: MakeRunner, valkey: Valkey) -> None:
    url = valkey.url.removesuffix("/0") + "/3"
    await make_runner(url).run(WRITE, keys("third"), "x")
    async with Redis.from_url(url) as client:
        assert await client.keys() == [keys("third").config.encode()]
        await client.flushdb()


async def test_a_unix_socket_does_as_well(make_runner: MakeRunner, valkey: Valkey) -> None:
    assert await make_runner(valkey.socket_url).run(ECHO, keys(), "x") == b"x"


async def test_a_restarted_server_is_found_again_by_all_who_wait(make_runner: MakeRunner) -> None:
    async with valkey_server(ValkeyOptions(append_only=True)) as server:
        runner = make_runner(server.url, seconds=20)
        assert await runner.run(APPEND, keys(), "before") == b"before"
        before = await runner.server(keys())
        server.stop()
        assert "could not be asked" in await refused(runner.run(ECHO, keys(), "away"))
        starting = asyncio.create_task(server.start())
        answers: list[Any] = []
        async with asyncio.timeout(20):
            while not answers:
                answers = [
                    one
                    for one in await asyncio.gather(
                        *(runner.run(APPEND, keys(), "after") for _ in range(20)), return_exceptions=True
                    )
                    if not isinstance(one, AuthorityUnavailable)
                ]
        await starting
        assert set(answers) == {b"after"}
        after = await runner.server(keys())
        assert after.run_id != before.run_id
        assert after.generation > before.generation


async def test_a_closed_runner_opens_nothing(make_runner: MakeRunner) -> None:
    async with scripted_redis(echo) as server:
        runner = make_runner(server.port)
        await runner.run(ECHO, keys(), 1)
        await runner.close()
        assert "closed" in await refused(runner.run(ECHO, keys(), 2)) or server.connections == 1
        assert server.connections == 1


async def test_attempts_to_connect_come_slower_and_slower(make_runner: MakeRunner) -> None:
    attempts: list[float] = []

    async def slam(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(time.monotonic())
        writer.transport.abort()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    async with server:
        runner = make_runner(server.sockets[0].getsockname()[1], seconds=0.9)
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            await asyncio.gather(*(refused(runner.run(ECHO, keys(), 1)) for _ in range(10)))
    assert 3 <= len(attempts) <= 16
    assert attempts[-1] - attempts[-2] > attempts[1] - attempts[0]
