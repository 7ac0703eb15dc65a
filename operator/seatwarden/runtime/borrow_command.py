"""`seatwarden borrow` and `seatwarden return`: a seat for the time without a network, as a file."""

import socket
import time
from datetime import timedelta
from pathlib import Path

import click

from seatwarden.client import Borrowed, BorrowRefused, Client, SeatLost, SeatRefused, SetupError
from seatwarden.runtime.seat_options import Length, endpoint_options, seat_options
from seatwarden.runtime.seat_statuses import BAD_SETUP, NO_SEAT_NOW, NOT_ALLOWED, SEAT_LOST, end, status_of

_STATUSES = f"""
\b
Exit status:
  0    done
  {NO_SEAT_NOW}   not now: no seat is free, or the endpoint cannot be reached
  {SEAT_LOST}   another run of the same holder took the seat meanwhile
  {NOT_ALLOWED}   the licence does not allow it: wrong key, suspended, expired, or it lends no such seat
  {BAD_SETUP}   URL, key, holder or FILE missing or malformed
"""
BORROW_EXAMPLES = f"""
\b
Examples:
  seatwarden borrow --for 48h --save film.json
  seatwarden hold --borrowed film.json -- blender -b scene.blend
  seatwarden return film.json
{_STATUSES}
"""
RETURN_EXAMPLES = f"""
\b
Examples:
  seatwarden return film.json
  seatwarden return --url https://seats.example --license-key-file /run/secrets/licence-key film.json
{_STATUSES}
"""
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog=BORROW_EXAMPLES,
    short_help="Take a seat away for a time without a network.",
    context_settings={"auto_envvar_prefix": "SEATWARDEN"},
)
@seat_options
@click.option(
    "--for",
    "length",
    type=Length(),
    envvar="SEATWARDEN_BORROW_FOR",
    show_envvar=True,
    help="How long, such as 48h. Without it for as long as the pool allows.",
)
@click.option(
    "--save",
    type=_FILE,
    required=True,
    envvar="SEATWARDEN_BORROWED",
    show_envvar=True,
    metavar="FILE",
    help="The file to save the seat in. Only you can read it; keep it secret.",
)
def borrow(
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
    length: timedelta | None,
    save: Path,
) -> None:
    """Take a seat, and take it away.

    Until its time is over nobody else gets the seat, and `seatwarden hold --borrowed FILE` runs programs on it without a network.
    `seatwarden return FILE` brings it back early. A program of the same holder that runs with a seat now loses it.
    """
    _check_free(save)
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
                metadata={"hostname": socket.gethostname(), "program": "seatwarden borrow"},
            ) as seat,
        ):
            borrowed = seat.borrow(length, save=save)
    except SetupError as error:
        end(BAD_SETUP, str(error))
    except BorrowRefused as error:
        end(status_of(error), f"Not borrowed ({error.code}): {error.message}")
    except SeatRefused as error:
        end(status_of(error), f"No seat ({error.code}): {error.message}")
    except SeatLost as error:
        end(SEAT_LOST, f"The seat was lost ({error.code}): {error.message}")
    except OSError as error:
        end(BAD_SETUP, f"{save} cannot be written: {error.strerror}. No seat was borrowed.")
    seats = "The seat is" if borrowed.quantity == 1 else f"{borrowed.quantity} seats are"
    click.echo(f"{seats} borrowed until {borrowed.until:%Y-%m-%d %H:%M} UTC, and saved in {save}.")
    click.echo(f"Run a program:   seatwarden hold --borrowed {save} -- COMMAND")
    click.echo(f"Return it early: seatwarden return {save}")


def _check_free(file: Path) -> None:
    """End where ``file`` has something in it that would be missed."""
    if not file.exists():
        return
    try:
        there = Borrowed.read(file)
    except SetupError:
        end(BAD_SETUP, f"{file} is there already, and is no borrowed seat. Name another file.")
    if there.left(time.time()) > 0:
        end(
            BAD_SETUP,
            f"{file} has a seat that is borrowed until {there.until:%Y-%m-%d %H:%M} UTC. Return it first"
            f" (seatwarden return {file}), or name another file.",
        )


@click.command(
    "return",
    epilog=RETURN_EXAMPLES,
    short_help="Return a borrowed seat early.",
    context_settings={"auto_envvar_prefix": "SEATWARDEN"},
)
@endpoint_options
@click.argument("file", type=_FILE, envvar="SEATWARDEN_BORROWED")
def return_seat(
    *, url: str | None, license_key_file: Path | None, token_file: Path | None, pool: str | None, file: Path
) -> None:
    """Return the seat that `seatwarden borrow` saved in FILE, and remove FILE.

    End the programs that run on it first. What was over or returned already is no error.
    """
    try:
        borrowed = Borrowed.read(file)
    except SetupError as error:
        end(BAD_SETUP, str(error))
    try:
        with Client(url, license_key_file=license_key_file, token_file=token_file, pool=pool) as client:
            is_back = client.give_back(borrowed)
    except SetupError as error:
        end(BAD_SETUP, str(error))
    except SeatRefused as error:
        end(
            status_of(error),
            f"Not returned ({error.code}): {error.message} It stays borrowed until {borrowed.until:%Y-%m-%d %H:%M} UTC.",
        )
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        end(
            BAD_SETUP,
            f"The seat is back, but {file} cannot be removed: {error.strerror}. Remove it yourself.",
        )
    click.echo(
        "The seat is back." if is_back else "There was nothing to return: the seat was over or back already."
    )
