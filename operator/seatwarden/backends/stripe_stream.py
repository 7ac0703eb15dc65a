"""Stripe's events on their way from the receiver to the operator: a stream in Redis, and what was given up beside it.

Every call may be repeated after a lost answer, and raises `AuthorityUnavailable` where Redis does not answer in time. The
scripts in ``lua/stripe`` tell what happens in Redis.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import structlog

from seatwarden.backends import redis_scripts
from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import STRIPE_KEYS
from seatwarden.backends.redis_link import Argument
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_scripts import Script
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.redis_fitness import unfit
from seatwarden.domain.stripe_agenda import DAY_MS, Entry
from seatwarden.domain.stripe_events import Change, ChangedObject, ObjectKind, StripeEvent

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FIRST = "0-0"
MOST_WAITING = 1_000_000
"""About 300 MB of Redis. Behind that the receiver refuses, and Stripe sends again for three days."""
REMEMBERED_MS = 5 * DAY_MS
"""Stripe sends an event again for three days."""
FORGOTTEN_MS = 3600 * 1000
"""After what time the name of a consumer that has ended is forgotten."""
UNREADABLE = "written by another version"
TIME_LIMIT_SECONDS = 2.0
# Lua passes on no more than some thousands of values at a time.
_AT_A_TIME = 1000


class Taken(IntEnum):
    """What became of an event."""

    NEW = 1
    KNOWN = 0
    NO_ROOM = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits to be looked at, for how long the oldest has, and what was given up."""

    waiting: int
    oldest_ms: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that was given up. ``id`` is what `StripeStream.replay` takes."""

    id: str
    entry: Entry | None
    """None: it was written by another version."""
    why: str


class StripeStream:
    """The stream, over connections of its own."""

    def __init__(
        self,
        runner: ScriptRunner,
        *,
        durability: Durability = VOLATILE,
        most_waiting: int = MOST_WAITING,
        remembered_ms: int = REMEMBERED_MS,
    ) -> None:
        self._durability = durability
        self._runner = runner
        self._most_waiting = most_waiting
        self._remembered_ms = remembered_ms

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        durability: Durability = VOLATILE,
        most_waiting: int = MOST_WAITING,
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
    ) -> "StripeStream":
        """The stream in that Redis; `close` it.

        Raises:
            ValueError: the URL cannot be read.
        """
        place = read_redis_url(url)
        runner = ScriptRunner(place, time_limit_seconds=time_limit_seconds, replicas=durability.replicas)
        return cls(runner, durability=durability, most_waiting=most_waiting)

    async def close(self) -> None:
        """Close the connections."""
        await self._runner.close()

    async def ready(self) -> None:
        """Return when Redis answers and may hold the stream."""
        await self.backlog()
        if (problem := unfit(await self._runner.facts(), self._durability)) is not None:
            raise AuthorityUnavailable(f"this Redis may not hold events of Stripe. {problem}")

    async def append(self, event: StripeEvent) -> Taken:
        """Take ``event`` in, once however often it comes."""
        fields = (word for pair in _fields(event) for word in pair)
        what, _ = await self._run(
            redis_scripts.STRIPE_APPEND, self._most_waiting, self._remembered_ms, event.id, *fields
        )
        return Taken(what)

    async def backlog(self) -> Backlog:
        """How much waits."""
        waiting, oldest_ms, dead = await self._run(redis_scripts.STRIPE_BACKLOG)
        return Backlog(waiting=waiting, oldest_ms=oldest_ms, dead=dead)

    async def take(self, consumer: str, *, last: str, count: int) -> list[Entry]:
        """Entries that nobody had before; ``last`` is the last one that this call gave to ``consumer``, or `FIRST`."""
        return await self._readable(await self._run(redis_scripts.STRIPE_TAKE, consumer, last, count))

    async def adopt(
        self,
        consumer: str,
        *,
        stale_ms: int,
        start: str,
        count: int,
        forgotten_ms: int = FORGOTTEN_MS,
    ) -> tuple[list[Entry], str | None]:
        """Entries that somebody had and did not keep for ``stale_ms``, and where to go on; None when all were looked at."""
        start, rows = await self._run(
            redis_scripts.STRIPE_ADOPT, consumer, stale_ms, start, count, forgotten_ms
        )
        following = _text(start)
        return await self._readable(rows), None if following == FIRST else following

    async def keep(self, consumer: str, entries: Sequence[str], *, tries: bool = False) -> None:
        """Say that ``consumer`` still has ``entries``; ``tries``: and tries them once more."""
        for some in _parts(entries):
            await self._run(redis_scripts.STRIPE_KEEP, consumer, int(tries), *some)

    async def done(self, entries: Sequence[str]) -> None:
        """Remove ``entries``: what they told was looked at."""
        for some in _parts(entries):
            await self._run(redis_scripts.STRIPE_DONE, *some)

    async def bury(self, entries: Sequence[Entry], why: str) -> None:
        """Give ``entries`` up because of ``why``."""
        for some in _parts(entries):
            words = (word for entry in some for word in (entry.id, entry.tries))
            await self._run(redis_scripts.STRIPE_BURY, why, *words)

    async def dead(self, *, after: str = FIRST, count: int = _AT_A_TIME) -> list[DeadLetter]:
        """What was given up, in that order, behind the one ``after``."""
        return [_dead_letter(row) for row in await self._run(redis_scripts.STRIPE_DEAD, after, count)]

    async def replay(self, dead_letters: Sequence[str]) -> int:
        """Let these wait again; how many of them there were."""
        moved = [await self._run(redis_scripts.STRIPE_REPLAY, *some) for some in _parts(dead_letters)]
        return sum(moved)

    async def _readable(self, rows: Sequence[Any]) -> list[Entry]:
        """Those of ``rows`` that are entries. One of another version must not hold up all behind it: it is given up."""
        found: list[Entry] = []
        for row in rows:
            try:
                found.append(_entry(row))
            except (KeyError, ValueError):
                await self._run(redis_scripts.STRIPE_BURY, UNREADABLE, row[0], row[1])
                log.warning("gave up on an event of Stripe that another version wrote", entry=_text(row[0]))
        return found

    async def _run(self, script: Script, *arguments: Argument) -> Any:
        return await self._runner.run(script, STRIPE_KEYS, *arguments)


def _fields(event: StripeEvent) -> Iterator[tuple[str, Argument]]:
    changed = event.change.object
    yield "event", event.id
    yield "type", event.type
    yield "created", event.created
    yield "live", int(changed.live)
    yield "kind", changed.kind.value
    yield "id", changed.id
    for name, value in (
        ("account", changed.account),
        ("customer", event.change.customer),
        ("subscription", event.change.subscription),
    ):
        if value:
            yield name, value


def _entry(row: Sequence[Any]) -> Entry:
    entry_id, tries, fields = row
    return _entry_of(_text(entry_id), int(tries), _named(fields))


def _dead_letter(row: Sequence[Any]) -> DeadLetter:
    dead_id, fields = row
    words = dict(zip(fields[::2], fields[1::2], strict=True))
    why = words.get(b"why", b"").decode(errors="replace")
    try:
        named = _named(fields)
        entry = _entry_of(named["entry"], int(named["tries"]), named)
    except (KeyError, ValueError):
        return DeadLetter(id=_text(dead_id), entry=None, why=why)
    return DeadLetter(id=_text(dead_id), entry=entry, why=why)


def _entry_of(entry_id: str, tries: int, named: dict[str, str]) -> Entry:
    return Entry(
        id=entry_id,
        event=named["event"],
        arrived_ms=int(entry_id.partition("-")[0]),
        tries=tries,
        change=Change(
            object=ChangedObject(
                kind=ObjectKind(named["kind"]),
                id=named["id"],
                live=named["live"] == "1",
                account=named.get("account", ""),
            ),
            customer=named.get("customer", ""),
            subscription=named.get("subscription", ""),
        ),
    )


def _named(fields: Sequence[bytes]) -> dict[str, str]:
    words = [word.decode() for word in fields]
    return dict(zip(words[::2], words[1::2], strict=True))


def _text(word: bytes | str) -> str:
    return word if isinstance(word, str) else word.decode()


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(values), _AT_A_TIME):
        yield values[first : first + _AT_A_TIME]
