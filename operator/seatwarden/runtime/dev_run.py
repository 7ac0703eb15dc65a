"""One run of `seatwarden dev`, from the servers' start to their end."""

import asyncio
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rich.console import Console

from seatwarden.local.processes import LocalServerError
from seatwarden.local.toolchain import Tools
from seatwarden.runtime.commands_to_try import (
    CommandToTry,
    CommandWrong,
    first_commands,
    more_commands,
    try_commands,
)
from seatwarden.runtime.dev_stack import DevSettings, DevStack, dev_stack
from seatwarden.runtime.given_cluster import GivenCluster
from seatwarden.runtime.installation import remove_resources, remove_system
from seatwarden.runtime.interruption import cancelled_by_signals
from seatwarden.runtime.kubectl import KubectlFailed
from seatwarden.runtime.step_progress import StepProgress
from seatwarden.runtime.tour import NAMESPACE, POOL, Tour, TourFailed

_LOOK_SECONDS = 0.3
_INTERRUPTED = 130


class Purpose(Enum):
    """What a run is for."""

    TOUR = "the tour, then stay up"
    SERVE = "stay up"
    CHECK = "the tour, then end"
    CLEAN_UP = "take away what earlier runs left in a cluster, then end"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What was asked for on the command line. ``state`` None is a folder that goes with the run. ``kms_endpoint`` None is
    Google's."""

    purpose: Purpose
    state: Path | None
    endpoint_port: int | None
    kms_endpoint: str | None
    given: GivenCluster | None
    kubeconfig_option: Path | None = None
    """The kubeconfig where it was named by option, for commands that are to be repeated."""


class RunFailed(Exception):
    """The run cannot go on; the text says why, and where logs are."""


async def run_dev(options: DevOptions, tools: Tools | None, console: Console) -> int:
    """Run until it is done, or until Ctrl-C or SIGTERM. Returns the exit status of the process.

    Raises:
        RunFailed: a server did not start or ended, or the cluster refused something, or the tour failed.
    """
    temporary = Path(tempfile.mkdtemp(prefix="seatwarden-dev-")) if options.state is None else None
    folder = temporary or (options.state or Path()).resolve()
    keep_logs = False

    def told() -> None:
        console.print("\nStopping; Ctrl-C again ends it at once …", highlight=False, soft_wrap=True)

    try:
        with cancelled_by_signals(sweep=(temporary,) if temporary else (), told=told):
            await _run(options, folder, tools, console)
    except asyncio.CancelledError:
        return _INTERRUPTED if options.purpose in {Purpose.CHECK, Purpose.CLEAN_UP} else 0
    except (LocalServerError, KubectlFailed, TourFailed, CommandWrong) as error:
        keep_logs = True
        where = f"{folder / 'logs'} and {folder / 'cluster' / 'logs'}"
        raise RunFailed(
            f"{error}\nThe logs are in {where if options.given is None else folder / 'logs'}."
        ) from error
    finally:
        if temporary is not None:
            _remove(temporary, keep_logs=keep_logs)
    return 0


async def _run(options: DevOptions, folder: Path, tools: Tools | None, console: Console) -> None:
    settings = DevSettings(
        folder=folder,
        keep=options.state is not None,
        given=options.given,
        endpoint_port=options.endpoint_port,
        kms_endpoint=options.kms_endpoint,
    )
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(dev_stack(settings, tools, StepProgress(console)))
        match options.purpose:
            case Purpose.CLEAN_UP:
                await _clean_up(stack, exits, console)
                return
            case Purpose.CHECK:
                await _check(stack, console)
            case Purpose.TOUR | Purpose.SERVE:
                if options.given is not None:
                    exits.callback(_tell_what_stays, options, console)
                await _stay_up(stack, await _commands(options.purpose, stack, console), console)
    if options.purpose is Purpose.CHECK and options.given is not None:
        _tell_what_stays(options, console)


async def _check(stack: DevStack, console: Console) -> None:
    tour = Tour(stack, console)
    await tour.walk()
    console.print("\n[bold cyan]The commands that a person is told to try", highlight=False)
    commands = [*first_commands(stack), *more_commands(stack, tour.keys, namespace=NAMESPACE, pool=POOL)]
    for command in await try_commands(stack, commands):
        console.print("[green]✓[/]", end=" ")
        console.print(command.line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"\n[bold green]All is as it should be ({tour.checked} checks).", highlight=False)


async def _commands(purpose: Purpose, stack: DevStack, console: Console) -> Sequence[CommandToTry]:
    if purpose is Purpose.SERVE:
        return first_commands(stack)
    tour = Tour(stack, console)
    await tour.walk()
    console.print("\n[bold green]That was the tour. All of it was real.", highlight=False)
    return more_commands(stack, tour.keys, namespace=NAMESPACE, pool=POOL)


async def _stay_up(stack: DevStack, commands: Sequence[CommandToTry], console: Console) -> None:
    lines = [
        "",
        "Everything stays up until Ctrl-C. In another terminal:",
        "",
        *(f"  {line}" for line in [stack.kubectl.exports(), *(each.line for each in commands)]),
        "",
        f"  {stack.endpoint}/docs           the endpoint's documentation",
        f"  {stack.endpoint}/openapi.json   the same for programs",
        f"  {stack.endpoint}/metrics",
        f"  {stack.logs}   logs",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.file.flush()
    while True:
        stack.check_alive()
        await asyncio.sleep(_LOOK_SECONDS)


async def _clean_up(stack: DevStack, exits: AsyncExitStack, console: Console) -> None:
    progress = StepProgress(console)
    with progress.step("removing the example"):
        await remove_resources(stack.kubectl)
    # The operator's namespace holds its Lease: it has to be gone before that is.
    await exits.aclose()
    with progress.step("removing the system"):
        all_gone = await remove_system(stack.kubectl)
    if not all_gone:
        console.print(
            "The definitions stay, as there are still Seatwarden resources in the cluster:\n"
            "  kubectl get tenants,subscriptions,seatpools --all-namespaces",
            highlight=False,
            soft_wrap=True,
        )


def _tell_what_stays(options: DevOptions, console: Console) -> None:
    given = options.given
    assert given is not None, "asked for a cluster of the user's only"
    kubeconfig = () if options.kubeconfig_option is None else ("--kubeconfig", str(options.kubeconfig_option))
    again = shlex.join(["seatwarden", "dev", "--cleanup", *kubeconfig, "--context", given.context])
    text = (
        f"Left in the cluster of context {given.context!r}: the definitions, the namespace seatwarden-system, the\n"
        f"operator's rights and, where it was applied, the namespace quickstart. To remove all that was made:\n  {again}"
    )
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _remove(folder: Path, *, keep_logs: bool) -> None:
    """Remove ``folder``, or with ``keep_logs`` all but the logs that an error has named."""
    if not keep_logs:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.suffix != ".log":
            path.unlink(missing_ok=True)
