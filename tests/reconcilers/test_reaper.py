"""The reaper's rounds: pools are visited every 10 s while few or busy, and an idle one up to 60 s apart."""

from dataclasses import replace
from typing import Any

import pytest

from seatwarden.domain.seats import KeyUse, Millis, PoolCounts, PoolUid
from seatwarden.reconcilers.reaper import BATCH, ReaperSettings
from tests.reconcilers.reaper_rounds import POOL, QUIET, Rounds, sample
from tests.reconcilers.virtual_time import until


async def test_a_pool_is_visited_soon_and_then_in_even_steps(rounds: Rounds) -> None:
    with rounds.under_way():
        await until(40.0)

    assert rounds.visits_of(POOL) == [5.0, 15.0, 25.0, 35.0]


async def test_a_pool_that_is_tracked_again_is_visited_no_more_often(rounds: Rounds) -> None:
    with rounds.under_way():
        for second in range(40):
            rounds.reaper.track(POOL)
            await until(second + 1.0)

    assert rounds.visits_of(POOL) == [5.0, 15.0, 25.0, 35.0]


async def test_a_forgotten_pool_is_never_visited_again(rounds: Rounds) -> None:
    with rounds.under_way():
        await until(6.0)
        rounds.reaper.forget(POOL)
        await until(200.0)

    assert rounds.authority.swept == [[POOL]]
    assert POOL not in rounds.reaper.counts


async def test_a_pool_that_is_forgotten_while_it_is_visited_stays_forgotten(rounds: Rounds) -> None:
    rounds.authority.before = lambda: rounds.reaper.forget(POOL)
    with rounds.under_way():
        await until(100.0)

    assert rounds.told == []
    assert rounds.reaper.counts == {}
    assert rounds.authority.swept == [[POOL]]


@pytest.mark.parametrize(
    ("pools", "seconds"), [(1, 10.0), (2_000, 10.0), (4_000, 20.0), (10_000, 50.0), (1_000_000, 60.0)]
)
def test_idle_pools_cost_a_bounded_number_of_visits_a_second_however_many_there_are(
    pools: int, seconds: float
) -> None:
    assert ReaperSettings(busy=10.0, idle=60.0, idle_rate=200.0).idle_pause(pools) == seconds


async def test_idle_pools_among_many_are_visited_ever_more_seldom_and_a_busy_one_often(
    rounds: Rounds,
) -> None:
    rounds.reaper.settings = ReaperSettings(idle_rate=0.01)
    with rounds.under_way():
        await until(300.0)
        idle = rounds.visits_of(POOL)
        rounds.authority.counts[POOL] = replace(QUIET, granted=8)
        await until(340.0)
        rounds.authority.counts[POOL] = replace(QUIET, granted=9)
        await until(350.0)

    assert idle == [5.0, 15.0, 35.0, 75.0, 135.0, 195.0, 255.0]
    assert rounds.visits_of(POOL)[len(idle) :] == [315.0, 325.0, 345.0]


async def test_a_pool_that_lends_seats_is_visited_every_two_seconds(rounds: Rounds) -> None:
    rounds.authority.counts[POOL] = replace(QUIET, lends=True)
    with rounds.under_way():
        await until(11.5)
        # What is away has to be mirrored until it is back, also where no more is lent.
        rounds.authority.counts[POOL] = replace(QUIET, borrowed=1)
        await until(13.5)
        rounds.authority.counts[POOL] = QUIET
        await until(40.0)

    assert rounds.visits_of(POOL) == [5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 25.0, 35.0]


async def test_a_pool_that_begins_to_lend_is_visited_soon(rounds: Rounds) -> None:
    rounds.reaper.settings = ReaperSettings(idle_rate=0.01)
    with rounds.under_way():
        await until(100.0)
        rounds.authority.counts[POOL] = replace(QUIET, lends=True)
        rounds.reaper.settings = ReaperSettings()
        rounds.reaper.track(POOL, lends=True)
        rounds.reaper.track(POOL, lends=True)
        await until(105.0)

    assert rounds.visits_of(POOL)[-2:] == [102.0, 104.0]


def test_pools_that_lend_cost_a_bounded_number_of_visits_too(rounds: Rounds) -> None:
    rounds.reaper.settings = ReaperSettings(idle_rate=0.25)
    for name in ("b", "c"):
        rounds.reaper.track(PoolUid(name), lends=True)
    assert rounds.reaper._lending_pause() == 8.0


@pytest.mark.parametrize(
    "counts",
    [replace(QUIET, borrowed=1), replace(QUIET, borrow_changes=1), replace(QUIET, borrow_limit=1)],
)
async def test_another_borrow_than_before_is_told(rounds: Rounds, counts: PoolCounts) -> None:
    with rounds.under_way():
        await until(6.0)
        told = len(rounds.told)
        rounds.authority.counts[POOL] = counts
        await until(16.0)

    assert len(rounds.told) == told + 1


def _used(*, granted: int, denied: int) -> PoolCounts:
    return replace(QUIET, key_uses={"key": KeyUse(granted, denied, Millis(granted + denied))})


