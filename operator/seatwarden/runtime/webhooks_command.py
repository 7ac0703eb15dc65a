"""`seatwarden webhooks`: the receiver of Stripe's events as a process."""

import asyncio
from pathlib import Path

import click

from seatwarden.domain.durability import Durability
from seatwarden.runtime.authority_options import durability_option
from seatwarden.runtime.logging import LEVELS, LogFormat, configure_logging, redact
from seatwarden.runtime.serve_command import ListenAddress

EXAMPLES = """
\b
Examples:
  seatwarden webhooks --stripe-secret-file /etc/seatwarden/stripe/signing-secret
  seatwarden webhooks --stripe-secret-file new --stripe-secret-file old     while a secret is replaced
  seatwarden webhooks --stripe-secret-file secret --stripe-mode test --listen 127.0.0.1:8082

Each option can be given as an environment variable instead: SEATWARDEN_WEBHOOKS_LISTEN, SEATWARDEN_REDIS_URL and
so on; several files in SEATWARDEN_STRIPE_SECRET_FILE with colons between them. Give a Redis URL that has a password
in SEATWARDEN_REDIS_URL: the arguments of a process can be read by everybody on its machine.
"""


@click.command(epilog=EXAMPLES, context_settings={"auto_envvar_prefix": "SEATWARDEN"})
@click.option(
    "--stripe-secret-file",
    "stripe_secret_files",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    envvar="SEATWARDEN_STRIPE_SECRET_FILE",
    show_envvar=True,
    help="File with the signing secret of the endpoint at Stripe, whsec_…; given twice, or with two lines, while"
    " the secret is replaced. It is read again when it changes.",
)
@click.option(
    "--stripe-mode",
    type=click.Choice(["live", "test"]),
    default="live",
    show_default=True,
    envvar="SEATWARDEN_STRIPE_MODE",
    show_envvar=True,
    help="Whose events are taken in: those about real money, or those of test mode and sandboxes. Others are"
    " answered with 200, and nothing is done with them.",
)
@click.option(
    "--listen",
    type=ListenAddress(),
    default="0.0.0.0:8082",  # it runs behind an Ingress
    show_default=True,
    envvar="SEATWARDEN_WEBHOOKS_LISTEN",
    show_envvar=True,
    help="Where to receive, for the internet to reach; port 0 takes any free one and logs it.",
)
@click.option(
    "--health-listen",
    type=ListenAddress(),
    default="0.0.0.0:8083",
    show_default=True,
    envvar="SEATWARDEN_WEBHOOKS_HEALTH_LISTEN",
    show_envvar=True,
    help="Where probes and scrapes are answered, for the cluster only.",
)
@click.option(
    "--redis-url",
    default="redis://127.0.0.1:6379/0",
    show_default=True,
    envvar="SEATWARDEN_REDIS_URL",
    show_envvar=True,
    help="The Redis or Valkey of the operator.",
)
@durability_option
@click.option(
    "--most-waiting",
    type=click.IntRange(1_000, 100_000_000),
    default=1_000_000,
    show_default=True,
    envvar="SEATWARDEN_WEBHOOKS_MOST_WAITING",
    show_envvar=True,
    help="Events that may wait for the operator. Behind that Stripe is told to send later; none is dropped.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    envvar="SEATWARDEN_DRAIN_SECONDS",
    show_envvar=True,
    help="After SIGTERM, how long to receive on while /readyz says 503, so that load balancers turn away first.",
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
def webhooks(
    *,
    stripe_secret_files: tuple[Path, ...],
    stripe_mode: str,
    listen: tuple[str, int],
    health_listen: tuple[str, int],
    redis_url: str,
    durability: Durability,
    most_waiting: int,
    drain_seconds: float,
    log_level: str,
    log_format: str,
) -> None:
    """Receive Stripe's events at POST /stripe/webhooks and keep them in Redis for the operator.

    Needs Redis and nothing else. Any number of replicas can run side by side. Answers /livez, /readyz and /metrics
    at another port. On SIGTERM it drains, finishes what is in flight and ends; a second signal ends it at once.
    """
    from seatwarden.runtime.event_loop import run_on_fast_loop
    from seatwarden.runtime.webhooks_process import WebhooksSettings, run_webhooks
    from seatwarden_webhooks.signing_secrets import NoSecret, SigningSecrets
    from seatwarden_webhooks.stripe_receiver import Mode

    configure_logging(log_level, LogFormat(log_format))
    try:
        secrets = SigningSecrets(stripe_secret_files)
    except NoSecret as error:
        raise click.ClickException(str(error)) from None
    settings = WebhooksSettings(
        host=listen[0],
        port=listen[1],
        health_host=health_listen[0],
        health_port=health_listen[1],
        redis_url=redis_url,
        durability=durability,
        secrets=secrets,
        mode=Mode(stripe_mode),
        most_waiting=most_waiting,
        drain_seconds=drain_seconds,
    )
    try:
        run_on_fast_loop(run_webhooks(settings))
    except OSError as error:
        wanted = " and ".join(f"{host}:{port}" for host, port in (listen, health_listen))
        raise click.ClickException(f"cannot listen on {wanted}: {error.strerror or error}") from error
    except ValueError as error:
        raise click.ClickException(redact(f"cannot use --redis-url: {error}")) from None
    except asyncio.CancelledError:
        raise SystemExit(1) from None
