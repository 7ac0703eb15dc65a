"""An issuer's web server with a certificate of a test authority: discovery and key set, or whatever a test has it answer."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from seatwarden.local.certificates import Authority
from tests.identity_tokens import TestIssuer

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


@dataclass(slots=True)
class IssuerServer:
    """``answers`` by path replace what it would say; while ``held`` is set, it says nothing at all."""

    issues: TestIssuer
    trusting: ssl.SSLContext
    """What a client needs to trust it."""
    authority: Path
    answers: dict[str, web.Response] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    held: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What it says."""
        self.heard.append(request.path)
        if self.held:
            await self.released.wait()
        if (told := self.answers.get(request.path)) is not None:
            return web.Response(body=told.body, status=told.status, headers=told.headers)
        match request.path:
            case "/.well-known/openid-configuration":
                url = self.issues.issuer
                return web.json_response({"issuer": url, "jwks_uri": f"{url}{KEYS}"})
            case "/keys":
                return web.json_response(self.issues.key_set())
        return web.Response(status=404)


@contextlib.asynccontextmanager
async def issuer_server(folder: Path, host: str = "localhost") -> AsyncIterator[IssuerServer]:
    """A running server of an issuer, which is named after its own address."""
    now = dt.datetime.now(dt.UTC)
    authority = Authority.load_or_make(folder, "issuer-ca", now=now)
    files = authority.issue_server(folder, "issuer", hosts=[host], now=now)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(files.certificate, files.key)
    trusting = ssl.create_default_context(cafile=str(authority.files.certificate))
    server = IssuerServer(TestIssuer(), trusting, authority.files.certificate)
    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
        server.issues = TestIssuer(f"https://localhost:{runner.addresses[0][1]}")
        yield server
    finally:
        server.released.set()
        await runner.cleanup()
