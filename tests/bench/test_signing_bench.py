"""The benchmark of signed leases runs from its first row to its last, and what it counts exactly is as promised."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bench.black_hole import away_rows
from bench.duel import Duel, DuelPlan, Side, SideSeen, run_duel
from bench.load import http_request
from bench.signing_bench import Options, measure_pairs

KINDS = ("heartbeat_plain", "heartbeat_showing", "heartbeat_renewing", "acquire")


@pytest.mark.exclusive
async def test_a_very_short_run_has_every_pair() -> None:
    options = Options(turns=4, calls=70, rate=50.0, away_seconds=1.0)
    rows = {row.name: row for row in await measure_pairs(options)}
    for kind in KINDS:
        assert rows[f"{kind}_signed"].reference == rows[f"{kind}_unsigned"].value
        pair = rows[f"{kind}_signed_to_unsigned"]
        assert pair.low is not None
        assert pair.high is not None
        assert 0 < pair.low <= pair.value <= pair.high
        assert rows[f"{kind}_signed_cpu"].ratio is not None
    goals = {kind: rows[f"{kind}_signed_to_unsigned"].reference for kind in KINDS}
    assert goals == {
        "heartbeat_plain": 0.95,
        "heartbeat_showing": 0.95,
        "heartbeat_renewing": None,
        "acquire": 0.6,
    }


async def test_a_duel_gives_each_side_its_turns_and_its_requests() -> None:
    async with _echo() as (first, heard), _echo() as (second, also_heard):
        plan = DuelPlan(
            sides=[
                Side(port=first, requests=[http_request("POST", "/x", {"n": n}, "key") for n in range(12)]),
                Side(port=second, requests=[http_request("POST", "/bad", {"n": n}, "key") for n in range(2)]),
            ],
            turns=3,
            calls=4,
            connections=8,
        )
        duel = await asyncio.to_thread(run_duel, plan)
    assert sorted(heard) == list(range(12))
    assert sorted(also_heard) == [0] * 6 + [1] * 6
    assert (duel.first.answers, duel.first.refused) == (12, 0)
    assert (duel.second.answers, duel.second.refused) == (0, 12)
    assert len(duel.first.rates) == 3
    assert duel.second.rates == [0.0] * 3


def test_the_ratio_is_the_median_of_those_of_the_pairs() -> None:
    one = SideSeen(answers=9, refused=0, rates=[2.0, 9.0, 4.0], p50_ms=1.0, p99_ms=1.0)
    other = SideSeen(answers=9, refused=0, rates=[4.0, 3.0, 4.0], p50_ms=1.0, p99_ms=1.0)
    assert Duel(one, other).ratio == 1.0


@asynccontextmanager
async def _echo() -> AsyncIterator[tuple[int, list[int]]]:
    """A server's port, and the numbers that it was sent; it refuses whatever is sent to /bad."""
    heard: list[int] = []

    async def take(request: web.Request) -> web.Response:
        heard.append((await request.json())["n"])
        return web.json_response({}, status=409 if request.path == "/bad" else 200)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], heard
    await runner.cleanup()


async def test_with_the_kms_away_every_grant_is_a_lease_and_nobody_asks_for_it() -> None:
    rows = {row.name: row.value for row in await away_rows(rate=20.0, seconds=3.0)}
    assert rows["kms_calls_on_the_seat_path"] == 0
    assert rows["grants_lost_with_kms_away"] == rows["refusals_with_kms_away"] == 0
    assert rows["grants_with_kms_away"] > 20
    assert rows["operator_calls_that_kms_swallowed"] >= 1
