"""The tests are tested: a seat script that is wrong in one place must not pass them."""

import random
from collections.abc import Callable, Iterator

import pytest

from seatwarden.domain.seats import Millis
from seatwarden.local.valkey import Valkey
from tests.authority.mutants.battery import SCENES, Scene
from tests.authority.mutants.equivalents import equivalents
from tests.authority.mutants.mutations import Mutant, all_mutants
from tests.authority.mutants.trial import is_lua, try_mutant
from tests.authority.mutants.walk import LEASE
from tests.authority.simulation.servers import memory_server
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner, VirtualClock

SAMPLE = 12


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with memory_server(durable=False) as server:
        yield server


@pytest.fixture
def right(server: Valkey) -> Iterator[GivenTimeRunner]:
    """A runner of the scripts as they are."""
    with GivenTimeRunner(server, VirtualClock()) as runner:
        yield runner


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_right_scripts_pass_each_scene(scene: Scene, right: GivenTimeRunner) -> None:
    scene(Twin(right, lease=Millis(LEASE)))


@pytest.mark.timeout(600)  # one that slips through most scenes costs half a minute on a busy machine
def test_of_a_dozen_mutants_of_a_fresh_seed_at_most_one_survives(
    server: Valkey, right: GivenTimeRunner, fresh_seeds: Callable[[int], range]
) -> None:
    """All of them are tried by `make mutate`, which takes a quarter of an hour."""
    [seed] = fresh_seeds(1)
    explained = equivalents()
    # What takes writes back is broken command by command in a test of its own: few wishes come to each of them.
    candidates = [
        mutant for mutant in all_mutants() if mutant.name not in explained and mutant.file != "lib/undo.lua"
    ]
    # All before the first trial: one that never ends costs the server, and so every connection to it.
    chosen = [one for one in random.Random(seed).sample(candidates, SAMPLE) if is_lua(one, right)]
    verdicts = [try_mutant(mutant, server) for mutant in chosen]
    survivors = [verdict.mutant.name for verdict in verdicts if verdict.killed_by is None]
    # A handful of three thousand is not explained yet; scenes that have gone blind let many more through.
    assert len(survivors) <= 1, survivors
    assert len(verdicts) > SAMPLE // 2


def test_a_mutant_called_equivalent_is_one_that_can_be_made() -> None:
    assert equivalents().keys() - {mutant.name for mutant in all_mutants()} == set()


def test_a_change_to_a_part_changes_all_scripts_that_use_it() -> None:
    found = [mutant for mutant in all_mutants() if mutant.file == "lib/account.lua"]
    users = {"acquire", "arrive", "configure", "observe", "readmit", "release", "remove", "sweep"}
    users |= {"acquire_all", "borrow", "return", "restore"}
    assert set(found[0].texts()) == users


def test_mutants_of_one_name_differ_by_number() -> None:
    names = [mutant.name for mutant in all_mutants()]
    assert len(names) == len(set(names))
    assert len(names) > 900


def test_a_script_that_hangs_is_killed(server: Valkey) -> None:
    line = "local use_of_key = 'use:' .. key_id"
    place = _code("acquire.lua").index(line)
    assert try_mutant(Mutant("acquire.lua", line, "while true do end", place, 0), server).killed_by


def _code(file: str) -> str:
    from tests.authority.mutants.mutations import LUA

    return (LUA / file).read_text().split("\n", 1)[1]
