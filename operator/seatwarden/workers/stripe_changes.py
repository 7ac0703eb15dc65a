"""Hands over what changed at Stripe, from the stream of events: each object at least once after its last event.

One round, again and again: tell Redis what is done with, say that we still have what we have, adopt what others left, take what
is new, begin what is due. Whatever happens between two of these, an entry stays in the stream until it was handed over with
success, or given up with a word in the log. So an object may be handed over twice, and is never forgotten.

Only the operator that leads runs it. That is for economy: two at a time would do the same work, not harm.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import FIRST, StripeStream
from seatwarden.domain.backoff import Backoff, spread
from seatwarden.domain.stripe_agenda import Agenda, Entry, HandOver, Patience
from seatwarden.domain.stripe_events import Change
from seatwarden.workers import metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_AWAY = Backoff(first=0.5, longest=10.0)
_KINDS_OF_TROUBLE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesSettings:
    """Times are in seconds."""

    look: float = 0.5
    """How long to wait for new events when there were none."""
    hand_overs: int = 8
    """Objects that are handed over at a time."""
    hand_over_seconds: float = 60.0
    """How long one may take."""
    most_held: int = 20_000
    """Entries that are taken and not done with. The others wait in Redis."""
    batch: int = 500
    """Entries that are taken at a time."""
    keep: float = 20.0
    """How often to say that we still have what we have, and to look for what others left."""
    stale: float = 90.0
    """After what time without such a word an entry was left."""
    finish: float = 10.0
    """How long hand-overs may go on when we are to stop."""
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        if self.stale < 3 * self.keep:
            raise ValueError(
                "stale has to be three times keep at least, or entries are adopted that somebody has"
            )


class StripeChanges:
    """Takes from ``stream`` and awaits ``handle(change)``, which raises where the object could not be looked at.

    ``clock`` gives seconds that never go back, ``wall`` seconds since 1970, ``jitter`` numbers from 0 up to 1.
    """

    def __init__(
        self,
        stream: StripeStream,
        handle: Callable[[Change], Awaitable[None]],
        *,
        settings: ChangesSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        consumer: str | None = None,
    ) -> None:
        self._stream = stream
        self._handle = handle
        self._settings = settings or ChangesSettings()
        self._clock = clock
        self._wall = wall
        self._jitter = jitter
        self._consumer = consumer or uuid4().hex
        self._agenda = Agenda(self._settings.patience)
        self._in_the_air: set[asyncio.Task[None]] = set()
        self._done: list[str] = []
        self._given_up: list[tuple[Entry, str]] = []
        self._last = FIRST
        self._look_from: str | None = FIRST
        self._stale_ms = 0  # at first whatever was left, by whomever: we lead now
        self._kept = clock()
        self._news = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; then let hand-overs finish for a while. When it is cancelled, it stops at once."""
        stopping = asyncio.create_task(stop.wait())
        away = 0
        try:
            while not stop.is_set():
                try:
                    more = await self.round()
                except AuthorityUnavailable as error:
                    if not away:
                        log.warning("events of Stripe wait, as Redis does not answer", reason=str(error))
                    pause = _AWAY.delay(away, self._jitter())
                    away += 1
                else:
                    if away:
                        log.info("Redis answers again, events of Stripe are handed over")
                    away, pause = 0, 0.0 if more else self._pause()
                await self._wait(stopping, pause, waits_for_news=not away)
            await self._finish()
        finally:
            stopping.cancel()
            await self._abort()
            metrics.STRIPE_HELD.set(0)

    async def round(self) -> bool:
        """One round; whether there may be more to take at once.

        Raises:
            AuthorityUnavailable: Redis does not answer. Nothing is lost; go on later.
        """
        self._news.clear()
        await self._settle()
        await self._keep()
        more = await self._adopt()
        more = await self._take() or more
        await self._begin()
        metrics.STRIPE_HELD.set(len(self._agenda))
        return more

    async def landed(self) -> None:
        """Return when nothing is being handed over."""
        while self._in_the_air:
            await asyncio.wait(self._in_the_air)

    async def _settle(self) -> None:
        """Tell Redis what is done with and what was given up."""
        if self._done:
            done = list(self._done)
            await self._stream.done(done)
            del self._done[: len(done)]
            metrics.STRIPE_EVENTS_DONE.inc(len(done))
        while self._given_up:
            why = self._given_up[0][1]
            alike = [entry for entry, reason in self._given_up if reason == why]
            await self._stream.bury(alike, why)
            buried = {entry.id for entry in alike}
            self._given_up = [one for one in self._given_up if one[0].id not in buried]
            metrics.STRIPE_DEAD_LETTERS.inc(len(alike))

    async def _keep(self) -> None:
        now = self._clock()
        if now - self._kept < self._settings.keep:
            return
        held = [*self._agenda.held, *self._done, *(entry.id for entry, _ in self._given_up)]
        await self._stream.keep(self._consumer, held)
        backlog = await self._stream.backlog()
        metrics.STRIPE_BACKLOG.set(backlog.waiting)
        metrics.STRIPE_BACKLOG_AGE.set(backlog.oldest_ms / 1000)
        self._kept = now
        if self._look_from is None:
            self._look_from, self._stale_ms = FIRST, int(self._settings.stale * 1000)

    async def _adopt(self) -> bool:
        room = self._room()
        if self._look_from is None or not room:
            return False
        entries, self._look_from = await self._stream.adopt(
            self._consumer, stale_ms=self._stale_ms, start=self._look_from, count=room
        )
        # They are among what `take` finds to be ours, and are not to be given to us by it as well.
        self._last = max([self._last, *(entry.id for entry in entries)], key=_place)
        self._add(entries)
        return self._look_from is not None

    async def _take(self) -> bool:
        room = self._room()
        if not room or self._takes_over:
            return False
        entries = await self._stream.take(self._consumer, last=self._last, count=room)
        if entries:
            self._last = entries[-1].id
        self._add(entries)
        return len(entries) == room

    @property
    def _takes_over(self) -> bool:
        """Is what others left before we began still being looked through? What we took meanwhile would be among it."""
        return self._look_from is not None and not self._stale_ms

    def _room(self) -> int:
        held = len(self._agenda) + len(self._done) + len(self._given_up)
        return max(0, min(self._settings.batch, self._settings.most_held - held))

    def _add(self, entries: list[Entry]) -> None:
        now = self._clock()
        settled = {*self._done, *(entry.id for entry, _ in self._given_up)}
        for entry in entries:
            if entry.id not in settled:
                self._agenda.add(entry, now)

    async def _begin(self) -> None:
        now = self._clock()
        begun = self._agenda.begin(now, self._settings.hand_overs - len(self._in_the_air))
        again = [entry for hand_over in begun for entry in hand_over.again]
        try:
            if again:  # said before it is done, so that what ends this process is not tried for ever
                await self._stream.keep(self._consumer, again, tries=True)
        except BaseException:
            for hand_over in begun:
                self._agenda.postponed(hand_over, now)
            raise
        for hand_over in begun:
            task = asyncio.create_task(self._hand_over(hand_over))
            self._in_the_air.add(task)
            task.add_done_callback(self._in_the_air.discard)

    async def _hand_over(self, hand_over: HandOver) -> None:
        changed = hand_over.change.object
        try:
            async with asyncio.timeout(self._settings.hand_over_seconds):
                await self._handle(hand_over.change)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._failed(hand_over, "what it waited for was cancelled", "failed")
        except TimeoutError:
            self._failed(hand_over, f"it took longer than {self._settings.hand_over_seconds:g} s", "late")
        except Exception as error:  # noqa: BLE001  # the edge of the hand-over: it is tried again
            # Only the name: what Stripe says in an error may hold what a customer has entered.
            self._failed(hand_over, type(error).__name__, "failed")
        else:
            done = self._agenda.succeeded(hand_over, self._clock())
            self._done.extend(done)
            metrics.STRIPE_HAND_OVERS.labels(result="ok").inc()
            log.debug("handed over", object_kind=changed.kind.value, object_id=changed.id, events=len(done))
        self._news.set()

    def _failed(self, hand_over: HandOver, why: str, result: str) -> None:
        why = why[:_KINDS_OF_TROUBLE]
        over = self._agenda.failed(hand_over, self._clock(), int(self._wall() * 1000), self._jitter())
        self._given_up.extend((entry, why) for entry in over)
        metrics.STRIPE_HAND_OVERS.labels(result=result).inc()
        changed = hand_over.change.object
        tries = max(entry.tries for entry in hand_over.entries)
        about = {"object_kind": changed.kind.value, "object_id": changed.id, "tries": tries, "reason": why}
        if over:
            log.error(
                "gave up on events of Stripe; `seatwarden dead-letters` has them", events=len(over), **about
            )
        else:
            log.warning("what changed at Stripe could not be looked at; it is tried again", **about)

    def _pause(self) -> float:
        pause = spread(self._settings.look, self._jitter())
        due = self._agenda.next_due()
        if due is None or len(self._in_the_air) >= self._settings.hand_overs:
            return pause
        return max(0.0, min(pause, due - self._clock()))

    async def _wait(self, stopping: "asyncio.Task[bool]", seconds: float, *, waits_for_news: bool) -> None:
        if not seconds:
            await asyncio.sleep(0)
            return
        news = asyncio.create_task(self._news.wait() if waits_for_news else asyncio.Event().wait())
        try:
            await asyncio.wait({stopping, news}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    async def _finish(self) -> None:
        if self._in_the_air:
            await asyncio.wait(self._in_the_air, timeout=self._settings.finish)
        try:
            await self._settle()
        except AuthorityUnavailable as error:
            log.warning("what was handed over will be handed over again", reason=str(error))

    async def _abort(self) -> None:
        for task in self._in_the_air:
            task.cancel()
        await asyncio.gather(*self._in_the_air, return_exceptions=True)


def _place(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
