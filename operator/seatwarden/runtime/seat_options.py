"""The options that the commands have in common which take seats: where the endpoint is, what is shown there, and for whom."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from seatwarden.domain.seats import MOST_SEATS_OF_A_LEASE
from seatwarden.resources.durations import parse_duration

F = TypeVar("F", bound=Callable[..., Any])


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


_ENDPOINT = (
    click.option("--url", envvar="SEATWARDEN_URL", show_envvar=True, help="The seat endpoint."),
    click.option(
        "--license-key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="SEATWARDEN_LICENSE_KEY_FILE",
        show_envvar=True,
        help="The file with the licence key, read again for each request. Or give the key itself in `SEATWARDEN_LICENSE_KEY`.",
    ),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="SEATWARDEN_TOKEN_FILE",
        show_envvar=True,
        help="The file with a token that is shown instead of a licence key, read again for each request.",
    ),
    click.option(
        "--pool",
        envvar="SEATWARDEN_POOL",
        show_envvar=True,
        metavar="NAMESPACE/NAME",
        help="The pool that is meant with a token. A licence key names its pool itself.",
    ),
)
_SEAT = (
    click.option(
        "--container",
        envvar="SEATWARDEN_CONTAINER",
        show_envvar=True,
        help="With the token of a Pod, the container that holds the seat, where several of them hold one each.",
    ),
    click.option(
        "--holder",
        envvar="SEATWARDEN_HOLDER",
        show_envvar=True,
        help="Who holds the seat, as 64 hex characters. Without it: this machine, this user and --project; or what a token says.",
    ),
    click.option(
        "--project",
        default="",
        envvar="SEATWARDEN_PROJECT",
        show_envvar=True,
        help="Part of the holder: one project of one user on one machine is one seat.",
    ),
    click.option(
        "--wait",
        type=Length(),
        default="0s",
        show_default=True,
        envvar="SEATWARDEN_WAIT",
        show_envvar=True,
        help="How long to wait for a seat, such as 30s or 10m.",
    ),
    click.option(
        "--quantity",
        type=click.IntRange(1, MOST_SEATS_OF_A_LEASE),
        default=1,
        show_default=True,
        envvar="SEATWARDEN_QUANTITY",
        show_envvar=True,
        help="How many seats to take: all of them, or none.",
    ),
    click.option(
        "--group",
        default="",
        envvar="SEATWARDEN_GROUP",
        show_envvar=True,
        help="The group of the pool that the program is in, where the pool has groups.",
    ),
)


def endpoint_options(command: F) -> F:
    """Give ``command`` the options that name the endpoint, and what is shown there."""
    return _with(_ENDPOINT, command)


def seat_options(command: F) -> F:
    """Give ``command`` the options of a seat: those of the endpoint, for whom it is, and how long to wait."""
    return _with((*_ENDPOINT, *_SEAT), command)


def _with(options: tuple[Callable[[F], F], ...], command: F) -> F:
    # Decorators work from the last to the first.
    for option in reversed(options):
        command = option(command)
    return command
