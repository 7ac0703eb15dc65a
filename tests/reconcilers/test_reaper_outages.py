"""What the reaper makes of an authority that does not answer, and of pools that it forgot."""

from dataclasses import replace
from typing import Any

import pytest

from seatwarden.domain.seats import PoolUid
from tests.reconcilers.reaper_rounds import POOL, QUIET, Rounds, sample
from tests.reconcilers.virtual_time import until


async def test_an_authority_that_went_away_and_came_back_is_told_once_each(rounds: Rounds) -> None:
    other = PoolUid("other")
    rounds.authority.counts[other] = QUIET
    rounds.reaper.track(other)
    with rounds.under_way():
        await until(6.0)
        rounds.told.clear()
        rounds.authority.calls_left = 0
        await until(30.0)
        assert rounds.told == ["unavailable"]
        rounds.authority.calls_left = None
        await until(60.0)

    assert rounds.told == ["unavailable", "restored"]


async def test_an_authority_that_is_away_is_asked_every_two_seconds(rounds: Rounds) -> None:
    missed = sample("seatwarden_pool_sweeps_total", result="unavailable")
    rounds.authority.calls_left = 0
    with rounds.under_way():
        await until(11.0)
        rounds.authority.calls_left = None
        await until(30.0)

    assert rounds.visits_of(POOL) == [5.0, 7.0, 9.0, 11.0, 13.0, 23.0]
    assert sample("seatwarden_pool_sweeps_total", result="unavailable") - missed == 4.0


async def test_each_outage_is_told(rounds: Rounds) -> None:
    with rounds.under_way():
        for hour in range(2):
            rounds.authority.calls_left = 0
            await until(3600.0 * hour + 100.0)
            rounds.authority.calls_left = None
            await until(3600.0 * hour + 200.0)

    assert rounds.told == ["unavailable", "restored", "changed pool", "unavailable", "restored"]


async def test_a_pool_that_the_authority_does_not_know_is_lost_until_it_is_made_again(
    rounds: Rounds,
) -> None:
    del rounds.authority.counts[POOL]
    with rounds.under_way():
        await until(16.0)
        assert rounds.told == ["lost pool"] * 2
        rounds.authority.counts[POOL] = QUIET
        await until(30.0)

    assert rounds.visits_of(POOL) == [5.0, 15.0, 25.0]
    assert rounds.told == ["lost pool"] * 2 + ["changed pool"]


async def test_the_numbers_of_a_pool_that_was_lost_are_not_shown_any_more(rounds: Rounds) -> None:
    with rounds.under_way():
        await until(6.0)
        assert POOL in rounds.reaper.counts
        del rounds.authority.counts[POOL]
        await until(16.0)

    assert rounds.told == ["changed pool", "lost pool"]
    assert rounds.reaper.counts == {}


async def test_one_lost_pool_does_not_keep_the_others_from_being_counted(rounds: Rounds) -> None:
    others = [PoolUid(f"other-{number}") for number in range(2)]
    rounds.authority.counts[others[1]] = QUIET
    for pool in others:
        rounds.reaper.track(pool)
    with rounds.under_way():
        await until(6.0)

    assert rounds.told == ["changed pool", "lost other-0", "changed other-1"]
    assert rounds.authority.swept == [[POOL, *others]]


@pytest.mark.parametrize("total", ["granted", "released"])
async def test_a_state_of_before_is_told_once_with_its_epoch(rounds: Rounds, total: str) -> None:
    earlier: dict[str, Any] = {total: 4}
    with rounds.under_way():
        await until(6.0)
        rounds.authority.counts[POOL] = replace(QUIET, **earlier)
        await until(36.0)

    assert rounds.told == ["changed pool", "pool went back in epoch 1"]


async def test_a_state_of_an_earlier_epoch_is_told_and_one_of_a_later_epoch_begins_anew(
    rounds: Rounds,
) -> None:
    with rounds.under_way():
        await until(6.0)
        rounds.authority.counts[POOL] = replace(QUIET, epoch=2, granted=0, released=0)
        await until(16.0)
        assert rounds.told == ["changed pool"] * 2
        rounds.authority.counts[POOL] = QUIET
        await until(26.0)

    assert rounds.told[2:] == ["changed pool", "pool went back in epoch 1"]
