"""`seatwarden hold`: any program, running only while a seat is held."""

import os
import shutil
import signal
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import click

from seatwarden.client import Client, LicenceRefused, Loss, RequestRefused, SeatRefused, SetupError
from seatwarden.domain.seats import MOST_SEATS_OF_A_LEASE
from seatwarden.resources.durations import parse_duration
from seatwarden.runtime.held_program import run_program, signals_waited_for, start_program, tell_loss

NO_SEAT_NOW = 75
SEAT_LOST = 76
NOT_ALLOWED = 77
BAD_SETUP = 78
CANNOT_RUN = 126
NOT_FOUND = 127
INTERRUPTED = 128 + signal.SIGINT

EXAMPLES = f"""
\b
Examples:
  seatwarden hold -- python render.py
  seatwarden hold --wait 10m --project film -- blender -b scene.blend
  seatwarden hold --url https://seats.example --license-key-file /run/secrets/licence-key -- simulate
  seatwarden hold --token-file /run/secrets/seatwarden/token --pool team-a/dev -- simulate

\b
Exit status:
  that of COMMAND, or 128 and the number of the signal that ended it
  {NO_SEAT_NOW}   no seat now: none is free, or the endpoint cannot be reached
  {SEAT_LOST}   the seat was lost, and COMMAND was ended
  {NOT_ALLOWED}   the licence does not allow it: wrong key, suspended, expired
  {BAD_SETUP}   URL, key or holder missing or malformed
  {CANNOT_RUN}  COMMAND cannot be run
  {NOT_FOUND}  there is no COMMAND

There is no option for the licence key or the token itself: the arguments of a process can be read by everybody on its machine.
"""


class Length(click.ParamType[timedelta]):
    """A duration such as 30s or 1h30m."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The length that ``value`` spells."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


@click.command(
    epilog=EXAMPLES,
    short_help="Run a program only while a seat is held.",
    context_settings={"auto_envvar_prefix": "SEATWARDEN", "allow_interspersed_args": False},
)
@click.option("--url", envvar="SEATWARDEN_URL", show_envvar=True, help="The seat endpoint.")
@click.option(
    "--license-key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="SEATWARDEN_LICENSE_KEY_FILE",
    show_envvar=True,
    help="The file with the licence key, read again for each request. Or give the key itself in `SEATWARDEN_LICENSE_KEY`.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="SEATWARDEN_TOKEN_FILE",
    show_envvar=True,
    help="The file with a token that is shown instead of a licence key, read again for each request.",
)
@click.option(
    "--pool",
    envvar="SEATWARDEN_POOL",
    show_envvar=True,
    metavar="NAMESPACE/NAME",
    help="The pool that is meant with a token. A licence key names its pool itself.",
)
@click.option(
    "--container",
    envvar="SEATWARDEN_CONTAINER",
    show_envvar=True,
    help="With the token of a Pod, the container that holds the seat, where several of them hold one each.",
)
@click.option(
    "--holder",
    envvar="SEATWARDEN_HOLDER",
    show_envvar=True,
    help="Who holds the seat, as 64 hex characters. Without it: this machine, this user and --project; or what a token says.",
)
@click.option(
    "--project",
    default="",
    envvar="SEATWARDEN_PROJECT",
    show_envvar=True,
    help="Part of the holder: one project of one user on one machine is one seat.",
)
@click.option(
    "--wait",
    type=Length(),
    default="0s",
    show_default=True,
    envvar="SEATWARDEN_WAIT",
    show_envvar=True,
    help="How long to wait for a seat, such as 30s or 10m.",
)
@click.option(
    "--quantity",
    type=click.IntRange(1, MOST_SEATS_OF_A_LEASE),
    default=1,
    show_default=True,
    envvar="SEATWARDEN_QUANTITY",
    show_envvar=True,
    help="How many seats to take: all of them, or none.",
)
@click.option(
    "--group",
    default="",
    envvar="SEATWARDEN_GROUP",
    show_envvar=True,
    help="The group of the pool that the program is in, where the pool has groups.",
)
@click.option(
    "--on-loss",
    type=click.Choice(["terminate", "continue"]),
    default="terminate",
    show_default=True,
    envvar="SEATWARDEN_ON_LOSS",
    show_envvar=True,
    help="What becomes of the program when its seat is lost.",
)
@click.option(
    "--kill-after",
    type=Length(),
    default="30s",
    show_default=True,
    envvar="SEATWARDEN_KILL_AFTER",
    show_envvar=True,
    help="After the SIGTERM for a lost seat, how long until SIGKILL.",
)
@click.option(
    "--strict/--no-strict",
    default=False,
    show_default=True,
    envvar="SEATWARDEN_STRICT",
    show_envvar=True,
    help="Take the seat for lost when the lease ends, also where the endpoint is only unreachable.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def hold(
    *,
    url: str | None,
    license_key_file: Path | None,
    token_file: Path | None,
    pool: str | None,
    container: str | None,
    holder: str | None,
    project: str,
    wait: timedelta,
    quantity: int,
    group: str,
    on_loss: str,
    kill_after: timedelta,
    strict: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND only while a seat is held.

    A seat is taken first; without one COMMAND does not start. While it runs, heartbeats keep the seat, and signals are passed
    on. When it ends the seat is given back. Where the seat is lost meanwhile, COMMAND gets SIGTERM, and SIGKILL if it
    does not end.
    """
    program = command[0]
    if shutil.which(program) is None:
        there = os.sep in program and Path(program).exists()
        _end(CANNOT_RUN if there else NOT_FOUND, f"{program} {'cannot be run' if there else 'is not there'}.")
    try:
        with (
            Client(url, license_key_file=license_key_file, token_file=token_file, pool=pool) as client,
            client.hold(
                holder=holder,
                container=container,
                project=project,
                wait=wait.total_seconds(),
                quantity=quantity,
                group=group,
                metadata={"hostname": socket.gethostname(), "program": Path(program).name[:200]},
                strict=strict,
                on_loss=tell_loss,
            ) as seat,
            signals_waited_for() as mask,
        ):
            process = start_program(command, mask)
            status, lost = run_program(
                process,
                seat,
                lost=lambda: _tell(seat.loss),
                ends_with_seat=on_loss == "terminate",
                grace_seconds=kill_after.total_seconds(),
            )
    except SetupError as error:
        _end(BAD_SETUP, str(error))
    except SeatRefused as error:
        _end(_status_of(error), f"No seat ({error.code}): {error.message}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        _end(CANNOT_RUN, f"{program} cannot be run: {error.strerror}.")
    sys.exit(SEAT_LOST if lost else status)


def _status_of(error: SeatRefused) -> int:
    match error:
        case LicenceRefused():
            return NOT_ALLOWED
        case RequestRefused():
            return BAD_SETUP
        case _:
            return NO_SEAT_NOW


def _tell(loss: Loss | None) -> None:
    assert loss is not None, "told of a loss"
    click.echo(f"seatwarden: The seat was lost ({loss.code}): {loss.message}", err=True)


def _end(status: int, sentence: str) -> NoReturn:
    click.echo(f"seatwarden: {sentence}", err=True)
    sys.exit(status)
