"""An API server that is away, silent, busy or not what it seems: every call ends in time and says what it met."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from seatwarden.backends import kubernetes_api
from seatwarden.backends.kubernetes_api import KubernetesApi, KubernetesError, KubernetesUnavailable
from tests.backends.scripted_server import ScriptedServer, scripted_server

PATH = "/api/v1/namespaces/n/configmaps/a"
PATIENCE_SECONDS = 20.0


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def api(session: aiohttp.ClientSession, server: ScriptedServer) -> KubernetesApi:
    return KubernetesApi(session, server.url)


async def test_server_that_is_away_is_told_at_once(session: aiohttp.ClientSession) -> None:
    started = time.monotonic()
    with pytest.raises(KubernetesUnavailable, match=r"^The API server cannot be reached: .*127\.0\.0\.1:1"):
        await KubernetesApi(session, "http://127.0.0.1:1").get(PATH)
    assert time.monotonic() - started < kubernetes_api.CALL_SECONDS


async def test_server_that_is_silent_is_waited_for_only_so_long(
    api: KubernetesApi, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_api, "CALL_SECONDS", 0.2)
    server.released.clear()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(KubernetesUnavailable, match=f"^The API server did not answer GET {PATH} within"):
            await api.get(PATH)
        with pytest.raises(KubernetesUnavailable, match="did not answer PATCH"):
            await api.patch(PATH, [])


async def test_connection_that_breaks_in_the_middle_is_told(
    session: aiohttp.ClientSession,
) -> None:
    async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    broken = await asyncio.start_server(half_an_answer, "127.0.0.1", 0)
    async with broken:
        port = broken.sockets[0].getsockname()[1]
        with pytest.raises(KubernetesUnavailable, match=r"^The API server cannot be reached: ."):
            await KubernetesApi(session, f"http://127.0.0.1:{port}").get(PATH)


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Mon, 01 Mar 2027 12:00:00 GMT", None), (None, None)]
)
async def test_refusal_for_the_time_being_says_when_to_come_back(
    api: KubernetesApi, server: ScriptedServer, status: int, header: str | None, seconds: float | None
) -> None:
    headers = {"Retry-After": header} if header is not None else {}
    server.answers = [web.json_response({"message": "not now"}, status=status, headers=headers)]
    with pytest.raises(KubernetesUnavailable, match=f"^GET {PATH}: {status} not now$") as refused:
        await api.get(PATH)
    assert refused.value.retry_after == seconds


@pytest.mark.parametrize("status", [400, 405, 413, 422])
async def test_refusal_for_good_is_no_reason_to_wait(
    api: KubernetesApi, server: ScriptedServer, status: int
) -> None:
    server.answers = [web.json_response({"message": "never"}, status=status)]
    with pytest.raises(KubernetesError, match=f": {status} never"):
        await api.get(PATH)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b"\xff\xfe", b""])
async def test_answer_of_something_else_than_an_api_server_is_quoted_in_short(
    api: KubernetesApi, server: ScriptedServer, body: bytes
) -> None:
    server.answers = [web.Response(body=body * 100, status=502)]
    with pytest.raises(KubernetesUnavailable) as refused:
        await api.get(PATH)
    assert len(str(refused.value)) < 300


async def test_no_more_writes_than_allowed_are_under_way_while_reads_go_on(
    session: aiohttp.ClientSession, server: ScriptedServer
) -> None:
    api = KubernetesApi(session, server.url, writes=2)
    server.released.clear()
    writes = [asyncio.create_task(api.create(PATH, {})) for _ in range(5)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await server.until_busy(2)
        read = asyncio.create_task(api.get(PATH))
        await server.until_busy(3)
        assert [line.split()[0] for line in server.heard] == ["POST", "POST", "GET"]
        server.released.set()
        await asyncio.gather(read, *writes)
    assert server.most == 3
    assert len(server.heard) == 6
