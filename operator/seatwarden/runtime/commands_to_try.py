"""What a person can type once it is all up. `--check` types every one of these itself."""

import asyncio
import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from seatwarden.runtime.dev_stack import DevStack, LicenceKeyFiles

_RUN_SECONDS = 60.0
_MACHINE = "0123456789abcdef" * 4


@dataclass(frozen=True, slots=True)
class CommandToTry:
    """A line of shell, and a piece of what it prints when all is well."""

    line: str
    prints: str


class CommandWrong(Exception):
    """A command that is offered to people does not do what it is offered for."""


def first_commands(stack: DevStack) -> list[CommandToTry]:
    """For a cluster in which there is nothing yet but the definitions."""
    example = str(files("seatwarden_examples").joinpath("quickstart.yaml"))
    kubectl = stack.kubectl.shown
    return [
        CommandToTry(kubectl("apply", "-f", example), "seatpool.seatwarden.dev/dev"),
        CommandToTry(kubectl("-n", "quickstart", "get", "tenants,subscriptions,seatpools"), "acme-team"),
        CommandToTry(kubectl("explain", "seatpool.spec.lease"), "heartbeat"),
    ]


def more_commands(stack: DevStack, keys: LicenceKeyFiles, *, namespace: str, pool: str) -> list[CommandToTry]:
    """For a cluster in which ``pool`` has seats to take."""

    def kubectl(*words: str) -> str:
        return stack.kubectl.shown("-n", namespace, *words)

    licences = f"{stack.endpoint}/api/v1/licenses"
    key = f"-H @{shlex.quote(str(keys.header))}"
    body = f"""-H 'Content-Type: application/json' -d '{{"hardware_id": "{_MACHINE}"}}'"""
    return [
        CommandToTry(kubectl("get", "tenants,subscriptions,seatpools"), f"seatpool.seatwarden.dev/{pool}"),
        CommandToTry(kubectl("describe", "seatpool", pool), "Licence Key Secret"),
        CommandToTry(stack.kubectl.shown("explain", "seatpool.spec.lease"), "heartbeat"),
        CommandToTry(f"curl -sS {key} {body} {licences}/acquire", '"code":"granted"'),
        CommandToTry(f"curl -sS {key} {licences}/sessions", _MACHINE),
        CommandToTry(f"curl -sS {key} {licences}/pool", '"code":"ok"'),
        CommandToTry(kubectl("scale", f"seatpool/{pool}", "--replicas=3"), "scaled"),
    ]


async def try_commands(stack: DevStack, commands: Sequence[CommandToTry]) -> list[CommandToTry]:
    """Run the commands as they are printed, and return those that ran; curl's are left out where there is none.

    Raises:
        CommandWrong: one failed, or did not print what it should.
    """
    has_curl = shutil.which("curl") is not None
    runnable = [each for each in commands if has_curl or not each.line.startswith("curl ")]
    for command in runnable:
        await _try(f"{stack.kubectl.exports()}; {command.line}", command, stack.folder)
    return runnable


async def _try(script: str, command: CommandToTry, folder: Path) -> None:
    cache = {"KUBECACHEDIR": str(folder / "kubectl-cache")}
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", script),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | cache,
    )
    try:
        async with asyncio.timeout(_RUN_SECONDS):
            printed = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        raise CommandWrong(f"{command.line}: not over after {_RUN_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or command.prints not in printed:
        raise CommandWrong(
            f"{command.line}: status {process.returncode}, and not {command.prints!r} in what it printed:\n{printed}"
        )
