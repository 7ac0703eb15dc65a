"""What operator and endpoint are told alike about the authority: how durable it is, and the installation's keys."""

from pathlib import Path
from typing import Any

import click

from seatwarden.backends.installation_keys import InstallationKeys, read_installation_keys
from seatwarden.domain.durability import Durability, read_durability


class DurabilityType(click.ParamType[Durability]):
    """volatile, fsync, or replicas=N."""

    name = "volatile|fsync|replicas=n"

    def convert(
        self, value: str | Durability, param: click.Parameter | None, ctx: click.Context | None
    ) -> Durability:
        """The durability that ``value`` declares."""
        if isinstance(value, Durability):
            return value
        try:
            return read_durability(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class InstallationKeysType(click.ParamType[InstallationKeys]):
    """A file with the installation's keys."""

    name = "file"

    def convert(
        self, value: str | InstallationKeys, param: click.Parameter | None, ctx: click.Context | None
    ) -> InstallationKeys:
        """The keys in the file ``value``."""
        if isinstance(value, InstallationKeys):
            return value
        try:
            return read_installation_keys(Path(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def durability_option(command: Any) -> Any:
    """``--durability``, the same for both."""
    return click.option(
        "--durability",
        type=DurabilityType(),
        default="volatile",
        show_default=True,
        envvar="SEATWARDEN_DURABILITY",
        show_envvar=True,
        help="How well Redis keeps what it acknowledged. volatile: after a restart or failover only holders come"
        " back for one lease length. fsync: appendonly yes, appendfsync always and no failover. replicas=N: a grant"
        " is answered when N replicas have it.",
    )(command)


def installation_keys_option(command: Any) -> Any:
    """``--installation-key-file``, the same for both."""
    return click.option(
        "--installation-key-file",
        "installation_keys",
        type=InstallationKeysType(),
        envvar="SEATWARDEN_INSTALLATION_KEY_FILE",
        show_envvar=True,
        help="File with the installation's key, made by: openssl rand -hex 32. With it leases are signed, and their"
        " holders come back after a loss of Redis. The operator and all endpoints need the same one.",
    )(command)
