"""What the engine makes of runs that fail."""

import asyncio
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.kubernetes_api import (
    Conflict,
    Forbidden,
    KubernetesError,
    KubernetesUnavailable,
    NotFound,
)
from seatwarden.domain.backoff import Backoff
from seatwarden.reconcilers.engine import Cause, NoSuchObject, NotLeading, RetryLater
from tests.reconcilers.engine_room import DEV, TEAM, EngineRoom
from tests.reconcilers.virtual_time import until


@pytest.fixture
async def room() -> EngineRoom:
    return EngineRoom()


async def work_until(room: EngineRoom, instant: float) -> None:
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(room.engine.run()), group.create_task(room.engine.wheel.run())]
        await until(instant)
        for task in running:
            task.cancel()


def counted(result: str) -> float:
    labels = {"kind": "SeatPool", "result": result}
    return REGISTRY.get_sample_value("seatwarden_reconciles_total", labels) or 0.0


def delay(attempt: int) -> float:
    return Backoff().delay(attempt, 0.5)


async def test_a_failing_run_is_repeated_after_growing_pauses(room: EngineRoom) -> None:
    room.outcomes = [RetryLater("not yet")] * 4
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 30.0)

    instants = [sum(delay(attempt) for attempt in range(failures)) for failures in range(5)]
    assert [when for when, _ in room.runs_of(DEV)] == pytest.approx(instants)
    assert [causes for _, causes in room.runs_of(DEV)] == [{"changed"}] + [{"retry"}] * 4


async def test_pauses_begin_anew_after_a_success(room: EngineRoom) -> None:
    room.outcomes = [RetryLater("not yet")] * 3 + [100.0, RetryLater("again")]
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 500.0)

    recovered = sum(delay(attempt) for attempt in range(3))
    instants = [when for when, _ in room.runs_of(DEV)]
    assert instants[3:] == pytest.approx([recovered, recovered + 100.0, recovered + 100.0 + delay(0)])


async def test_counts_that_could_be_told_do_not_end_the_growth_of_pauses(room: EngineRoom) -> None:
    room.outcomes = [RetryLater("not yet")] * 3 + [None, RetryLater("not yet")]
    room.engine.add(DEV, Cause.CHANGED)
    asyncio.get_running_loop().call_later(delay(0) + delay(1) + 0.1, room.engine.add, DEV, Cause.COUNTS)
    await work_until(room, 30.0)

    assert [causes for _, causes in room.runs_of(DEV)][3] == {"counts"}
    instants = [when for when, causes in room.runs_of(DEV) if causes != {"counts"}]
    assert instants == pytest.approx([sum(delay(attempt) for attempt in range(n)) for n in range(5)])


async def test_each_key_has_its_own_pauses(room: EngineRoom) -> None:
    room.outcomes = [RetryLater("not yet")] * 2
    room.engine.add(DEV, Cause.CHANGED)
    room.engine.add(TEAM, Cause.CHANGED)
    await work_until(room, 10.0)

    assert [when for when, _ in room.runs_of(DEV)] == [0.0, delay(0)]
    assert [when for when, _ in room.runs_of(TEAM)] == [0.0, delay(0)]


async def test_pauses_never_grow_beyond_the_longest(room: EngineRoom) -> None:
    room.outcomes = [RetryLater("never")] * 100
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 3600.0)

    instants = [when for when, _ in room.runs_of(DEV)]
    assert max(later - earlier for earlier, later in pairwise(instants)) == 45.0


@pytest.mark.parametrize(("retry_after", "seconds"), [(90.0, 90.0), (0.1, 0.375), (None, 0.375)])
async def test_a_server_that_says_when_to_come_back_is_obeyed(
    room: EngineRoom, retry_after: float | None, seconds: float
) -> None:
    room.outcomes = [KubernetesUnavailable("busy", retry_after=retry_after)]
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 100.0)

    assert [when for when, _ in room.runs_of(DEV)] == [0.0, seconds]


async def test_a_server_that_asks_to_stay_away_is_obeyed_whatever_else_is_planned(room: EngineRoom) -> None:
    room.engine.add_later(DEV, 40.0, Cause.RELATED)
    room.outcomes = [None, KubernetesUnavailable("busy", retry_after=90.0)]
    room.engine.add(DEV, Cause.CHANGED)
    asyncio.get_running_loop().call_later(10.0, room.engine.add, DEV, Cause.CHANGED)
    asyncio.get_running_loop().call_later(20.0, room.engine.add_later, DEV, 10.0, Cause.COUNTS)
    await work_until(room, 200.0)

    assert [(when, causes - {"resync"}) for when, causes in room.runs_of(DEV)] == [
        (0.0, {"changed"}),
        (10.0, {"changed"}),
        (100.0, {"related", "counts", "retry"}),
    ]


