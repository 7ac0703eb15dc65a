"""`seatwarden dev`: everything on this machine, and a tour of what it does."""

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seatwarden.local.toolchain import Tools
    from seatwarden.runtime.dev_run import Purpose
    from seatwarden.runtime.given_cluster import GivenCluster

EXAMPLES = """
\b
Examples:
  seatwarden dev                          a cluster of its own, the tour; stays up
  seatwarden dev --check                  the tour with every step checked; exit status 0 or 1
  seatwarden dev --no-tour --state ~/sw   keeps cluster and seats in ~/sw from run to run
  seatwarden dev --context kind-dev       in a cluster of yours, named so that nobody is asked
  seatwarden dev --context kind-dev --cleanup
  seatwarden dev --no-tour --kms-endpoint cloudkms.europe-west3.rep.googleapis.com
  KUBECONFIG= seatwarden dev              a cluster of its own although KUBECONFIG is set
"""


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
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use a cluster of yours instead of starting one; so does the variable KUBECONFIG.",
)
@click.option(
    "--context",
    help="Use the cluster of yours that has this name in the kubeconfig; naming it says that it may be written to.",
)
@click.option(
    "--cleanup", is_flag=True, help="Take away what earlier runs have made in a cluster of yours, and end."
)
@click.option(
    "--endpoint-port",
    type=click.IntRange(0, 65535),
    help="Port of the endpoint, 0 for any free one.  [default: 8080 if it is free]",
)
@click.option(
    "--kms-endpoint",
    help="Where the operator asks Google Cloud KMS; http:// is for a stand-in on this machine. As in seatwarden operator.",
)
def dev(
    *,
    check: bool,
    tour: bool,
    state: Path | None,
    kubeconfig: Path | None,
    context: str | None,
    cleanup: bool,
    endpoint_port: int | None,
    kms_endpoint: str | None,
) -> None:
    """Run all of Seatwarden on this machine and show what it does.

    Builds the control plane's programs once (about six minutes, then cached), starts it with an embedded
    Valkey, the operator and the endpoint, and takes you on a tour: one customer with a plan of five seats,
    and programs that want them. Then it stays up, and prints commands to try. Ctrl-C stops it all and leaves
    nothing running.

    With KUBECONFIG, --kubeconfig or --context it uses a cluster of yours. It says what it will create there,
    and asks first unless --context names the cluster.
    """
    from rich.console import Console

    from seatwarden.local.go_toolchain import ToolBuildError
    from seatwarden.local.processes import LocalServerError
    from seatwarden.runtime.dev_run import DevOptions, RunFailed, run_dev
    from seatwarden.runtime.kubectl import KubectlFailed
    from seatwarden.runtime.logging import LogFormat, configure_logging

    configure_logging("warning", LogFormat.CONSOLE)
    purpose = _purpose(check=check, tour=tour, cleanup=cleanup)
    try:
        given = _given_cluster(purpose, kubeconfig, context)
        tools = _tools() if given is None else None
        options = DevOptions(
            purpose=purpose,
            state=state,
            endpoint_port=endpoint_port,
            kms_endpoint=kms_endpoint,
            given=given,
            kubeconfig_option=kubeconfig,
        )
        status = asyncio.run(run_dev(options, tools, Console(soft_wrap=True)))
    except (KubectlFailed, LocalServerError, RunFailed, ToolBuildError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(status)


def _purpose(*, check: bool, tour: bool, cleanup: bool) -> "Purpose":
    from seatwarden.runtime.dev_run import Purpose

    if check + cleanup + (not tour) > 1:
        raise click.UsageError("--check, --no-tour and --cleanup exclude each other")
    if check:
        return Purpose.CHECK
    if cleanup:
        return Purpose.CLEAN_UP
    return Purpose.TOUR if tour else Purpose.SERVE


def _given_cluster(purpose: "Purpose", option: Path | None, context: str | None) -> "GivenCluster | None":
    """The user's cluster, once it is certain that it may be written to; None where none was named."""
    from seatwarden.runtime.dev_run import Purpose
    from seatwarden.runtime.given_cluster import (
        ClusterTaken,
        NoSuchContext,
        find_cluster,
        make_sure_nobody_operates,
    )

    kubeconfig = str(option) if option is not None else os.environ.get("KUBECONFIG", "")
    if not kubeconfig and context is None:
        if purpose is Purpose.CLEAN_UP:
            raise click.UsageError("--cleanup is for a cluster of yours: name it with --context")
        return None
    try:
        where = kubeconfig or str(Path("~/.kube/config").expanduser())
        given = asyncio.run(find_cluster(_kubectl_program(), where, context))
        asyncio.run(make_sure_nobody_operates(given.kubectl))
    except NoSuchContext as error:
        raise click.UsageError(str(error)) from error
    except ClusterTaken as error:
        raise click.ClickException(str(error)) from error
    _obtain_consent(purpose, given, named=context is not None)
    return given


def _obtain_consent(purpose: "Purpose", given: "GivenCluster", *, named: bool) -> None:
    """Say what will happen, and ask where the user has not named the cluster."""
    from seatwarden.runtime.dev_run import Purpose
    from seatwarden.runtime.given_cluster import announcement

    if purpose is Purpose.CLEAN_UP:
        click.echo(
            f"From the cluster of context {given.context!r} ({given.server}) this removes all that earlier runs of"
            " `seatwarden dev` have made there."
        )
    else:
        click.echo(asyncio.run(announcement(given, example=purpose is not Purpose.SERVE)))
    if named:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            "nobody is there to ask, so nothing was written. Say that this cluster may be written to with"
            f" --context {shlex.quote(given.context)}, or unset KUBECONFIG to have a cluster started for you"
        )
    click.confirm("Go on?", abort=True)


def _kubectl_program() -> Path:
    """The kubectl of the PATH, or the one that was built with the tools."""
    from seatwarden.local.tool_builds import find_tools

    on_path = shutil.which("kubectl")
    if on_path is not None:
        return Path(on_path)
    tools = find_tools()
    if tools is None:
        raise click.UsageError(
            "kubectl is needed to use a cluster of yours, and is not on the PATH; `seatwarden tools` builds one"
        )
    return tools.kubectl


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
