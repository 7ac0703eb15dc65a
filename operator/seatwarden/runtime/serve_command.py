"""`seatwarden serve`: the seat endpoint as a process."""

import asyncio

import click

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.durability import Durability
from seatwarden.runtime.authority_options import durability_option, installation_keys_option
from seatwarden.runtime.logging import LEVELS, LogFormat, configure_logging, redact
from seatwarden.runtime.serve_process import ServeSettings, serve_alone, serve_with_workers

EXAMPLES = """
\b
Examples:
  seatwarden serve
  seatwarden serve --listen 127.0.0.1:8090 --redis-url redis://localhost:6379/0
  seatwarden serve --workers 4
  seatwarden serve --durability fsync --installation-key-file /etc/seatwarden/installation.key
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
    help="The Redis or Valkey that holds the seats. Sentinel: redis+sentinel://HOST:26379,HOST2:26379/MASTER/0."
    " Cluster: redis+cluster://HOST:6379,HOST2:6379. TLS: rediss:// and so on.",
)
@durability_option
@installation_keys_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    envvar="SEATWARDEN_SERVE_WORKERS",
    show_envvar=True,
    help="Processes that share the port. One keeps one core busy; in Kubernetes rather run more replicas.",
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
    durability: Durability,
    installation_keys: InstallationKeys | None,
    workers: int,
    drain_seconds: float,
    access_log: bool,
    log_level: str,
    log_format: str,
) -> None:
    """Serve seats over HTTP: acquire, heartbeat, release, validate.

    Needs Redis and nothing else. Any number of replicas can run side by side. Says /readyz as soon as Redis
    answers, and goes on by itself when Redis went away and came back. On SIGTERM it drains, finishes what is
    in flight and ends; a second signal ends it at once. With --workers a parent process starts again what dies,
    and ends with status 1 where workers cannot start.
    """
    configure_logging(log_level, LogFormat(log_format))
    host, port = listen
    settings = ServeSettings(
        host=host,
        port=port,
        redis_url=redis_url,
        durability=durability,
        installation_keys=installation_keys,
        drain_seconds=drain_seconds,
        access_log=access_log,
    )
    try:
        if workers == 1:
            serve_alone(settings)
        elif status := serve_with_workers(settings, workers):
            raise SystemExit(status)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    except ValueError as error:
        raise click.ClickException(redact(f"cannot use --redis-url: {error}")) from None
    except asyncio.CancelledError:
        raise SystemExit(1) from None
