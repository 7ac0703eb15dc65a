"""`seatwarden hold`: any program, running only while a seat is held."""

import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from seatwarden.client import (
    BorrowedSeat,
    Client,
    Loss,
    PoolWish,
    Seat,
    SeatLost,
    SeatRefused,
    Seats,
    SetupError,
)
from seatwarden.runtime.held_program import run_program, signals_waited_for, start_program, tell_loss
from seatwarden.runtime.seat_options import Length, seat_options
from seatwarden.runtime.seat_statuses import (
    BAD_SETUP,
    NO_SEAT_NOW,
    NOT_ALLOWED,
    SEAT_LOST,
    end,
    say,
    status_of,
)

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
  seatwarden hold --license-key-file simulate-key --also export-key -- simulate
  seatwarden hold --borrowed film.json -- blender -b scene.blend

\b
Exit status:
  that of COMMAND, or 128 and the number of the signal that ended it
  {NO_SEAT_NOW}   no seat now: none is free, the endpoint cannot be reached, or the time of the borrowed seat is over
  {SEAT_LOST}   the seat was lost, and COMMAND was ended
  {NOT_ALLOWED}   the licence does not allow it: wrong key, suspended, expired
  {BAD_SETUP}   URL, key, holder or file of the borrowed seat missing or malformed
  {CANNOT_RUN}  COMMAND cannot be run
  {NOT_FOUND}  there is no COMMAND

There is no option for the licence key or the token itself: the arguments of a process can be read by everybody on its machine.
"""


@click.command(
    epilog=EXAMPLES,
    short_help="Run a program only while a seat is held.",
    context_settings={"auto_envvar_prefix": "SEATWARDEN", "allow_interspersed_args": False},
)
@seat_options
@click.option(
    "--also",
    multiple=True,
    envvar="SEATWARDEN_ALSO",
    show_envvar=True,
    metavar="KEY_FILE|POOL",
    help="Another pool of which a seat is needed too, by the file of its licence key, or with a token by its name. Can be given"
    " several times. Seats of all pools are taken, or of none; --quantity and --group count for each of them.",
)
@click.option(
    "--borrowed",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="SEATWARDEN_BORROWED",
    show_envvar=True,
    metavar="FILE",
    help="Run on the seat that `seatwarden borrow` saved in FILE. No network is needed, and the options above count for nothing.",
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
    also: tuple[str, ...],
    borrowed: Path | None,
    on_loss: str,
    kill_after: timedelta,
    strict: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND only while a seat is held.

    A seat is taken first; without one COMMAND does not start. While it runs, heartbeats keep the seat, and signals are passed
    on. When it ends the seat is given back. Where the seat is lost meanwhile, COMMAND gets SIGTERM, and SIGKILL if it
    does not end. With --borrowed it is lost when the time for which it was borrowed is over, and is not given back.
    """
    program = command[0]
    if shutil.which(program) is None:
        there = os.sep in program and Path(program).exists()
        end(CANNOT_RUN if there else NOT_FOUND, f"{program} {'cannot be run' if there else 'is not there'}.")
    try:
        with contextlib.ExitStack() as held:
            if borrowed is not None:
                seat: Seat | Seats | BorrowedSeat = held.enter_context(_away(borrowed))
            else:
                client = held.enter_context(
                    Client(url, license_key_file=license_key_file, token_file=token_file, pool=pool)
                )
                wishes = _wishes(client, also, quantity=quantity, group=group)
                seat = held.enter_context(
                    _floating(
                        client,
                        wishes,
                        holder=holder,
                        container=container,
                        project=project,
                        wait=wait.total_seconds(),
                        metadata={"hostname": socket.gethostname(), "program": Path(program).name[:200]},
                        strict=strict,
                        on_loss=tell_loss,
                    )
                )
            mask = held.enter_context(signals_waited_for())
            process = start_program(command, mask)
            status, lost = run_program(
                process,
                seat.lost,
                lost=lambda: _tell(seat.loss),
                ends_with_seat=on_loss == "terminate",
                grace_seconds=kill_after.total_seconds(),
            )
    except SetupError as error:
        end(BAD_SETUP, str(error))
    except SeatLost as error:
        end(NO_SEAT_NOW, error.message)
    except SeatRefused as error:
        end(status_of(error), f"No seat ({error.code}): {error.message}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        end(CANNOT_RUN, f"{program} cannot be run: {error.strerror}.")
    sys.exit(SEAT_LOST if lost else status)


def _wishes(client: Client, also: Sequence[str], *, quantity: int, group: str) -> list[PoolWish]:
    """The pool of ``client``, and those that are named beside it."""
    own = PoolWish(quantity=quantity, group=group)
    if client.address.shows_token:
        return [own, *(replace(own, pool=name) for name in also)]
    return [own, *(replace(own, license_key_file=file) for file in also)]


def _floating(
    client: Client, wishes: Sequence[PoolWish], **asked: Any
) -> contextlib.AbstractContextManager[Seat | Seats]:
    """A seat as ``asked`` for; only one pool by itself has a queue."""
    if len(wishes) > 1:
        return client.hold_all(*wishes, **asked)
    return client.hold(quantity=wishes[0].quantity, group=wishes[0].group, **asked)


@contextlib.contextmanager
def _away(file: Path) -> Iterator[BorrowedSeat]:
    with Client.away(file, on_loss=tell_loss) as seat:
        hours, minutes = divmod(int(seat.valid_for) // 60, 60)
        say(
            f"The seat is borrowed until {seat.borrowed.until:%Y-%m-%d %H:%M} UTC, for {hours} h {minutes} min from now."
        )
        yield seat


def _tell(loss: Loss | None) -> None:
    assert loss is not None, "told of a loss"
    say(f"The seat was lost ({loss.code}): {loss.message}")