@pytest.mark.parametrize("last", [_used(granted=3, denied=1), _used(granted=1, denied=3)])
async def test_what_a_licence_key_was_used_for_is_told_a_minute_later_at_most(
    rounds: Rounds, last: PoolCounts
) -> None:
    with rounds.under_way():
        await until(16.0)
        assert len(rounds.told) == 1
        rounds.authority.counts[POOL] = _used(granted=1, denied=1)
        await until(64.0)
        early = len(rounds.told)
        await until(66.0)
        after_a_minute = len(rounds.told)
        rounds.authority.counts[POOL] = last
        await until(124.0)
        again_early = len(rounds.told)
        await until(300.0)

    assert (early, after_a_minute, again_early) == (1, 2, 2)
    assert len(rounds.told) == 3, "told once, and not again as long as nothing is new"


async def test_what_a_licence_key_was_used_for_is_told_with_any_other_news(rounds: Rounds) -> None:
    with rounds.under_way():
        await until(6.0)
        rounds.authority.counts[POOL] = replace(_used(granted=1, denied=0), live=QUIET.live + 1)
        await until(16.0)
        told = len(rounds.told)
        await until(300.0)

    assert (told, len(rounds.told)) == (2, 2)


async def test_a_lease_that_can_end_soon_brings_the_visit_forward(rounds: Rounds) -> None:
    rounds.authority.counts[POOL] = replace(QUIET, next_expiry_in=Millis(2500))
    with rounds.under_way():
        await until(10.0)

    assert rounds.visits_of(POOL) == [5.0, 7.5, 10.0]


async def test_leases_that_end_at_any_moment_are_waited_for_a_second_at_least(rounds: Rounds) -> None:
    rounds.authority.counts[POOL] = replace(QUIET, next_expiry_in=Millis(0))
    with rounds.under_way():
        await until(8.0)

    assert rounds.visits_of(POOL) == [5.0, 6.0, 7.0, 8.0]


async def test_what_a_visit_could_not_purge_is_purged_at_once(rounds: Rounds) -> None:
    chunks = [replace(QUIET, purged=100, unpurged=left) for left in (250, 150, 50)]
    purged = sample("seatwarden_leases_reaped_total")

    def next_chunk() -> None:
        rounds._visited()
        rounds.authority.counts[POOL] = chunks.pop(0) if chunks else replace(QUIET, purged=50)

    rounds.authority.before = next_chunk
    with rounds.under_way():
        await until(14.0)

    assert rounds.visits_of(POOL) == [5.0, 5.0, 5.0, 5.0]
    assert sample("seatwarden_leases_reaped_total") - purged == 350.0


async def test_what_a_visit_could_not_end_is_ended_at_once(rounds: Rounds) -> None:
    chunks = [replace(QUIET, due=left) for left in (250, 50)]

    def next_chunk() -> None:
        rounds._visited()
        rounds.authority.counts[POOL] = chunks.pop(0) if chunks else QUIET

    rounds.authority.before = next_chunk
    with rounds.under_way():
        await until(14.0)

    assert rounds.visits_of(POOL) == [5.0, 5.0, 5.0]


async def test_a_pool_in_a_hurry_is_visited_at_once_and_then_as_before(rounds: Rounds) -> None:
    with rounds.under_way():
        await until(7.0)
        rounds.reaper.hurry(POOL)
        rounds.reaper.hurry(PoolUid("of another"))
        await until(18.0)

    assert rounds.visits_of(POOL) == [5.0, 7.0, 17.0]
    assert rounds.visits_of(PoolUid("of another")) == []


async def test_numbers_are_told_when_they_are_new_and_only_then(rounds: Rounds) -> None:
    with rounds.under_way():
        await until(30.0)
        assert rounds.told == ["changed pool"]
        rounds.authority.counts[POOL] = replace(QUIET, live=3)
        await until(60.0)

    assert rounds.told == ["changed pool"] * 2
    assert rounds.reaper.counts == {POOL: replace(QUIET, live=3)}


@pytest.mark.parametrize("change", ["live", "capacity", "peak", "epoch", "evicted", "evicts_at", "drains"])
async def test_what_status_shows_is_news(rounds: Rounds, change: str) -> None:
    news: dict[str, Any] = {change: 9}
    with rounds.under_way():
        await until(6.0)
        rounds.authority.counts[POOL] = replace(QUIET, **news)
        await until(20.0)

    assert rounds.told == ["changed pool"] * 2


@pytest.mark.parametrize(
    "change", ["granted", "released", "expired", "denied", "suspended", "seat_milliseconds"]
)
async def test_totals_that_only_metering_reads_are_no_news(rounds: Rounds, change: str) -> None:
    totals: dict[str, Any] = {change: 99}
    with rounds.under_way():
        await until(6.0)
        rounds.authority.counts[POOL] = replace(QUIET, **totals)
        await until(20.0)

    assert rounds.told == ["changed pool"]


async def test_many_pools_are_visited_in_batches_and_none_is_left_out(rounds: Rounds) -> None:
    pools = [PoolUid(f"pool-{number}") for number in range(2 * BATCH + 5)]
    for pool in pools:
        rounds.authority.counts[pool] = QUIET
        rounds.reaper.track(pool)
    with rounds.under_way():
        await until(6.0)

    assert [len(batch) for batch in rounds.authority.swept] == [BATCH, BATCH, 6]
    assert set(rounds.reaper.counts) == {POOL, *pools}
