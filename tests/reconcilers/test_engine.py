"""What the engine makes of causes, wishes and successes. What it makes of failures is in ``test_engine_failures``."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from seatwarden.reconcilers.engine import Cause, RetryLater, add_all
from tests.reconcilers.engine_room import DEV, TEAM, EngineRoom
from tests.reconcilers.virtual_time import until


@pytest.fixture
async def room() -> EngineRoom:
    return EngineRoom()


@contextmanager
def at_work(room: EngineRoom) -> Iterator[None]:
    running = [asyncio.create_task(room.engine.run()), asyncio.create_task(room.engine.wheel.run())]
    yield
    for task in running:
        task.cancel()


async def test_causes_that_come_together_are_answered_by_one_run(room: EngineRoom) -> None:
    room.engine.add(DEV, Cause.CHANGED)
    room.engine.add(DEV, Cause.COUNTS, Cause.RELATED)
    with at_work(room):
        await until(1.0)

    assert room.runs_of(DEV) == [(0.0, {"changed", "counts", "related"})]


async def test_one_key_is_never_worked_on_twice_at_a_time_and_what_came_meanwhile_is_not_lost(
    room: EngineRoom,
) -> None:
    room.seconds_of_work = 5.0
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(1.0)
        room.engine.add(DEV, Cause.RELATED)
        room.engine.add(DEV, Cause.COUNTS)
        await until(20.0)

    assert room.runs_of(DEV) == [(0.0, {"changed"}), (5.0, {"related", "counts"})]
    assert room.most_at_once[DEV] == 1


async def test_different_keys_are_worked_on_together_up_to_the_number_of_workers(room: EngineRoom) -> None:
    room.seconds_of_work = 5.0
    keys = [DEV._replace(name=f"pool-{number}") for number in range(room.engine.workers + 2)]
    with at_work(room):
        add_all(room.engine, keys, Cause.CHANGED)
        await until(12.0)

    begun = [seconds for seconds, _, _ in room.runs]
    assert begun == [0.0] * room.engine.workers + [5.0] * 2


async def test_each_kind_has_its_own_reconciler(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        room.engine.add(TEAM, Cause.CHANGED)
        await until(1.0)

    assert [key for _, key, _ in room.runs] == [DEV, TEAM]


async def test_what_is_made_true_is_looked_at_again_after_the_slow_resync(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(1300.0)

    assert room.runs_of(DEV) == [(0.0, {"changed"}), (600.0, {"resync"}), (1200.0, {"resync"})]


async def test_a_reconciler_may_ask_to_come_back_sooner(room: EngineRoom) -> None:
    room.outcomes = [30.0]
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(700.0)

    assert room.runs_of(DEV) == [(0.0, {"changed"}), (30.0, {"resync"}), (630.0, {"resync"})]


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 540.0), (0.75, 630.0)])
async def test_resyncs_are_spread(room: EngineRoom, jitter: float, seconds: float) -> None:
    room.jitter = jitter
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(640.0)

    assert [when for when, _ in room.runs_of(DEV)] == [0.0, pytest.approx(seconds)]


async def test_wishes_for_later_become_one_run_at_the_earliest_with_all_their_causes(
    room: EngineRoom,
) -> None:
    with at_work(room):
        room.engine.add_later(DEV, 10.0, Cause.COUNTS)
        room.engine.add_later(DEV, 4.0, Cause.RELATED)
        room.engine.add_later(DEV, 60.0, Cause.RETRY)
        await until(100.0)

    assert room.runs_of(DEV) == [(4.0, {"counts", "related", "retry"})]


async def test_counts_alone_stay_alone_and_the_resync_comes_at_its_own_time(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(1.0)
        room.engine.add_later(DEV, 10.0, Cause.COUNTS)
        await until(20.0)
        assert room.runs_of(DEV) == [(0.0, {"changed"}), (11.0, {"counts"})]
        await until(700.0)

    assert room.runs_of(DEV)[2:] == [(600.0, {"resync"})]


async def test_a_retry_that_is_due_later_is_not_answered_by_counts(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add_later(DEV, 10.0, Cause.RETRY)
        room.engine.add_later(DEV, 5.0, Cause.COUNTS)
        await until(20.0)

    assert room.runs_of(DEV) == [(5.0, {"counts"}), (10.0, {"retry", "resync"})]


async def test_counts_that_are_due_together_with_more_are_part_of_it(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add_later(DEV, 5.0, Cause.COUNTS)
        room.engine.add_later(DEV, 5.0, Cause.RELATED)
        room.engine.add_later(DEV, 50.0, Cause.COUNTS)
        await until(100.0)

    assert room.runs_of(DEV) == [(5.0, {"counts", "related"})]


async def test_a_key_that_falls_due_without_a_cause_is_a_resync(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.wheel.schedule(DEV, 3.0)
        await until(4.0)

    assert room.runs_of(DEV) == [(3.0, {"resync"})]


async def test_a_forgotten_key_does_not_come_back(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        room.engine.add_later(TEAM, 10.0, Cause.COUNTS)
        await until(1.0)
        room.engine.forget(DEV)
        room.engine.forget(TEAM)
        await until(2000.0)

    assert room.runs == [(0.0, DEV, {"changed"})]


async def test_causes_of_a_forgotten_key_are_not_told_of_the_next_of_its_name(room: EngineRoom) -> None:
    with at_work(room):
        room.engine.add_later(DEV, 10.0, Cause.COUNTS)
        room.engine.forget(DEV)
        room.engine.add_later(DEV, 20.0, Cause.RELATED)
        await until(30.0)

    assert room.runs_of(DEV) == [(20.0, {"related"})]


@pytest.mark.parametrize("outcome", [None, RetryLater("not yet"), ValueError("a bug")], ids=str)
async def test_a_key_that_is_forgotten_during_its_run_plans_no_other(
    room: EngineRoom, outcome: Exception | None
) -> None:
    room.seconds_of_work = 5.0
    room.outcomes = [outcome]
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(1.0)
        room.engine.forget(DEV)
        await until(2000.0)

    assert room.runs_of(DEV) == [(0.0, {"changed"})]
    assert len(room.engine.wheel) == 0


async def test_one_made_again_during_the_last_run_of_the_old_one_is_worked_on(room: EngineRoom) -> None:
    room.seconds_of_work = 5.0
    with at_work(room):
        room.engine.add(DEV, Cause.CHANGED)
        await until(1.0)
        room.engine.forget(DEV)
        room.engine.add(DEV, Cause.CHANGED)
        await until(700.0)

    assert room.runs_of(DEV) == [(0.0, {"changed"}), (5.0, {"changed"}), (610.0, {"resync"})]
