"""Probes and scrapes of a process that has no endpoint of its own."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from seatwarden.runtime.health import HealthServer

HOST = "127.0.0.1"


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    server = await HealthServer.start(host=HOST, port=0)
    yield server
    await server.close()


@pytest.fixture
async def http(server: HealthServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://{HOST}:{server.port}") as session:
        yield session


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_running_process_is_alive_and_ready(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_metrics_are_in_the_form_of_prometheus(http: aiohttp.ClientSession) -> None:
    counter = Counter("seatwarden_test_of_health", "Counts this test.", ["what"])
    counter.labels(what="scrapes").inc(3)
    async with http.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    sample = families["seatwarden_test_of_health"].samples[0]
    assert (sample.name, sample.labels, sample.value) == (
        "seatwarden_test_of_health_total",
        {"what": "scrapes"},
        3.0,
    )


@pytest.mark.parametrize("path", ["/", "/healthz", "/livez/"])
async def test_there_is_nothing_else(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 404


async def test_port_0_takes_a_free_one_and_a_taken_one_is_an_error(server: HealthServer) -> None:
    assert server.port > 0
    with pytest.raises(OSError, match=str(server.port)):
        await HealthServer.start(host=HOST, port=server.port)


async def test_closed_it_listens_no_more_though_somebody_is_connected(server: HealthServer) -> None:
    async with aiohttp.ClientSession(f"http://{HOST}:{server.port}") as session:
        async with session.get("/livez"):
            pass
        await server.close()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("/livez")
