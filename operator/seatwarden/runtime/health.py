"""`/livez`, `/readyz` and `/metrics` of a process that has no endpoint of its own.

A stand-by operator is as ready as the leader: it is there to take over, and a rolling update must not wait for it to lead.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


@dataclass(slots=True)
class HealthServer:
    """A running server for probes and scrapes."""

    runner: web.AppRunner
    port: int

    @classmethod
    async def start(
        cls, *, host: str, port: int, why_not_ready: Callable[[], Awaitable[str | None]] | None = None
    ) -> "HealthServer":
        """Listen on ``host`` and ``port`` (0: any free one). Ready is who has no reason not to be.

        Raises:
            OSError: the address cannot be had.
        """
        app = web.Application()
        app.router.add_get("/livez", _ok)
        app.router.add_get("/readyz", _ok if why_not_ready is None else _readiness(why_not_ready))
        app.router.add_get("/metrics", _metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        return cls(runner, runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        await self.runner.cleanup()


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _readiness(
    why_not_ready: Callable[[], Awaitable[str | None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def ready(request: web.Request) -> web.Response:
        reason = await why_not_ready()
        return await _ok(request) if reason is None else web.Response(status=503, text=f"{reason}\n")

    return ready


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
