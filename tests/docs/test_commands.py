"""Every command in the documentation can be typed as it stands."""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

import click
from pydantic import BaseModel

from seatwarden.endpoint.credentials import POOL_HEADER
from seatwarden.endpoint.operations import Operation
from seatwarden.endpoint.request_models import POOL_NAME_PATTERN, AcquireAllBody
from seatwarden.endpoint.route_table import OPERATIONS
from seatwarden.resources.names import Kind
from seatwarden.resources.seatpool import SeatPoolSpec
from seatwarden.resources.subscription import SubscriptionSpec
from seatwarden.resources.tenant import TenantSpec
from seatwarden.runtime.commands import main
from tests.docs.pages import PAGES, ROOT

_OURS = re.compile(r"(?:^|[\s(/])seatwarden((?: [^|;)`\"]+)?)")
# In these, ours is the name of a release or of an account.
_OTHERS = ("helm ", "kubectl ")
_MAKE = re.compile(r"(?:^|\s)make ([a-z]\S*)")
_SPECS: dict[Kind, type[BaseModel]] = {
    Kind.TENANT: TenantSpec,
    Kind.SUBSCRIPTION: SubscriptionSpec,
    Kind.SEAT_POOL: SeatPoolSpec,
}
_VARIABLES = {
    "KEY": "LIC-key",
    "TOKEN": "token",
    "ENDPOINT": "http://127.0.0.1:8080",
    "TENANT": "7b0cf8b4-9a55-4b6d-8a0f-3f6f5f0c0001",
    "HOLDER": "0123456789abcdef" * 4,
    "SESSION": "0123456789abcdef" * 2,
    "FENCE": "4294967297",
}


@dataclass(frozen=True)
class Curl:
    """What a curl command would send."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


def commands_by_name() -> dict[str, click.Command]:
    """Our commands."""
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


COMMANDS = commands_by_name()


def options_of(command: click.Command) -> set[str]:
    """The long options of a command."""
    named = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    return {*named, "--help"}


def written_arguments(text: str) -> list[list[str]]:
    """The arguments of each call of `seatwarden` in ``text``."""
    if text.startswith(_OTHERS):
        return []
    return [shlex.split(found) for found in _OURS.findall(text)]


def read_curl(command: str) -> Curl:
    """Read a curl command, with the variables of the pages put in."""
    text = re.sub(r"\$\([^)]*\)", _VARIABLES["HOLDER"], command)
    words = shlex.split(re.sub(r"\$([A-Z]+)", lambda found: _VARIABLES[found[1]], text))
    flags = {"-X": "", "-d": ""}
    headers = {}
    url = ""
    for index, word in enumerate(words):
        if word in flags:
            flags[word] = words[index + 1]
        elif word == "-H":
            name, _, value = words[index + 1].partition(": ")
            headers[name] = value
        elif word.startswith("http://"):
            url = word
    path = url.split("/", 3)[3].partition("?")[0]
    method = flags["-X"] or ("POST" if flags["-d"] else "GET")
    return Curl(method, f"/{path}", headers, flags["-d"] or None)


def operation_of(call: Curl) -> Operation[Any] | None:
    """The call that the endpoint serves at that path with that method, if any."""
    for operation in OPERATIONS:
        if operation.method == call.method and re.fullmatch(
            re.sub(r"\{\w+\}", "[^/]+", operation.path), call.path
        ):
            return operation
    return None


def test_every_seatwarden_command_and_option_exists() -> None:
    for page in PAGES:
        for text in (*page.commands(), *page.spans()):
            for written in written_arguments(text):
                # What stands after `--` is the command of another program.
                arguments = written[: written.index("--")] if "--" in written else written
                words = [word for word in arguments if not word.startswith("-")]
                if not words or words[0] == "COMMAND":
                    continue
                assert words[0] in COMMANDS, f"{page.name}: {text}"
                for word in arguments:
                    if word.startswith("--"):
                        assert word.partition("=")[0] in options_of(COMMANDS[words[0]]), (
                            f"{page.name}: {text}"
                        )


def test_every_seatwarden_command_that_is_to_be_typed_parses() -> None:
    for page in PAGES:
        for command in page.commands():
            for name, *arguments in filter(None, written_arguments(command)):
                if name in COMMANDS:
                    COMMANDS[name].make_context(name, arguments)


def test_an_option_in_prose_is_an_option_of_some_command() -> None:
    known = {option for command in COMMANDS.values() for option in options_of(command)}
    for page in PAGES:
        for span in page.spans():
            if span.startswith("--") and "[" not in span:
                assert set(re.findall(r"--[a-z-]+", span)) <= known, f"{page.name}: {span}"


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for text in (*page.commands(), *page.spans()):
            for target in _MAKE.findall(text):
                assert target in targets, f"{page.name}: {text}"


def test_every_argument_for_make_run_is_an_option_of_dev() -> None:
    for page in PAGES:
        for text in (*page.commands(), *page.spans()):
            for quoted, plain in re.findall(r"make run ARGS=(?:'([^']*)'|(\S+))", text):
                COMMANDS["dev"].make_context("dev", shlex.split(quoted or plain))


def test_every_curl_calls_what_the_endpoint_serves_with_a_body_that_it_takes() -> None:
    for page in PAGES:
        for command in (command for command in page.commands() if "$ENDPOINT" in command):
            call = read_curl(command)
            operation = operation_of(call)
            assert operation is not None, f"{page.name}: {command}"
            if operation.needs_key and operation.body is not AcquireAllBody:  # that has a key for each pool
                shown = call.headers["Authorization"]
                named = re.fullmatch(POOL_NAME_PATTERN, call.headers.get(POOL_HEADER, ""))
                assert shown == "Bearer LIC-key" or (shown == "Bearer token" and named), (
                    f"{page.name}: {command}"
                )
            if call.body is not None:
                assert operation.body is not None, f"{page.name}: {command}"
                assert call.headers["Content-Type"] == "application/json", f"{page.name}: {command}"
                operation.body.model_validate_json(call.body)


def test_every_patch_names_fields_that_exist() -> None:
    for page in PAGES:
        for command in (command for command in page.commands() if " patch " in command):
            words = shlex.split(command)
            short = words[words.index("patch") + 1].partition("/")[0]
            kind = next(kind for kind in Kind if short in (kind.short_name, kind.plural, kind.singular))
            spec = json.loads(words[words.index("-p") + 1])["spec"]
            known = {field.alias for field in _SPECS[kind].model_fields.values()}
            assert set(spec) <= known, f"{page.name}: {command}"


def test_the_pages_have_commands_of_every_sort() -> None:
    typed = [command for page in PAGES for command in page.commands()]
    assert sum(command.startswith("curl ") for command in typed) >= 8
    assert sum("seatwarden serve" in command for command in typed) >= 1
    assert sum(command.startswith("make ") for command in typed) >= 8
    assert sum(" patch " in command for command in typed) >= 3
