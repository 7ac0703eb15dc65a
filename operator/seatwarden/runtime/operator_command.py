"""`seatwarden operator`: the reconcilers as a process."""

import asyncio
import os
import socket
from datetime import timedelta
from pathlib import Path

import click

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.durability import Durability
from seatwarden.runtime.authority_options import durability_option, installation_keys_option
from seatwarden.runtime.logging import LEVELS, LogFormat, configure_logging
from seatwarden.runtime.operator_settings import OperatorSettings

EXAMPLES = """
\b
Examples:
  seatwarden operator                                   in a pod, all namespaces
  seatwarden operator --namespace acme --namespace beta
  seatwarden operator --kubeconfig ~/.kube/config --context kind-dev --no-election --log-format console

Each option can be given as an environment variable instead: SEATWARDEN_REDIS_URL, SEATWARDEN_NAMESPACES and
so on. Give a Redis URL that has a password in SEATWARDEN_REDIS_URL: the arguments of a process can be read by
everybody on its machine.
"""


@click.command("operator", epilog=EXAMPLES, context_settings={"auto_envvar_prefix": "SEATWARDEN"})
@click.option(
    "--redis-url",
    default="redis://127.0.0.1:6379/0",
    show_default=True,
    envvar="SEATWARDEN_REDIS_URL",
    show_envvar=True,
    help="The Redis or Valkey that holds the seats.",
)
@durability_option
@installation_keys_option
@click.option(
    "--kms-endpoint",
    envvar="SEATWARDEN_KMS_ENDPOINT",
    metavar="HOST",
    help="Where Google Cloud KMS is asked, such as a regional endpoint. Default cloudkms.googleapis.com.",
)
@click.option(
    "--stripe-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SEATWARDEN_STRIPE_KEY_FILE",
    show_envvar=True,
    help="The file that holds the API key of Stripe, which may be a restricted one; read anew when it changes. Without it, no "
    "Tenant can pay at Stripe.",
)
@click.option(
    "--stripe-return-url",
    default="https://stripe.com",
    show_default=True,
    metavar="URL",
    help="Where customers come back to from Stripe's pages.",
)
@click.option(
    "--cluster-id",
    default="",
    envvar="SEATWARDEN_CLUSTER_ID",
    show_envvar=True,
    help="What this cluster is called at Stripe, where several share an account.  [default: uid of the namespace kube-system]",
)
@click.option(
    "--stripe-endpoint",
    default="https://api.stripe.com",
    show_default=True,
    metavar="URL",
    help="Where Stripe is asked.",
)
@click.option(
    "--stripe-resync",
    type=click.FloatRange(min=1.0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How often everything at Stripe is looked at, should a webhook have been missed.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="KUBECONFIG",
    show_envvar=True,
    help="How to reach the cluster. Without it: the cluster that this pod runs in.",
)
@click.option("--context", help="The context of the kubeconfig to use.  [default: its current one]")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    help="Watch only this namespace; may be given more than once.  [default: all]",
)
@click.option(
    "--election/--no-election",
    default=True,
    show_default=True,
    help="Elect one active operator among several by a Lease.",
)
@click.option(
    "--election-namespace",
    default="seatwarden-system",
    show_default=True,
    help="Where the Lease of the election is.",
)
@click.option(
    "--election-lease",
    type=click.IntRange(3, 300),
    default=15,
    show_default=True,
    help="Seconds after which a leader that died is replaced.",
)
@click.option(
    "--identity",
    default=lambda: f"{socket.gethostname()}_{os.getpid()}",
    help="Who this process is in the election and in Events.  [default: host name and process id]",
)
@click.option(
    "--health-host",
    default="0.0.0.0",  # noqa: S104  a pod's probes come from outside
    show_default=True,
    help="Where probes and scrapes are answered.",
)
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=24, show_default=True, help="Reconciles at a time."
)
@click.option(
    "--status-interval",
    type=click.FloatRange(0.2, 3600),
    default=10.0,
    show_default=True,
    help="Seconds that live counts in status may be old.",
)
@click.option(
    "--resync",
    type=click.FloatRange(10, 86400),
    default=600.0,
    show_default=True,
    help="Seconds after which each resource is looked at though nothing happened to it.",
)
@click.option(
    "--deletion-patience",
    type=click.FloatRange(0, 86400),
    default=600.0,
    show_default=True,
    help="Seconds that the deletion of a pool waits for a Redis that does not answer.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    help="Log from this level on.",
)
@click.option(
    "--log-format",
    type=click.Choice([form.value for form in LogFormat]),
    default=LogFormat.JSON.value,
    show_default=True,
    help="json for machines, console for people.",
)
def operator(
    *,
    redis_url: str,
    durability: Durability,
    installation_keys: InstallationKeys | None,
    kms_endpoint: str | None,
    stripe_key_file: Path | None,
    stripe_return_url: str,
    stripe_endpoint: str,
    stripe_resync: float,
    cluster_id: str,
    kubeconfig: Path | None,
    context: str | None,
    namespaces: tuple[str, ...],
    election: bool,
    election_namespace: str,
    election_lease: int,
    identity: str,
    health_host: str,
    health_port: int,
    workers: int,
    status_interval: float,
    resync: float,
    deletion_patience: float,
    log_level: str,
    log_format: str,
) -> None:
    """Make Tenants, Subscriptions and SeatPools true in Redis and in the cluster.

    Run two replicas: one leads, the other takes over when it is gone. Client programs do not need the
    operator: seats are taken and kept while it is away. Answers /livez, /readyz and /metrics.
    """
    from seatwarden.backends.kubernetes_connection import NoCluster
    from seatwarden.runtime.operator_process import run_operator

    configure_logging(log_level, LogFormat(log_format))
    settings = OperatorSettings(
        redis_url=redis_url,
        durability=durability,
        installation_keys=installation_keys,
        kms_endpoint=kms_endpoint,
        stripe_key_file=stripe_key_file,
        stripe_return_url=stripe_return_url,
        stripe_endpoint=stripe_endpoint,
        stripe_resync=stripe_resync,
        cluster_id=cluster_id,
        kubeconfig=kubeconfig,
        context=context,
        namespaces=namespaces,
        identity=identity,
        election_namespace=election_namespace if election else None,
        election_lease=election_lease,
        health_host=health_host,
        health_port=health_port,
        workers=workers,
        status_interval=status_interval,
        resync=resync,
        deletion_patience=timedelta(seconds=deletion_patience),
    )
    try:
        code = asyncio.run(run_operator(settings))
    except (NoCluster, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {health_host}:{health_port}: {error.strerror or error}"
        ) from error
    raise SystemExit(code)
