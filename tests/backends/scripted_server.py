"""An HTTP server that answers as a test tells it to: what a real API server does only when something is wrong with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(slots=True)
class ScriptedServer:
    """``answers`` are given in turn, the last one for ever. ``most`` is how many requests were under way at a time."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=lambda: [web.json_response({})])
    heard: list[str] = field(default_factory=list)
    most: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: int = 0
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.Response:
        """Wait until released, then give the next answer."""
        self.heard.append(f"{request.method} {request.path_qs}")
        async with self._came:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            self._came.notify_all()
        await self.released.wait()
        self._under_way -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def until_busy(self, requests: int) -> None:
        """Return as soon as that many are under way."""
        async with self._came:
            await self._came.wait_for(lambda: self._under_way >= requests)


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """A running server, which answers at once unless ``released`` is cleared."""
    server = ScriptedServer()
    server.released.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.released.set()
        await runner.cleanup()