async def test_what_people_changed_is_tried_at_once_although_the_server_was_busy(room: EngineRoom) -> None:
    room.engine.add_later(DEV, 40.0, Cause.CHANGED)
    room.outcomes = [KubernetesUnavailable("busy", retry_after=90.0)]
    room.engine.add(DEV, Cause.RELATED)
    asyncio.get_running_loop().call_later(20.0, room.engine.add, DEV, Cause.CHANGED)
    await work_until(room, 200.0)

    assert [when for when, _ in room.runs_of(DEV)] == [0.0, 20.0, 40.0]


async def test_a_new_object_of_the_name_does_not_stay_away(room: EngineRoom) -> None:
    room.outcomes = [KubernetesUnavailable("busy", retry_after=90.0)]
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 1.0)
    room.engine.forget(DEV)
    room.engine.add_later(DEV, 10.0, Cause.COUNTS)
    await work_until(room, 20.0)

    assert [when for when, _ in room.runs_of(DEV)] == [0.0, 11.0]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (RetryLater("not yet"), "retry"),
        (KubernetesUnavailable("away"), "retry"),
        (AuthorityUnavailable("away"), "retry"),
        (KubernetesError("invalid"), "refused"),
        (Forbidden("may not"), "refused"),
        (Conflict("changed"), "refused"),
        (ValueError("a bug"), "error"),
        (ExceptionGroup("bugs", [ValueError("one of them")]), "error"),
    ],
    ids=lambda told: told if isinstance(told, str) else type(told).__name__,
)
async def test_every_failure_is_counted_as_what_it_is_and_tried_again(
    room: EngineRoom, error: Exception, result: str
) -> None:
    before, well = counted(result), counted("ok")
    room.outcomes = [error]
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 10.0)

    assert [when for when, _ in room.runs_of(DEV)] == [0.0, delay(0)]
    assert (counted(result) - before, counted("ok") - well) == (1.0, 1.0)


@pytest.mark.parametrize(
    "gone", [NotFound("gone"), NoSuchObject("gone")], ids=lambda gone: type(gone).__name__
)
async def test_an_object_that_is_gone_is_forgotten_with_its_failures(
    room: EngineRoom, gone: Exception
) -> None:
    before = counted("gone")
    room.outcomes = [RetryLater("not yet")] * 3 + [gone]
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 2000.0)

    assert len(room.runs_of(DEV)) == 4
    assert len(room.engine.wheel) == 0
    assert counted("gone") - before == 1.0

    room.outcomes = [RetryLater("a new one of its name")]
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 2010.0)
    assert [when for when, _ in room.runs_of(DEV)][4:] == [2000.0, 2000.0 + delay(0)]


async def test_the_failure_of_a_run_during_which_its_object_went_is_not_held_against_the_next_of_its_name(
    room: EngineRoom,
) -> None:
    room.seconds_of_work = 1.0
    room.outcomes = [RetryLater("not yet")] * 2
    room.engine.add(DEV, Cause.CHANGED)
    asyncio.get_running_loop().call_later(0.5, room.engine.forget, DEV)
    await work_until(room, 100.0)
    assert [when for when, _ in room.runs_of(DEV)] == [0.0]

    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 110.0)
    assert [when for when, _ in room.runs_of(DEV)][1:] == [100.0, 101.0 + delay(0)]


async def test_a_failing_key_does_not_keep_others_from_their_turn(room: EngineRoom) -> None:
    room.engine.workers = 1
    room.outcomes = [ValueError("a bug")]
    room.engine.add(DEV, Cause.CHANGED)
    room.engine.add(TEAM, Cause.CHANGED)
    await work_until(room, 0.0)

    assert [key for _, key, _ in room.runs] == [DEV, TEAM]


async def test_who_does_not_lead_stops_everything_at_once(room: EngineRoom) -> None:
    room.outcomes = [NotLeading("another leads")]
    room.seconds_of_work = 1.0
    room.engine.add(DEV, Cause.CHANGED)
    running = asyncio.create_task(room.engine.run())
    await until(0.5)
    room.engine.add(TEAM, Cause.CHANGED)
    await until(0.9)
    with pytest.raises(ExceptionGroup) as stopped:
        await running

    assert stopped.group_contains(NotLeading)
    assert asyncio.get_running_loop().time() == 1.0
    room.engine.add(DEV, Cause.CHANGED)
    await until(60.0)
    assert len(room.runs) == 2


async def test_a_run_that_is_cancelled_is_no_failure(room: EngineRoom) -> None:
    before = counted("error")
    room.seconds_of_work = 10.0
    room.engine.add(DEV, Cause.CHANGED)
    await work_until(room, 1.0)

    assert counted("error") == before
    assert room.engine.queue.idle
    assert len(room.engine.wheel) == 0
