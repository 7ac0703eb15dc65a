"""`seatwarden ready`, as `helm test` uses it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from seatwarden.local.loopback import free_port
from seatwarden.runtime.health import HealthServer

HOST = "127.0.0.1"


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    server = await HealthServer.start(host=HOST, port=0)
    yield server
    await server.close()


async def ask(*arguments: str) -> tuple[int, str]:
    """The status and the output of `seatwarden ready`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "seatwarden", "ready", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_who_is_ready_is_said_so(server: HealthServer) -> None:
    url = f"http://{HOST}:{server.port}"
    assert await ask(url, f"{url}/") == (0, f"{url} is ready\n{url}/ is ready\n")


async def test_one_that_does_not_answer_is_told_and_the_others_too(server: HealthServer) -> None:
    ready, away = f"http://{HOST}:{server.port}", f"http://{HOST}:{free_port()}"
    status, said = await ask(ready, away)
    assert status == 1
    assert said.splitlines()[0] == f"{ready} is ready"
    assert said.splitlines()[1].startswith(f"{away} is not ready: ")


async def test_one_that_becomes_ready_in_time_is_waited_for_and_what_it_said_first_is_forgotten() -> None:
    answers = [503, 503, 200]

    async def readyz(_request: web.Request) -> web.Response:
        return web.Response(status=answers.pop(0), text="draining")

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        status, said = await ask(url)
        assert (status, said) == (1, f"{url} is not ready: it answered 503: draining\n")
        assert await ask(url, "--within=60") == (0, f"{url} is ready\n")
        assert answers == []
    finally:
        await runner.cleanup()


async def test_a_url_that_is_none_is_said_so() -> None:
    status, said = await ask("seatwarden:8080")
    assert status == 1
    assert said.startswith("seatwarden:8080 is not ready: ")
    assert "Traceback" not in said
