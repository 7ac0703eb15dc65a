"""With which status the commands end that take seats, and the one sentence that they say then."""

import sys
from typing import NoReturn

import click

from seatwarden.client import BorrowRefused, LicenceRefused, RequestRefused, SeatRefused

NO_SEAT_NOW = 75
SEAT_LOST = 76
NOT_ALLOWED = 77
BAD_SETUP = 78


def status_of(error: SeatRefused) -> int:
    """The status that tells of a refusal."""
    match error:
        case LicenceRefused() | BorrowRefused():
            return NOT_ALLOWED
        case RequestRefused():
            return BAD_SETUP
        case _:
            return NO_SEAT_NOW


def end(status: int, sentence: str) -> NoReturn:
    """End with that status, and say why."""
    say(sentence)
    sys.exit(status)


def say(sentence: str) -> None:
    """Say ``sentence`` where it is not taken for the output of a program."""
    click.echo(f"seatwarden: {sentence}", err=True)
