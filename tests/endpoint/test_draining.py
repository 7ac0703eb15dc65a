"""A replica goes down without breaking a request."""

import asyncio

import aiohttp
import pytest

from tests.endpoint.conftest import Endpoint
from tests.endpoint.endpoint_client import ACQUIRE, EndpointClient
from tests.endpoint.scripted_authority import ScriptedAuthority


async def test_while_draining_it_is_not_ready_but_alive_and_serves(
    endpoint: Endpoint, client: EndpointClient
) -> None:
    assert (await client.ask("GET", "/readyz")).status == 200
    endpoint.server.begin_drain()
    ready = await client.ask("GET", "/readyz")
    assert (ready.status, ready.code) == (503, "shutting_down")
    assert (await client.ask("GET", "/livez")).status == 200
    assert (await client.acquire()).status == 201


async def test_while_draining_connections_close_after_their_answer(
    endpoint: Endpoint, client: EndpointClient
) -> None:
    assert "Connection" not in (await client.acquire()).headers
    endpoint.server.begin_drain()
    assert (await client.acquire()).headers["Connection"] == "close"


async def test_a_request_in_flight_is_finished_before_the_server_closes(
    endpoint: Endpoint, client: EndpointClient, authority: ScriptedAuthority
) -> None:
    authority.hold = asyncio.Event()
    request = asyncio.create_task(client.acquire())
    await authority.asked.wait()
    closing = asyncio.create_task(endpoint.server.close())
    done, _ = await asyncio.wait({closing}, timeout=0.1)
    assert not done
    authority.hold.set()
    assert (await request).status == 201
    await closing


async def test_after_closing_nothing_is_accepted(endpoint: Endpoint, client: EndpointClient) -> None:
    await endpoint.server.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.acquire()


async def test_an_idle_connection_does_not_hold_up_the_closing(endpoint: Endpoint) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b'{"status":"ok"}')
    await asyncio.wait_for(endpoint.server.close(), 2)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_closing_twice_is_harmless(endpoint: Endpoint) -> None:
    await endpoint.server.close()
    await endpoint.server.close()


async def test_a_client_that_hangs_up_early_does_no_harm(
    endpoint: Endpoint, client: EndpointClient, authority: ScriptedAuthority
) -> None:
    """The grant stands: the client that lost the answer acquires again and gets the same lease."""
    authority.hold = asyncio.Event()
    request = asyncio.create_task(client.ask("POST", ACQUIRE, {"hardware_id": "cd" * 32}))
    await authority.asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    authority.hold.set()
    answer = await client.acquire()
    assert answer.status == 201
    assert len(authority.wishes) == 2
