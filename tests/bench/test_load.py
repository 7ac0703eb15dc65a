"""The load generator tells what really happened."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bench.load import LoadPlan, LoadSeen, finish_load, http_request, start_load
from bench.rows import Row


@pytest.fixture
async def served() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server's port, and the bodies that it got; it refuses each that has the word "bad"."""
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.json_response({"got": len(bodies)}, status=409 if b"bad" in bodies[-1] else 200)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], bodies
    await runner.cleanup()


async def run(plan: LoadPlan) -> LoadSeen:
    """Run ``plan`` without standing in the server's way."""
    return await asyncio.to_thread(lambda: finish_load(start_load(plan)))


def requests(*words: str) -> list[str]:
    """A request for each word."""
    return [http_request("POST", "/x", {"word": word}, "key") for word in words]


async def test_each_request_is_sent_once(served: tuple[int, list[bytes]]) -> None:
    port, bodies = served
    words = [f"word {number}" for number in range(100)]
    seen = await run(LoadPlan(port=port, requests=requests(*words), connections=7, once=True))
    assert sorted(bodies) == sorted(b'{"word":"%b"}' % word.encode() for word in words)
    assert (seen.answers, seen.refused) == (100, 0)
    assert 0 < seen.p50_ms <= seen.p99_ms <= seen.slowest_ms


async def test_refusals_are_counted_apart(served: tuple[int, list[bytes]]) -> None:
    seen = await run(LoadPlan(port=served[0], requests=requests("good", "bad"), connections=1, seconds=0.2))
    assert seen.answers > 0
    assert abs(seen.answers - seen.refused) <= 1


async def test_a_paced_load_keeps_its_pace(served: tuple[int, list[bytes]]) -> None:
    plan = LoadPlan(port=served[0], requests=requests("x"), connections=4, seconds=1.0, rate=200.0)
    seen = await run(plan)
    assert 100 < seen.answers < 300
    assert seen.answers == len(served[1])


async def test_a_server_that_is_away_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="ended with status 1"):
        await run(LoadPlan(port=1, requests=requests("x")))


def test_a_row_has_its_ratio_and_its_spread() -> None:
    row = Row(name="n", value=9.0, unit="x", reference=10.0, low=8.0, high=11.0)
    assert row.wire() == {
        "name": "n",
        "value": 9.0,
        "unit": "x",
        "reference": 10.0,
        "ratio": 0.9,
        "low": 8.0,
        "high": 11.0,
    }
    assert Row(name="n", value=9.0, unit="x").ratio is None
