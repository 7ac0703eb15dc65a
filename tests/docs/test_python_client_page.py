"""The page about the Python client tells of what there is."""

import ast
import datetime as dt
import inspect
import pathlib
import re
from typing import Any

import pytest

from seatwarden import client, verify
from seatwarden.client.keeping import Loss
from seatwarden.runtime import hold_command, seat_statuses
from tests.docs.pages import PAGES

PAGE = next(page for page in PAGES if page.path.name == "python-client.md")
BLOCKS = PAGE.blocks("python")
EXPORTS = {
    "seatwarden.client": {*client.__all__},
    "seatwarden.verify": {*verify.__all__},
    "datetime": {*dt.__all__},
    "time": {"time"},
    "pathlib": {*pathlib.__all__},
}
CALLS: dict[str, Any] = {
    "hold": client.Client.hold,
    "hold_all": client.Client.hold_all,
    "PoolWish": client.PoolWish,
    "away": client.Client.away,
    "borrow": client.Seat.borrow,
    "give_back": client.Client.give_back,
    "validate": client.Client.validate,
    "licence_document": client.Client.licence_document,
    "verify_licence": verify.verify_licence,
}


def called(node: ast.Call) -> str:
    """The name of what is called, without what it is of."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


@pytest.mark.parametrize("block", BLOCKS)
def test_every_program_parses_imports_what_exists_and_uses_what_exists(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom):
            assert node.module in EXPORTS
            assert {name.name for name in node.names} <= EXPORTS[node.module]
        elif isinstance(node, ast.Call) and (name := called(node)) in CALLS:
            known = inspect.signature(CALLS[name]).parameters
            assert {keyword.arg for keyword in node.keywords} <= set(known)
    for name in re.findall(r"\bseat\.(\w+)", block):
        assert hasattr(client.Seat, name) or name == "lost"
    for name in re.findall(r"\bseats\.(\w+)", block):
        assert hasattr(client.Seats, name) or name == "lost"


def test_there_are_programs_and_what_the_page_says_of_a_seat_is_so() -> None:
    assert len(BLOCKS) >= 4
    for name in {found for span in PAGE.spans() for found in re.findall(r"^seat\.(\w+)", span)}:
        assert hasattr(client.Seat, name) or name == "lost", name
    assert {"code", "message"} <= set(Loss.__dataclass_fields__)


def test_the_table_has_every_status_of_hold() -> None:
    table = PAGE.text.partition("| Status | Meaning |")[2].partition("\n\n")[0]
    first_cells = " ".join(line.split("|")[1] for line in table.splitlines() if "|" in line)
    told = {int(number) for number in re.findall(r"[0-9]+", first_cells)}
    own = (
        seat_statuses.NO_SEAT_NOW,
        seat_statuses.SEAT_LOST,
        seat_statuses.NOT_ALLOWED,
        seat_statuses.BAD_SETUP,
        hold_command.CANNOT_RUN,
        hold_command.NOT_FOUND,
    )
    assert told == set(own)
