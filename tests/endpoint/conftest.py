"""Running endpoints for the tests: over a scripted authority, for what a real one says rarely."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from seatwarden.backends.authority import SeatPath
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.licence_key import LicenceKey, new_licence_key
from seatwarden.domain.seats import PoolUid
from seatwarden.endpoint.application import create_app
from seatwarden.endpoint.openapi import openapi_document
from seatwarden.endpoint.server import SeatServer, start_server
from seatwarden.endpoint.settings import EndpointSettings
from tests.endpoint.endpoint_client import EndpointClient
from tests.endpoint.scripted_authority import ScriptedAuthority
from tests.endpoint.served import Serve, serving


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint and a client of it."""

    server: SeatServer
    client: EndpointClient


DOCUMENT = openapi_document("test")
StartEndpoint = Callable[..., Awaitable[Endpoint]]


@pytest.fixture
def licence_key() -> LicenceKey:
    """The key of a pool of this test's own."""
    return new_licence_key(PoolUid(str(uuid4())), uuid4().bytes + b"0123")


@pytest.fixture
async def start_endpoint(licence_key: LicenceKey) -> AsyncIterator[StartEndpoint]:
    """Starts endpoints over the authority given, with jitter fixed at half; they end with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            seats: SeatPath,
            settings: EndpointSettings | None = None,
            spread: Callable[[], float] = lambda: 0.5,
            keys: InstallationKeys | None = None,
            **options: Any,
        ) -> Endpoint:
            app = create_app(seats, settings, keys=keys, spread=spread, **options)
            server = await start_server(app, host="127.0.0.1", port=0)
            stack.push_async_callback(server.close)
            http = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(20)
                )
            )
            base = f"http://127.0.0.1:{server.port}"
            return Endpoint(server, EndpointClient(http, base, licence_key.text, DOCUMENT))

        yield start


@pytest.fixture
def authority() -> ScriptedAuthority:
    """An authority that says what the test tells it to."""
    return ScriptedAuthority()


@pytest.fixture
async def endpoint(start_endpoint: StartEndpoint, authority: ScriptedAuthority) -> Endpoint:
    """An endpoint over `authority`."""
    return await start_endpoint(authority)


@pytest.fixture
def client(endpoint: Endpoint) -> EndpointClient:
    """A client of `endpoint`."""
    return endpoint.client


@pytest.fixture
async def start_serve() -> AsyncIterator[Serve]:
    """Starts `seatwarden serve` with the options given; it ends with the test."""
    async with serving() as start:
        yield start
