"""`seatwarden dev`: everything on this machine, and a tour of what it does."""

import asyncio
import shlex
import shutil
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from seatwarden.local.toolchain import Tools
    from seatwarden.runtime.dev_stack import DevStack
    from seatwarden.runtime.kubectl import Kubectl

EXAMPLES = """
\b
Examples:
  seatwarden dev                          control plane, Valkey, operator, endpoint, tour; stays up
  seatwarden dev --check                  the tour alone, each step checked; exit status 0 or 1
  seatwarden dev --no-tour --state ~/sw   keeps cluster and seats in ~/sw from run to run
  seatwarden dev --kubeconfig ~/.kube/config --context kind-dev    in a cluster of your own
"""
_LOOK_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What was asked for on the command line."""

    check: bool
    tour: bool
    state: Path | None
    kubeconfig: Path | None
    context: str | None
    endpoint_port: int | None


@click.command("dev", epilog=EXAMPLES, context_settings={"auto_envvar_prefix": "SEATWARDEN_DEV"})
@click.option("--check", is_flag=True, help="Run the tour, check each step, end with status 0 or 1.")
@click.option("--tour/--no-tour", default=True, show_default=True, help="Show what it does, once it is up.")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the cluster and the seats in this folder.  [default: nothing is kept]",
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="KUBECONFIG",
    show_envvar=True,
    help="Use this cluster instead of one of our own; no control plane is built.",
)
@click.option("--context", help="The context to use; naming it says that it may be written to.")
@click.option(
    "--endpoint-port", type=click.IntRange(1, 65535), help="Port of the endpoint.  [default: a free one]"
)
def dev(
    *,
    check: bool,
    tour: bool,
    state: Path | None,
    kubeconfig: Path | None,
    context: str | None,
    endpoint_port: int | None,
) -> None:
    """Run all of Seatwarden on this machine and show what it does.

    Builds the control plane's programs once (about six minutes, then cached), starts it with an embedded
    Valkey, the operator and the endpoint, and applies the quickstart: one customer with a plan of five seats.
    Ctrl-C stops it all and leaves nothing running.
    """
    from rich.console import Console

    from seatwarden.local.go_toolchain import ToolBuildError
    from seatwarden.local.processes import LocalServerError
    from seatwarden.runtime.kubectl import KubectlFailed
    from seatwarden.runtime.logging import LogFormat, configure_logging
    from seatwarden.runtime.tour import TourFailed

    configure_logging("warning", LogFormat.CONSOLE)
    console = Console(soft_wrap=True)
    options = DevOptions(
        check=check,
        tour=tour,
        state=state,
        kubeconfig=kubeconfig,
        context=context,
        endpoint_port=endpoint_port,
    )
    try:
        cluster = _given_cluster(options)
        tools = None if cluster is not None else _tools()
        asyncio.run(_run(options, cluster, tools, console))
    except (KubectlFailed, LocalServerError, ToolBuildError, TourFailed) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _given_cluster(options: DevOptions) -> "Kubectl | None":
    """The user's cluster, once it is certain that it may be written to."""
    from seatwarden.backends.kubernetes_connection import current_context
    from seatwarden.runtime.kubectl import Kubectl

    if options.kubeconfig is None:
        return None
    if not options.kubeconfig.exists():
        raise click.UsageError(
            f"there is no kubeconfig {options.kubeconfig}; unset KUBECONFIG to use a cluster of our own"
        )
    program = shutil.which("kubectl")
    if program is None:
        raise click.UsageError("kubectl is not on the PATH; it is needed to use a cluster of yours")
    context = options.context or current_context(options.kubeconfig)
    click.echo(
        f"This writes to the cluster of context {context!r} in {options.kubeconfig}:\n"
        "  - the CustomResourceDefinitions tenants, subscriptions and seatpools of seatwarden.dev\n"
        "  - the namespace seatwarden-system with a ServiceAccount, a Role, and a ClusterRole with their bindings\n"
        "  - the namespace quickstart with one Tenant, one Subscription and one SeatPool\n"
        "Nothing of it is removed at the end. Valkey, the operator and the endpoint run on this machine."
    )
    if options.context is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                f"nobody is there to ask; say that it may be written to with --context {shlex.quote(context)}"
            )
        click.confirm("Go on?", abort=True)
    return Kubectl(Path(program), options.kubeconfig, context or None)


