"""`seatwarden`: one command, a subcommand for each process. A subcommand's code is imported only when it is run."""

import importlib

import click

_COMMANDS = {
    "operator": "seatwarden.runtime.operator_command:operator",
    "serve": "seatwarden.runtime.serve_command:serve",
    "webhooks": "seatwarden.runtime.webhooks_command:webhooks",
    "dead-letters": "seatwarden.runtime.dead_letters_command:dead_letters",
    "ready": "seatwarden.runtime.ready_command:ready",
    "hold": "seatwarden.runtime.hold_command:hold",
    "borrow": "seatwarden.runtime.borrow_command:borrow",
    "return": "seatwarden.runtime.borrow_command:return_seat",
    "verify": "seatwarden.runtime.verify_command:verify",
    "dev": "seatwarden.runtime.dev_command:dev",
    "tools": "seatwarden.runtime.tools_command:tools",
}


class LazyGroup(click.Group):
    """Knows its commands by name; each comes from its own module, so that no process pays for another's imports."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which a newcomer meets them."""
        return [
            *("dev", "operator", "serve", "webhooks", "dead-letters", "ready"),
            *("hold", "borrow", "return", "verify", "tools"),
        ]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try `seatwarden dev`: it starts everything on this machine and shows what it does.",
)
@click.version_option(package_name="seatwarden")
def main() -> None:
    """Seatwarden: floating software licences as Kubernetes resources."""
