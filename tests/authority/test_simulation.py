"""Hundreds of clients that crash, sleep, retry and come back, on pools that change under them and on servers that are lost:
fifty new worlds a run, and a dozen of which it is certain that they lose what they had acknowledged.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from seatwarden.domain import key_ring
from seatwarden.domain.key_ring import EarlierKey
from seatwarden.local.valkey import Valkey
from tests.authority.simulation import licence_keys
from tests.authority.simulation.scenario import scenario_of
from tests.authority.simulation.seeds import Failure, run_seed
from tests.authority.simulation.servers import memory_server
from tests.authority.simulation.world import Outcome

BATCHES, BATCH = 5, 10
LOSING_WORLDS = (0, 1, 2, 8, 9, 10, 11, 16, 18, 24, 26, 32)


@pytest.fixture
def server() -> Iterator[Valkey]:
    with memory_server() as server:
        yield server


def _lived_through(seed: int, server: Valkey) -> Outcome:
    outcome = run_seed(seed, server)
    if isinstance(outcome, Failure):
        pytest.fail(str(outcome), pytrace=False)
    return outcome


@pytest.mark.behaviour(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 26, 30)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_promise_is_broken_in_fresh_worlds(
    batch: int, server: Valkey, fresh_seeds: Callable[[int], range]
) -> None:
    for seed in fresh_seeds(BATCH):
        _lived_through(seed, server)


@pytest.mark.behaviour(10, 11, 22)
@pytest.mark.parametrize("seed", LOSING_WORLDS)
def test_no_promise_is_broken_in_worlds_that_lose_what_was_acknowledged(seed: int, server: Valkey) -> None:
    assert scenario_of(seed).volatile
    _lived_through(seed, server)


def test_a_seed_is_one_history(server: Valkey) -> None:
    for seed in (2, 7):
        assert _lived_through(seed, server) == _lived_through(seed, server)


def test_the_worlds_hold_every_kind_of_trouble(server: Valkey) -> None:
    happened: Counter[str] = Counter()
    for seed in (32, 46, 47, 52, 57, 59, 76, 80, 82, 84, 88, 104, 111):
        happened += _lived_through(seed, server).happened
    wanted = """
        acquire granted, acquire existing, acquire pool_exhausted, acquire suspended, acquire expired,
        acquire invalid_license, acquire queued, acquire queue_full, acquire device_limit, acquire rate_limited,
        acquire version_blocked, acquire group_limit, acquire reserved, acquire draining,
        beat ok, beat stale_fence, beat lease_expired, beat suspended, beat released, beat invalid_license,
        release released, release already_released, release stale_fence, release invalid_license,
        lost, unanswered, delayed, doubled, died, applied, died, not applied,
        sweep, resize, change_state, reconfigure, rotate, flush, blackout,
        acquire recovering, beat recovering, restart, older copy, keys of an older copy, flush of all, outage,
        beat evicted, borrow done, borrow borrow_limit, return done
    """
    for name in " ".join(wanted.split()).replace("died, ", "died; ").split(", "):
        assert happened[name.replace("; ", ", ")] > 0, f"{name}: {happened}"


def test_a_broken_promise_is_found_and_told_with_its_seed(server: Valkey) -> None:
    """A seat too many, given by a script that compares wrongly."""
    from seatwarden.backends.redis_scripts import ACQUIRE

    careless = ACQUIRE.text.replace(
        "taken + more > pool.allowed then", "taken + more > pool.allowed + 1 then"
    )
    assert careless != ACQUIRE.text
    found = run_seed(1, server, texts={"acquire": careless})
    assert isinstance(found, Failure)
    assert "python -m tests.authority.simulation --seed 1" in str(found)


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.5, "a key that is alive was refused"), (2.0, "a key that is dead has opened the pool")],
)
def test_a_key_that_dies_at_another_instant_than_was_promised_is_found(
    share: float, told: str, server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pool and model are told the same wrong instant: so only what customers were promised tells it."""

    def careless(key: EarlierKey, overlap: timedelta) -> datetime:
        return key.replaced_at + share * overlap

    for module in (key_ring, licence_keys):
        monkeypatch.setattr(module, "dies_at", careless)
    found = run_seed(0, server)
    assert isinstance(found, Failure)
    assert told in found.broken
