"""A receiver on a socket, over a real Valkey."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.backends.stripe_stream import StripeStream
from seatwarden_webhooks.bodies import Bodies
from seatwarden_webhooks.stripe_receiver import PATH, EventSink, Mode, StripeReceiver, create_app
from tests.webhooks.signed_events import SECRET, body_of, signature

NOW = 1_764_590_400.0


@dataclass
class Sender:
    """Sends as Stripe does, and gives the status and the result."""

    http: aiohttp.ClientSession
    secrets: list[bytes] = field(default_factory=lambda: [SECRET])
    """What the receiver has."""

    async def post(self, body: bytes, header: str | None, **headers: str) -> tuple[int, str]:
        """Send these bytes with that signature."""
        signed = {} if header is None else {"Stripe-Signature": header}
        async with self.http.post(PATH, data=body, headers={**signed, **headers}) as answer:
            said = await answer.json()
            assert set(said) == {"result", "detail"}
            return answer.status, said["result"]

    async def send(self, made: dict[str, Any], *secrets: bytes, at: float = NOW) -> tuple[int, str]:
        """Send an event, signed."""
        body = body_of(made)
        return await self.post(body, signature(body, at, *secrets))


@pytest.fixture
async def stream(redis_url: str) -> AsyncIterator[StripeStream]:
    """An empty one."""
    made = StripeStream(ScriptRunner(read_redis_url(redis_url), time_limit_seconds=5.0))
    yield made
    await made.close()


Receive = Callable[..., Awaitable[Sender]]


@pytest.fixture
async def receive() -> AsyncIterator[Receive]:
    """Starts receivers over any sink."""
    stack: list[Callable[[], Awaitable[None]]] = []

    async def start(sink: EventSink, mode: Mode = Mode.LIVE, bodies: Bodies | None = None) -> Sender:
        secrets = [SECRET]
        receiver = StripeReceiver(sink, lambda: tuple(secrets), mode, bodies=bodies, wall=lambda: NOW)
        server = TestServer(create_app(receiver))
        await server.start_server(auto_decompress=False)
        http = aiohttp.ClientSession(server.make_url("/"))
        stack.extend([server.close, http.close])
        return Sender(http, secrets)

    yield start
    while stack:
        await stack.pop()()


@pytest.fixture
async def sender(receive: Receive, stream: StripeStream) -> Sender:
    """One that sends to a receiver over `stream`."""
    return await receive(stream)
