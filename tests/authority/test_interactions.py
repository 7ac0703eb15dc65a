"""The table of `tests.authority.interactions`, cell by cell.

`docs/seat-interactions.md` has the same table for people, one sentence a cell: it must have a sentence for each cell.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatwarden.domain.seats import Millis
from seatwarden.local.valkey import Valkey
from tests.authority.interactions import CELLS, LEASE
from tests.authority.simulation.servers import memory_server
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner, VirtualClock

PAGE = Path(__file__).parents[2] / "docs" / "seat-interactions.md"


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with memory_server() as server:
        yield server


@pytest.mark.behaviour(13, 15)
@pytest.mark.parametrize("which", CELLS, ids=", ".join)
def test_each_policy_goes_with_each_other(which: tuple[str, str], server: Valkey) -> None:
    with GivenTimeRunner(server, VirtualClock()) as runner:
        twin = Twin(runner, lease=Millis(LEASE))
        CELLS[which](twin)
        twin.remove()


def test_the_page_has_a_sentence_for_each_cell() -> None:
    rows = [
        [part.strip() for part in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ")
    ]
    assert [(row[0], row[1]) for row in rows[1:] if set(row[0]) != {"-"}] == list(CELLS)
