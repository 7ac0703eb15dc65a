"""Which changed objects are to be handed over now, and what becomes of their entries.

Entries come in, one for each event. Those about one object are handed over as one. What comes in while an object is being
handed over is handed over after it: its reading may have begun before the change.

=============  ==========================================  ==================================================================
an object is   when                                        and then
=============  ==========================================  ==================================================================
waiting        it has entries, and its time may not have   a new entry makes it due at once: what was wrong may be mended
               come yet
in the air     it was begun                                success: the entries that were begun are done with.
                                                           failure: those that were tried too often are given up, and the
                                                           object waits with the others, longer each time
gone           it has no entries                           it is forgotten
=============  ==========================================  ==================================================================

No clock and no I/O: the same calls give the same answers.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from seatwarden.domain.backoff import Backoff
from seatwarden.domain.stripe_events import Change, ChangedObject

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event as it came from the stream; ``tries`` counts the one that it was given out for."""

    id: str
    event: str
    arrived_ms: int
    tries: int
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When to try again, and when to give an entry up.

    After an absence of the operator entries are old before they are first tried. So age alone is no reason.
    """

    pauses: Backoff = field(default_factory=lambda: Backoff(first=1.0, longest=600.0))
    most_tries: int = 100
    old_ms: int = DAY_MS
    most_tries_when_old: int = 12

    def is_over(self, entry: Entry, now_ms: int) -> bool:
        """Whether ``entry``, which has just failed, is given up."""
        old = now_ms - entry.arrived_ms >= self.old_ms
        return entry.tries >= (self.most_tries_when_old if old else self.most_tries)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """One object to hand over; ``again`` are those of its ``entries`` that were tried before by this process."""

    change: Change
    entries: tuple[Entry, ...]
    again: tuple[str, ...]


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    tried: bool = False


@dataclass(slots=True)
class _Object:
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    in_the_air: HandOver | None = None
    due: float = 0.0


class Agenda:
    """The objects of one consumer. ``now`` is in seconds of any clock that does not go back."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._objects: dict[ChangedObject, _Object] = {}
        self._held: set[str] = set()
        self._queue: list[tuple[float, int, ChangedObject]] = []
        self._numbers = 0

    @property
    def held(self) -> frozenset[str]:
        """The ids of all entries that are neither done with nor given up."""
        return frozenset(self._held)

    def __len__(self) -> int:
        """How many entries that are."""
        return len(self._held)

    def add(self, entry: Entry, now: float) -> bool:
        """Take ``entry`` in; False where it is here already."""
        if entry.id in self._held:
            return False
        self._held.add(entry.id)
        one = self._objects.setdefault(entry.change.object, _Object())
        one.waiting[entry.id] = _Waiting(entry)
        self._wait(entry.change.object, one, until=now)
        return True

    def begin(self, now: float, most: int) -> list[HandOver]:
        """Up to ``most`` objects that are due, those that are due longest first. They are in the air now."""
        begun: list[HandOver] = []
        while len(begun) < most and self._queue and self._queue[0][0] <= now:
            due, _, changed = heapq.heappop(self._queue)
            one = self._objects.get(changed)
            if one is None or one.in_the_air is not None or not one.waiting or one.due != due:
                continue  # it was put in again since, or will be when it has come down
            begun.append(self._begun(one))
        return begun

    def next_due(self) -> float | None:
        """When `begin` may have something to give; None where nothing waits for its time."""
        return self._queue[0][0] if self._queue else None

    def succeeded(self, hand_over: HandOver, now: float) -> tuple[str, ...]:
        """The object was looked at: the entries that are done with."""
        self._came_down(hand_over)
        done = tuple(entry.id for entry in hand_over.entries)
        self._settle(hand_over, done, now)
        return done

    def failed(self, hand_over: HandOver, now: float, now_ms: int, jitter: float) -> tuple[Entry, ...]:
        """The object could not be looked at: the entries that are given up. The others wait."""
        one = self._came_down(hand_over)
        over = tuple(entry for entry in hand_over.entries if self._patience.is_over(entry, now_ms))
        came_meanwhile = bool(one.waiting)
        for entry in hand_over.entries:
            one.waiting[entry.id] = _Waiting(entry, tried=True)
        tries = max(entry.tries for entry in hand_over.entries)
        pause = 0.0 if came_meanwhile else self._patience.pauses.delay(tries - 1, jitter)
        self._settle(hand_over, tuple(entry.id for entry in over), now + pause)
        return over

    def postponed(self, hand_over: HandOver, until: float) -> None:
        """The object was not handed over after all, which is no try of its own. It waits ``until`` then."""
        one = self._came_down(hand_over)
        for entry in hand_over.entries:
            again = entry.id in hand_over.again
            before = _tried(entry, -1) if again else entry
            one.waiting[entry.id] = _Waiting(before, tried=again)
        self._settle(hand_over, (), until)

    def _begun(self, one: _Object) -> HandOver:
        waiting: Sequence[_Waiting] = tuple(one.waiting.values())
        entries = tuple(_tried(each.entry, 1) if each.tried else each.entry for each in waiting)
        one.waiting.clear()
        one.in_the_air = HandOver(
            change=_together(entries),
            entries=entries,
            again=tuple(each.entry.id for each in waiting if each.tried),
        )
        return one.in_the_air

    def _came_down(self, hand_over: HandOver) -> _Object:
        one = self._objects[hand_over.change.object]
        assert one.in_the_air is hand_over, "what comes down was begun"
        one.in_the_air = None
        return one

    def _settle(self, hand_over: HandOver, gone: tuple[str, ...], until: float) -> None:
        changed = hand_over.change.object
        one = self._objects[changed]
        for entry_id in gone:
            self._held.discard(entry_id)
            one.waiting.pop(entry_id, None)
        if one.waiting:
            self._wait(changed, one, until=until)
        else:
            del self._objects[changed]

    def _wait(self, changed: ChangedObject, one: _Object, *, until: float) -> None:
        one.due = until
        self._numbers += 1
        heapq.heappush(self._queue, (until, self._numbers, changed))


def _tried(entry: Entry, times: int) -> Entry:
    return Entry(
        id=entry.id,
        event=entry.event,
        arrived_ms=entry.arrived_ms,
        tries=entry.tries + times,
        change=entry.change,
    )


def _together(entries: Sequence[Entry]) -> Change:
    """The change that they all are about, with the latest references that any of them has."""
    customer = subscription = ""
    for entry in entries:
        customer = entry.change.customer or customer
        subscription = entry.change.subscription or subscription
    return Change(object=entries[-1].change.object, customer=customer, subscription=subscription)
