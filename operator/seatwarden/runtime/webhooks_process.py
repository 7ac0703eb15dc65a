"""What `seatwarden webhooks` does between its start and its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import StripeStream
from seatwarden.domain.durability import Durability
from seatwarden.runtime.health import HealthServer
from seatwarden.runtime.signals import told_to_stop_by_signals
from seatwarden_webhooks import metrics
from seatwarden_webhooks.backlog_watch import watch_backlog
from seatwarden_webhooks.signing_secrets import SigningSecrets
from seatwarden_webhooks.stripe_receiver import PATH, Mode, StripeReceiver, create_app

KEEP_ALIVE_SECONDS = 75.0
FINISH_SECONDS = 15.0
"""For requests in flight: longer than a body may take and Redis to answer."""
_BACKLOG_OF_CONNECTIONS = 1024

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksSettings:
    """The options of `seatwarden webhooks`."""

    host: str
    port: int
    health_host: str
    health_port: int
    redis_url: str = field(repr=False)
    durability: Durability
    secrets: SigningSecrets
    mode: Mode
    most_waiting: int
    drain_seconds: float


async def run_webhooks(settings: WebhooksSettings) -> None:
    """Receive until a signal comes.

    Raises:
        OSError: an address cannot be had.
        ValueError: the Redis URL cannot be read.
    """
    told_to_stop = told_to_stop_by_signals()
    async with AsyncExitStack() as stack:
        stream = StripeStream.connect(
            settings.redis_url, durability=settings.durability, most_waiting=settings.most_waiting
        )
        stack.push_async_callback(stream.close)
        metrics.STRIPE_ROOM.set(settings.most_waiting)
        health = await HealthServer.start(
            host=settings.health_host,
            port=settings.health_port,
            why_not_ready=_why_not_ready(stream, told_to_stop),
        )
        stack.push_async_callback(health.close)
        receiver = StripeReceiver(stream, _counted(settings.secrets), settings.mode)
        port = await stack.enter_async_context(_served(create_app(receiver), settings.host, settings.port))
        watching = asyncio.create_task(watch_backlog(stream))
        stack.push_async_callback(_end, watching)
        log.info(
            "receiving events of Stripe",
            host=settings.host,
            port=port,
            path=PATH,
            mode=settings.mode.value,
            secrets=len(settings.secrets.current()),
            health_port=health.port,
        )
        await told_to_stop.wait()
        log.info("draining", seconds=settings.drain_seconds)
        await asyncio.sleep(settings.drain_seconds)
    log.info("stopped")


@asynccontextmanager
async def _served(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve ``app``; gives the port. In the end requests in flight are answered."""
    # What is no HTTP request gets 400 from aiohttp, which would also log the bytes of whoever sent them.
    silent = logging.getLogger(f"{__name__}.http")
    silent.setLevel(logging.CRITICAL)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=silent,
        shutdown_timeout=FINISH_SECONDS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        # Stripe signs the bytes that it sends, and compresses none. One that unfolds could have any size.
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG_OF_CONNECTIONS).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _counted(secrets: SigningSecrets) -> Callable[[], tuple[bytes, ...]]:
    def current() -> tuple[bytes, ...]:
        found = secrets.current()
        metrics.STRIPE_SECRETS.set(len(found))
        return found

    current()
    return current


def _why_not_ready(stream: StripeStream, draining: asyncio.Event) -> Callable[[], Awaitable[str | None]]:
    async def why() -> str | None:
        if draining.is_set():
            return "shutting down"
        try:
            await stream.ready()
        except AuthorityUnavailable as error:
            return str(error)
        return None

    return why


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
