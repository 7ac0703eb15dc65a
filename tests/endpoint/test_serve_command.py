"""The command as a process of its own."""

import asyncio
import signal

import aiohttp
import pytest
from click.testing import CliRunner

from seatwarden.runtime.serve_command import serve
from tests.endpoint.served import UNREACHABLE, Serve


async def test_it_serves_without_redis_but_is_not_ready_and_never_shows_the_password(
    start_serve: Serve,
) -> None:
    served = await start_serve("--drain-seconds", "0")
    base = f"http://127.0.0.1:{(await served.logged('serving seats'))['port']}"
    async with aiohttp.ClientSession(base) as http:
        async with http.get("/livez") as live:
            assert live.status == 200
        async with http.get("/readyz") as ready:
            assert (ready.status, ready.headers["Retry-After"] in "123") == (503, True)
    served.process.send_signal(signal.SIGTERM)
    written = await served.rest()
    assert await served.process.wait() == 0
    assert "hunter2" not in written + str(served.lines)
    assert '"stopped"' in written


async def test_the_first_signal_drains_and_a_second_ends_it_at_once(start_serve: Serve) -> None:
    served = await start_serve("--drain-seconds", "600")
    base = f"http://127.0.0.1:{(await served.logged('serving seats'))['port']}"
    served.process.send_signal(signal.SIGTERM)
    await served.logged("draining")
    async with aiohttp.ClientSession(base) as http:
        async with http.get("/readyz") as ready:
            assert (await ready.json(content_type=None))["code"] == "shutting_down"
        async with http.get("/livez") as live:
            assert live.status == 200
    served.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(served.process.wait(), 10) == 1


async def test_options_come_from_the_environment_too(start_serve: Serve) -> None:
    served = await start_serve(
        SEATWARDEN_LOG_LEVEL="info", SEATWARDEN_DRAIN_SECONDS="0", SEATWARDEN_ACCESS_LOG="1"
    )
    port = (await served.logged("serving seats"))["port"]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http, http.get("/livez") as live:
        assert live.status == 200
    assert (await served.logged("request answered"))["route"] == "livez"


async def test_an_address_in_use_is_a_sentence_not_a_traceback(start_serve: Serve) -> None:
    taken = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        served = await start_serve("--listen", f"127.0.0.1:{port}")
        written = await served.rest()
    assert await served.process.wait() == 1
    assert f"Error: cannot listen on 127.0.0.1:{port}: " in written
    assert "Traceback" not in written


def test_the_help_has_examples_and_names_the_environment_variables() -> None:
    shown = CliRunner().invoke(serve, ["--help"], env={"SEATWARDEN_REDIS_URL": UNREACHABLE}).output
    for part in ("Examples:", "SEATWARDEN_REDIS_URL", "SEATWARDEN_DRAIN_SECONDS", "--listen", "0.0.0.0:8080"):
        assert part in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("address", ["8080", "host", ":8080", "host:port", "host:65536", "host:-1"])
def test_a_bad_address_is_refused_with_an_example(address: str) -> None:
    result = CliRunner().invoke(serve, ["--listen", address])
    assert result.exit_code == 2
    assert "give HOST:PORT, such as 127.0.0.1:8080" in result.output


@pytest.mark.parametrize("url", ["http://:hunter2@host", "redis://:hunter2@host:port", "hunter2"])
def test_a_bad_redis_url_is_a_sentence_without_its_password(url: str) -> None:
    result = CliRunner().invoke(serve, ["--listen", "127.0.0.1:0"], env={"SEATWARDEN_REDIS_URL": url})
    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot use --redis-url")
    assert ":hunter2@" not in result.output
