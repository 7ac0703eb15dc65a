"""Whatever happens, and wherever a process ends: each object is handed over after its last event that was accepted.

A seeded search over histories, on a real Valkey: events that come once or often, objects that cannot be looked at for a while,
consumers that end between any two steps, and two consumers at a time, as when a leader does not know yet that it was deposed.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis

from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.backends.stripe_stream import Taken
from seatwarden.domain.backoff import Backoff
from seatwarden.domain.stripe_agenda import Patience
from seatwarden.domain.stripe_events import Change
from seatwarden.workers.stripe_changes import ChangesSettings, StripeChanges
from tests.workers.crashing_stream import Crash, CrashingStream
from tests.workers.looker import Time
from tests.workers.stripe_objects import event_about

OBJECTS = st.integers(0, 2)
WHICH = st.integers(0, 1)
SETTINGS = ChangesSettings(
    batch=3,
    most_held=6,
    hand_overs=2,
    patience=Patience(pauses=Backoff(first=1.0, longest=4.0), most_tries=4, most_tries_when_old=2),
)
ENOUGH_ROUNDS = 60


class Histories(RuleBasedStateMachine):
    """One stream, up to two consumers of it, and what each object is owed."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.time = Time()
        self.moment = 0
        self.events = 0
        self.accepted: dict[str, int] = {}
        """When an event about an object was accepted last."""
        self.looked: dict[str, int] = {}
        """When a look at an object that succeeded began last."""
        self.broken: set[str] = set()
        self.consumers: list[tuple[StripeChanges, CrashingStream]] = []
        self.run(self._begin())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def _begin(self) -> None:
        async with Redis.from_url(self.url) as client:
            await client.flushall()
        self.receiver = CrashingStream(self._runner())
        self.gate = asyncio.Event()

    def _runner(self) -> ScriptRunner:
        return ScriptRunner(read_redis_url(self.url), time_limit_seconds=20.0)

    def _now(self) -> int:
        self.moment += 1
        return self.moment

    async def look(self, change: Change) -> None:
        began = self._now()
        await self.gate.wait()
        if change.object.id in self.broken:
            raise RuntimeError("it cannot be looked at")
        self.looked[change.object.id] = began

    async def _accept(self, number: int, times: int) -> None:
        self.events += 1
        event = event_about(number, f"evt_{self.events}")
        outcomes = [await self.receiver.append(event) for _ in range(times)]
        assert outcomes == [Taken.NEW, *[Taken.KNOWN] * (times - 1)]
        self.accepted[event.change.object.id] = self._now()

    @rule(number=OBJECTS, times=st.integers(1, 3))
    def an_event_comes(self, number: int, times: int) -> None:
        self.run(self._accept(number, times))

    @rule(number=OBJECTS)
    def an_object_cannot_be_looked_at(self, number: int) -> None:
        self.broken.add(f"sub_{number}")

    @rule(number=OBJECTS)
    def an_object_can_be_looked_at(self, number: int) -> None:
        self.broken.discard(f"sub_{number}")

    @rule(seconds=st.sampled_from([0.5, 3.0, 25.0, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        self.time.seconds += seconds

    @precondition(lambda self: len(self.consumers) < 2)
    @rule()
    def a_consumer_begins(self) -> None:
        self.run(self._add_consumer())

    async def _add_consumer(self) -> None:
        stream = CrashingStream(self._runner())
        consumer = StripeChanges(
            stream,
            self.look,
            settings=SETTINGS,
            clock=self.time.now,
            wall=self.time.wall,
            jitter=lambda: 0.5,
            consumer=f"consumer-{self._now()}",
        )
        self.consumers.append((consumer, stream))

    @precondition(lambda self: self.consumers)
    @rule(which=WHICH)
    def a_round(self, which: int) -> None:
        self.run(self._round(which, None, lands=True))

    @precondition(lambda self: self.consumers)
    @rule(which=WHICH, number=OBJECTS)
    def an_event_comes_and_is_being_looked_at(self, which: int, number: int) -> None:
        self.run(self._accept(number, 1))
        self.run(self._round(which, None, lands=False))

    @precondition(lambda self: self.consumers)
    @rule(which=WHICH, crash_at=st.integers(0, 12), lands=st.booleans())
    def a_round_that_is_cut_short(
        self, which: int, crash_at: int, lands: bool
    ) -> None:  # hypothesis gives it
        self.run(self._round(which, crash_at, lands=lands))

    async def _round(self, which: int, crash_at: int | None, *, lands: bool) -> None:
        which %= len(self.consumers)
        consumer, stream = self.consumers[which]
        stream.strike(crash_at)
        self.gate.clear()  # a look takes until some later round lets it land
        try:
            await consumer.round()
            await asyncio.sleep(0)  # what was begun is being looked at
            if lands:
                self.gate.set()
                await consumer.landed()
        except Crash:
            await self._end(which)
        else:
            stream.strike(None)

    @precondition(lambda self: self.consumers)
    @rule(which=WHICH)
    def a_consumer_ends(self, which: int) -> None:
        self.run(self._end(which % len(self.consumers)))

    async def _end(self, which: int) -> None:
        consumer, stream = self.consumers.pop(which)
        stream.strike(None)
        await consumer._abort()
        await stream.close()

    def teardown(self) -> None:
        try:
            self.run(self._settle())
        finally:
            self.run(self._close())
            self.runner.close()

    async def _settle(self) -> None:
        """Everything can be looked at again, and one consumer goes on alone."""
        while self.consumers:
            await self._end(0)
        self.broken.clear()
        await self.receiver.replay([letter.id for letter in await self.receiver.dead()])
        await self._add_consumer()
        for _ in range(ENOUGH_ROUNDS):
            await self._round(0, None, lands=True)
            self.time.seconds += 10
            if not (await self.receiver.backlog()).waiting:
                break
        backlog = await self.receiver.backlog()
        assert (backlog.waiting, backlog.dead) == (0, 0)
        late = {one for one, at in self.accepted.items() if self.looked.get(one, 0) < at}
        assert not late, f"not handed over after their last event: {late}"

    async def _close(self) -> None:
        while self.consumers:
            await self._end(0)
        await self.receiver.close()


@pytest.mark.timeout(600)
def test_every_object_is_handed_over_after_its_last_event(redis_url: str) -> None:
    machine = type("HistoriesHere", (Histories,), {"url": redis_url})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=80, stateful_step_count=40, deadline=None)
    )


async def test_a_consumer_that_ends_between_any_two_steps_loses_nothing(redis_url: str) -> None:
    """Exhaustively, over a course with a success, a failure, a second try, and one that is given up."""
    points = 0
    while await _course(redis_url, crash_at=points):
        points += 1
    assert points >= 20


async def _course(url: str, *, crash_at: int) -> bool:
    """Whether the crash happened before the course was over."""
    async with Redis.from_url(url) as client:
        await client.flushall()
    stream = CrashingStream(ScriptRunner(read_redis_url(url), time_limit_seconds=20.0))
    looked: set[str] = set()
    failing = {"sub_1": 1, "sub_2": 99}
    time = Time()
    patience = Patience(pauses=Backoff(first=1.0, longest=1.0), most_tries=2)

    async def look(change: Change) -> None:
        if failing.get(change.object.id, 0) > 0:
            failing[change.object.id] -= 1
            raise RuntimeError("not now")
        looked.add(change.object.id)

    def consumer() -> StripeChanges:
        return StripeChanges(
            stream, look, settings=ChangesSettings(patience=patience), clock=time.now, wall=time.wall
        )

    async def go(one: StripeChanges) -> None:
        for _ in range(5):
            await one.round()
            await one.landed()
            time.seconds += 10

    try:
        for number in range(3):
            await stream.append(event_about(number))
        stream.strike(crash_at)
        crashed = False
        first = consumer()
        try:
            await go(first)
        except Crash:
            crashed = True
            await first._abort()
        stream.strike(None)
        await go(consumer())
        given_up = {letter.entry.change.object.id for letter in await stream.dead() if letter.entry}
        assert looked | given_up == {"sub_0", "sub_1", "sub_2"}, f"lost after step {crash_at}"
        assert "sub_0" in looked
        assert "sub_2" in given_up
        assert (await stream.backlog()).waiting == 0
    finally:
        await stream.close()
    return crashed
