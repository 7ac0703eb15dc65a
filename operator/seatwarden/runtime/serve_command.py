"""`seatwarden serve`: the seat endpoint as a process."""

import asyncio
import signal

import click
import structlog

from seatwarden.runtime.logging import LEVELS, LogFormat, configure_logging, redact

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EXAMPLES = """
\b
Examples:
  seatwarden serve
  seatwarden serve --listen 127.0.0.1:8090 --redis-url redis://localhost:6379/0
  SEATWARDEN_REDIS_URL=rediss://:PASSWORD@redis.example:6380 seatwarden serve --drain-seconds 15

Each option can be given as an environment variable instead: SEATWARDEN_LISTEN, SEATWARDEN_REDIS_URL and so
on. Give a Redis URL that has a password in SEATWARDEN_REDIS_URL: the arguments of a process can be read by
everybody on its machine.
"""


class ListenAddress(click.ParamType[tuple[str, int]]):
    """HOST:PORT, with an IPv6 host in brackets."""

    name = "host:port"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """The host and the port of ``value``."""
        if isinstance(value, tuple):
            return value
        host, colon, port = value.rpartition(":")
        largest = 65535
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > largest:
            self.fail(f"{value!r} is no address; give HOST:PORT, such as 127.0.0.1:8080", param, ctx)
        return host.strip("[]"), int(port)


@click.command(epilog=EXAMPLES, context_settings={"auto_envvar_prefix": "SEATWARDEN"})
@click.option(
    "--listen",
    type=ListenAddress(),
    default="0.0.0.0:8080",  # it runs behind a Service
    show_default=True,
    envvar="SEATWARDEN_LISTEN",
    show_envvar=True,
    help="Where to listen; port 0 takes any free one and logs it.",
)
@click.option(
    "--redis-url",
    default="redis://127.0.0.1:6379/0",
    show_default=True,
    envvar="SEATWARDEN_REDIS_URL",
    show_envvar=True,
    help="The Redis or Valkey that holds the seats.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    envvar="SEATWARDEN_DRAIN_SECONDS",
    show_envvar=True,
    help="After SIGTERM, how long to answer on while /readyz says 503, so that load balancers turn away"
    " first.",
)
@click.option(
    "--access-log/--no-access-log",
    default=False,
    show_default=True,
    envvar="SEATWARDEN_ACCESS_LOG",
    show_envvar=True,
    help="Log each request. Costs about as much as the request.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    envvar="SEATWARDEN_LOG_LEVEL",
    show_envvar=True,
    help="Log from this level on.",
)
@click.option(
    "--log-format",
    type=click.Choice([form.value for form in LogFormat]),
    default=LogFormat.JSON.value,
    show_default=True,
    envvar="SEATWARDEN_LOG_FORMAT",
    show_envvar=True,
    help="json for machines, console for people.",
)
def serve(
    *,
    listen: tuple[str, int],
    redis_url: str,
    drain_seconds: float,
    access_log: bool,
    log_level: str,
    log_format: str,
) -> None:
    """Serve seats over HTTP: acquire, heartbeat, release, validate.

    Needs Redis and nothing else. Any number of replicas can run side by side. Says /readyz as soon as Redis
    answers, and goes on by itself when Redis went away and came back. On SIGTERM it drains, finishes what is
    in flight and ends; a second signal ends it at once.
    """
    configure_logging(log_level, LogFormat(log_format))
    host, port = listen
    try:
        asyncio.run(
            _serve(
                host=host, port=port, redis_url=redis_url, drain_seconds=drain_seconds, access_log=access_log
            )
        )
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    except ValueError as error:
        raise click.ClickException(redact(f"cannot use --redis-url: {error}")) from None
    except asyncio.CancelledError:
        raise SystemExit(1) from None


async def _serve(*, host: str, port: int, redis_url: str, drain_seconds: float, access_log: bool) -> None:
    from seatwarden.backends.redis_authority import RedisSeatAuthority
    from seatwarden.endpoint.application import create_app
    from seatwarden.endpoint.server import start_server
    from seatwarden.endpoint.settings import EndpointSettings

    told_to_stop = _signals()
    authority = RedisSeatAuthority.connect(redis_url)
    try:
        server = await start_server(
            create_app(authority, EndpointSettings(access_log=access_log)), host=host, port=port
        )
        log.info("serving seats", host=host, port=server.port)
        try:
            await told_to_stop.wait()
            server.begin_drain()
            log.info("draining", seconds=drain_seconds)
            await asyncio.sleep(drain_seconds)
        finally:
            await server.close()
    finally:
        await authority.close()
    log.info("stopped")


def _signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second cancels the task that called this."""
    told_to_stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if told_to_stop.is_set() and task is not None:
            task.cancel()
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return told_to_stop
