"""Seats of several pools in one step: all of them, or none and nothing is left of the wish."""

from collections.abc import Iterator

import pytest

from seatwarden.domain.seats import (
    Code,
    Shortfall,
)
from seatwarden.local.valkey import Valkey
from tests.authority.desk import beat_of, holder
from tests.authority.several_pools import Pools, a_wish_for_several_pools_is_repeated, walk
from tests.authority.simulation.servers import memory_server
from tests.authority.virtual_time import GivenTimeRunner, VirtualClock


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with memory_server() as server:
        yield server


@pytest.fixture
def pools(server: Valkey) -> Iterator[Pools]:
    with GivenTimeRunner(server, VirtualClock()) as runner:
        pools = Pools(runner)
        yield pools
        runner.ask(("FLUSHALL",))


@pytest.mark.parametrize("seed", range(4))
def test_in_any_history_a_wish_for_several_pools_is_kept_or_leaves_nothing(pools: Pools, seed: int) -> None:
    happened = walk(pools, seed, steps=500)
    # Some pools have given a seat before another one refused, and all of that was taken back.
    assert sum(count for what, count in happened.items() if what[-1] in "12") > 15
    assert happened["all"] > 20


def test_all_or_none(pools: Pools) -> None:
    answer = pools.acquire_all(holder(1), "", [(0, 1, ""), (1, 2, "")])
    assert isinstance(answer, list)
    assert [(one.code, one.quantity) for one in answer] == [(Code.GRANTED, 1), (Code.GRANTED, 2)]
    refused = pools.acquire_all(holder(2), "", [(0, 1, ""), (2, 1, ""), (1, 1, "")])
    assert isinstance(refused, Shortfall)
    assert (refused.number, refused.refusal.code) == (2, Code.POOL_EXHAUSTED)
    assert [pools.at(number).sweep().live for number in range(3)] == [1, 2, 0]


def test_a_lease_that_is_there_already_stays_as_it_was(pools: Pools) -> None:
    first = pools.acquire_all(holder(1), "one run", [(0, 1, "")])
    assert isinstance(first, list)
    pools.at(1).configure(capacity=0)
    pools.twins[0].clock.forward(1000)
    for nonce in ("one run", "another run"):
        assert isinstance(pools.acquire_all(holder(1), nonce, [(0, 1, ""), (1, 1, "")]), Shortfall)
    [verdict] = pools.at(0).beat(beat_of(first[0]))
    assert verdict.code is Code.OK


def test_the_same_wish_again_is_answered_as_it_was(pools: Pools) -> None:
    a_wish_for_several_pools_is_repeated(pools)