def _tools() -> "Tools":
    from rich.console import Console

    from seatwarden.local.build_progress import LiveLines, progress_for
    from seatwarden.local.tool_builds import ensure_tools

    progress = progress_for(Console(stderr=True))
    try:
        return ensure_tools(progress)
    finally:
        if isinstance(progress, LiveLines):
            progress.close()


async def _run(
    options: DevOptions, cluster: "Kubectl | None", tools: "Tools | None", console: "Console"
) -> None:
    from seatwarden.runtime.dev_stack import DevSettings, dev_stack
    from seatwarden.runtime.signals import stop_on_signals
    from seatwarden.runtime.tour import Tour

    stop = asyncio.Event()
    async with AsyncExitStack() as exits:
        exits.enter_context(stop_on_signals(stop))
        folder = options.state or Path(
            exits.enter_context(tempfile.TemporaryDirectory(prefix="seatwarden-dev-"))
        )
        settings = DevSettings(
            folder=folder.resolve(), state=options.state, cluster=cluster, endpoint_port=options.endpoint_port
        )
        starting = "Starting the control plane, Valkey, the operator and the endpoint …"
        console.print(starting, highlight=False)
        stack = await exits.enter_async_context(dev_stack(settings, tools))
        if options.tour or options.check:
            tour = Tour(stack, console)
            if not await _until_stopped(tour.walk(), stop):
                console.print("Stopped.")
                return
            console.print(
                f"\n[bold green]The tour is over: {tour.checked} checks, all as they should be.",
                highlight=False,
            )
        if options.check:
            return
        _show_what_to_try(stack, console)
        while not stop.is_set():
            stack.check_alive()
            await asyncio.sleep(_LOOK_SECONDS)
        console.print("\nStopping …")


async def _until_stopped(walk: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Run the tour. False where the user stopped it."""
    walking = asyncio.ensure_future(walk)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([walking, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if walking.done():
        await walking
        return True
    walking.cancel()
    await asyncio.gather(walking, stopping, return_exceptions=True)
    return False


def _show_what_to_try(stack: "DevStack", console: "Console") -> None:
    from seatwarden.runtime.tour import NAMESPACE, POOL

    kubectl = stack.kubectl
    key_file = stack.folder / f"{POOL}.key"
    lines = [
        "",
        "Everything stays up until Ctrl-C. In another terminal:",
        "",
        f"  {kubectl.environment()}",
        f"  {kubectl.shown('get', 'tenants,subscriptions,seatpools', '-n', NAMESPACE)}",
        f"  {kubectl.shown('describe', 'seatpool', POOL, '-n', NAMESPACE)}",
        f"  {kubectl.shown('explain', 'seatpool.spec.lease')}",
    ]
    if key_file.exists():
        header = f'-H "Authorization: Bearer $(cat {shlex.quote(str(key_file))})"'
        hardware_id = "0123456789abcdef" * 4
        body = f"-H 'Content-Type: application/json' -d '{{\"hardware_id\": \"{hardware_id}\"}}'"
        lines += [
            f"  curl {header} {body} {stack.endpoint}/api/v1/licenses/acquire",
            f"  curl {header} {stack.endpoint}/api/v1/licenses/pool",
        ]
    lines += [
        "",
        f"  The endpoint's documentation: {stack.endpoint}/docs",
        f"  Logs: {stack.operator.log} and {stack.serve.log}",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False)
