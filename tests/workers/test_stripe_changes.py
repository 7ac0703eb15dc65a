"""What changed at Stripe is handed over, on a real Valkey."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import STRIPE_KEYS
from seatwarden.backends.stripe_stream import FIRST, StripeStream
from seatwarden.domain.backoff import Backoff
from seatwarden.domain.stripe_agenda import Patience
from seatwarden.local.valkey import valkey_server
from seatwarden.workers import metrics
from seatwarden.workers.stripe_changes import ChangesSettings, StripeChanges
from tests.workers.conftest import Begin
from tests.workers.crashing_stream import Crash, CrashingStream
from tests.workers.looker import Looker, Time
from tests.workers.stripe_objects import change_of, event_about

if TYPE_CHECKING:
    from redis.asyncio import Redis

SETTINGS = ChangesSettings(patience=Patience(pauses=Backoff(first=10.0, longest=10.0), most_tries=3))


async def rounds(changes: StripeChanges, count: int = 1) -> None:
    """So many rounds, and all hand-overs that they begin."""
    for _ in range(count):
        await changes.round()
        await changes.landed()


async def filled(stream: StripeStream, objects: int, events: int = 1) -> None:
    for number in range(objects * events):
        await stream.append(event_about(number % objects, f"evt_{number}"))


async def waiting(stream: StripeStream) -> tuple[int, int]:
    backlog = await stream.backlog()
    return backlog.waiting, backlog.dead


async def test_each_object_is_handed_over_once_for_all_its_events(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, objects=3, events=20)
    await rounds(begin(), 2)
    assert looker.looked == {"sub_0": 1, "sub_1": 1, "sub_2": 1}
    assert looker.changes == [change_of(number) for number in range(3)]
    assert await waiting(stream) == (0, 0)


async def test_an_event_that_comes_while_its_object_is_looked_at_makes_it_be_looked_at_again(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 1)
    changes = begin()
    looker.gate.clear()
    await changes.round()
    await stream.append(event_about(0, "evt_later"))
    await changes.round()
    assert looker.begun["sub_0"] <= 1
    looker.gate.set()
    await changes.landed()
    await rounds(changes, 2)
    assert looker.looked["sub_0"] == 2
    assert await waiting(stream) == (0, 0)


async def test_nothing_is_done_with_before_it_succeeded(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 1)
    looker.broken["sub_0"] = RuntimeError("no")
    await rounds(begin(settings=SETTINGS), 5)
    assert looker.begun["sub_0"] == 1, "the next try has to wait"
    assert await waiting(stream) == (1, 0)


async def test_a_failure_is_tried_again_later_and_then_given_up(
    stream: CrashingStream, begin: Begin, looker: Looker, time: Time
) -> None:
    await filled(stream, 1)
    looker.broken["sub_0"] = PermissionError("person@example.com may not")
    changes = begin(settings=SETTINGS)
    before = metrics.STRIPE_DEAD_LETTERS._value.get()
    for _ in range(3):
        await rounds(changes)
        time.seconds += 10
    await rounds(changes)
    assert looker.begun["sub_0"] == 3
    (letter,) = await stream.dead()
    assert letter.entry is not None
    assert (letter.entry.event, letter.entry.tries, letter.why) == ("evt_0", 3, "PermissionError")
    assert await waiting(stream) == (0, 1)
    assert metrics.STRIPE_DEAD_LETTERS._value.get() == before + 1


async def test_what_was_given_up_and_put_back_is_tried_anew(
    stream: CrashingStream, begin: Begin, looker: Looker, time: Time
) -> None:
    await filled(stream, 1)
    looker.broken["sub_0"] = RuntimeError("no")
    changes = begin(settings=SETTINGS)
    for _ in range(4):
        await rounds(changes)
        time.seconds += 10
    looker.broken.clear()
    assert await stream.replay([letter.id for letter in await stream.dead()]) == 1
    await rounds(changes, 2)
    assert looker.looked["sub_0"] == 1
    assert await waiting(stream) == (0, 0)


async def test_one_object_that_fails_holds_up_no_other(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 5)
    looker.broken["sub_0"] = RuntimeError("no")
    await rounds(begin(settings=SETTINGS), 3)
    assert sorted(looker.looked) == ["sub_1", "sub_2", "sub_3", "sub_4"]


async def test_a_hand_over_that_takes_too_long_has_failed(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 1)
    looker.gate.clear()
    await rounds(begin(settings=ChangesSettings(hand_over_seconds=0.01)))
    assert looker.looked["sub_0"] == 0
    assert await waiting(stream) == (1, 0)


async def test_a_hand_over_whose_own_work_was_cancelled_is_tried_again(
    stream: CrashingStream, begin: Begin, looker: Looker, time: Time
) -> None:
    await filled(stream, 1)
    looker.broken["sub_0"] = asyncio.CancelledError()
    changes = begin(settings=SETTINGS)
    await rounds(changes)
    looker.broken.clear()
    time.seconds += 10
    await rounds(changes, 2)
    assert looker.looked["sub_0"] == 1
    assert await waiting(stream) == (0, 0)


async def test_no_more_are_in_the_air_than_allowed_and_the_others_follow(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 10)
    looker.gate.clear()
    changes = begin(settings=ChangesSettings(hand_overs=3))
    for _ in range(3):
        await changes.round()
        await asyncio.sleep(0)
    assert looker.begun.total() == 3
    looker.gate.set()
    await rounds(changes, 5)
    assert looker.looked.total() == 10


async def test_no_more_is_taken_than_can_be_held(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 10)
    looker.gate.clear()
    changes = begin(settings=ChangesSettings(most_held=4, batch=3))
    for _ in range(5):
        await changes.round()
    assert len(changes._agenda) == 4
    looker.gate.set()
    await changes.landed()
    await rounds(changes, 10)
    assert looker.looked.total() == 10
    assert await waiting(stream) == (0, 0)


async def test_what_the_leader_before_left_is_taken_over_at_once_with_its_tries(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 3)
    entries = await stream.take("before", last=FIRST, count=2)
    await stream.keep("before", [entries[0].id], tries=True)
    looker.broken["sub_0"] = RuntimeError("no")
    await rounds(begin(settings=SETTINGS), 3)
    assert sorted(looker.looked) == ["sub_1", "sub_2"]
    (letter,) = await stream.dead()
    assert letter.entry is not None
    assert letter.entry.tries == 3


async def test_what_ends_the_process_each_time_is_given_up_in_the_end(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    await filled(stream, 2)
    looker.broken["sub_0"] = Crash()
    for _ in range(3):
        ending = begin(settings=SETTINGS)
        await ending.round()
        died = await asyncio.gather(*ending._in_the_air, return_exceptions=True)
        assert any(isinstance(one, Crash) for one in died)
    looker.broken["sub_0"] = RuntimeError("now it fails, as it was tried three times before")
    await rounds(begin(settings=SETTINGS), 3)
    assert [letter.entry.tries for letter in await stream.dead() if letter.entry] == [4]


async def test_what_another_took_later_and_left_is_adopted_when_it_is_stale(
    stream: CrashingStream, begin: Begin, looker: Looker, time: Time, redis: "Redis"
) -> None:
    changes = begin()
    await rounds(changes)
    await filled(stream, 2)
    left, kept = await stream.take("deposed", last=FIRST, count=2)
    await redis.xclaim(STRIPE_KEYS.events, "operator", "deposed", 0, [left.id], idle=100_000, justid=True)
    await rounds(changes)
    assert not looker.looked
    time.seconds += 20
    await rounds(changes, 2)
    assert looker.looked == {"sub_0": 1}
    assert (await waiting(stream), kept.event) == ((1, 0), "evt_1")


async def test_what_waits_for_its_next_try_is_not_adopted_by_another(
    stream: CrashingStream, begin: Begin, looker: Looker, time: Time, redis: "Redis"
) -> None:
    await filled(stream, 1)
    looker.broken["sub_0"] = RuntimeError("no")
    patient = ChangesSettings(patience=Patience(pauses=Backoff(first=1000.0, longest=1000.0)))
    changes = begin(settings=patient)
    await rounds(changes)
    found: Any = await redis.xrange(STRIPE_KEYS.events)
    ((entry_id, _),) = found
    await redis.xclaim(
        STRIPE_KEYS.events, "operator", changes._consumer, 0, [entry_id], idle=100_000, justid=True
    )
    time.seconds += 20
    await changes.round()
    assert await stream.adopt("other", stale_ms=90_000, start=FIRST, count=10) == ([], None)


async def test_after_three_days_without_an_operator_nothing_is_given_up_at_its_first_failure(
    stream: CrashingStream, begin: Begin, looker: Looker, time: Time
) -> None:
    await filled(stream, 2)
    time.seconds += 3 * 86400
    looker.broken["sub_0"] = RuntimeError("no")
    changes = begin()
    await rounds(changes, 2)
    assert await waiting(stream) == (1, 0)
    looker.broken.clear()
    time.seconds += 10
    await rounds(changes, 2)
    assert looker.looked == {"sub_0": 1, "sub_1": 1}


async def test_a_replay_of_ten_thousand_events_is_one_hand_over_for_each_object_of_a_batch(
    stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    objects, events = 100, 100
    sent = (event_about(number % objects, f"evt_{number}") for number in range(objects * events))
    for _ in range(events):
        await asyncio.gather(*(stream.append(next(sent)) for _ in range(objects)))
    assert (await waiting(stream))[0] == objects * events
    changes = begin(settings=ChangesSettings(hand_overs=100))
    while (await waiting(stream))[0]:
        await rounds(changes)
    assert set(looker.looked) == {f"sub_{number}" for number in range(objects)}
    # One for each object in each batch of 500, and not one for each event.
    assert looker.looked.total() <= objects * (objects * events / 500 + 1)


async def test_redis_that_is_away_stops_nothing_for_good(looker: Looker) -> None:
    async with valkey_server() as server:
        stream = StripeStream.connect(server.url, time_limit_seconds=1.0)
        changes = StripeChanges(stream, looker.look, settings=ChangesSettings(look=0.01))
        stop = asyncio.Event()
        running = asyncio.create_task(changes.run(stop))
        try:
            await stream.append(event_about(1))
            async with asyncio.timeout(20):
                while not looker.looked["sub_1"]:  # noqa: ASYNC110  # seen from outside only
                    await asyncio.sleep(0.01)
            server.stop()
            with pytest.raises(AuthorityUnavailable):
                await stream.append(event_about(2))
            await server.start()
            async with asyncio.timeout(60):
                while not looker.looked["sub_2"]:
                    with contextlib.suppress(AuthorityUnavailable):
                        await stream.append(event_about(2))
                    await asyncio.sleep(0.05)
        finally:
            stop.set()
            await running
            await stream.close()


async def test_when_it_is_to_stop_what_is_in_the_air_lands_and_is_done_with(
    stream: CrashingStream, looker: Looker
) -> None:
    await filled(stream, 2)
    looker.gate.clear()
    stop = asyncio.Event()
    running = asyncio.create_task(StripeChanges(stream, looker.look).run(stop))
    async with asyncio.timeout(20):
        while looker.begun.total() < 2:  # noqa: ASYNC110  # seen from outside only
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.sleep(0)
    looker.gate.set()
    await running
    assert looker.looked.total() == 2
    assert await waiting(stream) == (0, 0)


async def test_when_it_is_cancelled_nothing_lands_and_nothing_is_lost(
    stream: CrashingStream, looker: Looker, begin: Begin
) -> None:
    await filled(stream, 1)
    looker.gate.clear()
    running = asyncio.create_task(StripeChanges(stream, looker.look).run(asyncio.Event()))
    async with asyncio.timeout(20):
        while not looker.begun:  # noqa: ASYNC110  # seen from outside only
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    looker.gate.set()
    assert (looker.looked.total(), await waiting(stream)) == (0, (1, 0))
    await rounds(begin(), 2)
    assert (looker.looked.total(), await waiting(stream)) == (1, (0, 0))


def test_entries_cannot_become_stale_while_they_are_kept() -> None:
    with pytest.raises(ValueError, match="three times keep"):
        ChangesSettings(keep=40.0)
