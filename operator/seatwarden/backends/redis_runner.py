"""Sending scripts to Redis: by hash, with a time limit, and with one kind of error for all that can go wrong.

The ordinary way is short: the command's bytes, the link to who serves the pool, one reply. Whatever else may
happen, a first arrival at a pool included, is on the second way, where a call may take as many turns as its time
limit allows. Which of them mean
that a script runs twice? Only a lost connection, since then nobody knows whether it ran; every script may run
twice, and it is repeated once. All other trouble is Redis saying that it has not run the script.

=====================  ================================================================================
Redis says             then
=====================  ================================================================================
NOSCRIPT               send the script in full
MOVED, ASK             ask the node that it names
TRYAGAIN, LOADING      wait a little: a slot is being moved, the data is being read
READONLY, MASTERDOWN   this is no master any more: find out who is, once
CLUSTERDOWN            find out who serves the slot, twice at most: an election is under way
anything else          give up
=====================  ================================================================================
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hiredis import ReplyError

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_arrivals import Arrivals
from seatwarden.backends.redis_commit import Commit, TooFewReplicas
from seatwarden.backends.redis_keys import AUTHORITY_KEYS, Keys, PoolKeys
from seatwarden.backends.redis_link import Argument, Link, NoLink, ServerSeen, pack, why
from seatwarden.backends.redis_pipe import Pipe, PipeFull, PipeLate, PipeLimits, PipeLost
from seatwarden.backends.redis_scripts import ALL_SCRIPTS, Script
from seatwarden.backends.redis_topology import Topology, find_topology
from seatwarden.backends.redis_url import RedisPlace
from seatwarden.domain.backoff import Backoff
from seatwarden.domain.seats import Pulse

_INVARIANT = re.compile(r"SEATWARDEN ([a-z0-9 ^]+)")
_ASKING = pack("ASKING")
_PAUSES = Backoff(first=0.01, longest=0.1)
_MOST_TURNS = 32
_MOST_REDISCOVERIES = 2
_COMMITTED = frozenset({"acquire", "release", "readmit", "configure"})
"""Scripts whose answer is given only when it is as safe as was declared. A lost heartbeat is made good by the next."""
_TROUBLE = (ReplyError, PipeFull, PipeLate, PipeLost, NoLink, TooFewReplicas)


@dataclass(slots=True)
class _Course:
    """One call on the second way."""

    script: Script
    keys: Keys
    arguments: tuple[Argument, ...]
    urgent: bool
    link: Link | None = None
    in_full: bool = False
    asking: bool = False
    losses: int = 0
    rediscoveries: int = 0
    pauses: int = 0

    def command(self) -> bytes:
        """What to send."""
        if self.in_full:
            return pack("EVAL", self.script.text, len(self.keys), *self.keys, *self.arguments)
        return _by_hash(self.script, self.keys, self.arguments)


class ScriptRunner:
    """Runs scripts on the Redis at ``place``; connects when it is first used."""

    def __init__(
        self,
        place: RedisPlace,
        *,
        time_limit_seconds: float,
        limits: PipeLimits | None = None,
        replicas: int = 0,
    ) -> None:
        self._commit = Commit(replicas, seconds=time_limit_seconds / 2) if replicas else None
        self._limits = limits or PipeLimits(call_seconds=time_limit_seconds)
        self._topology: Topology = find_topology(place, self._limits)
        self._time_limit_seconds = time_limit_seconds
        self._in_trouble = 0
        self._arrivals: Arrivals | None = None

    def arrive_first(self, *, volatile: bool, look: Callable[[], Awaitable[Pulse]]) -> None:
        """From now on arrive at each pool before it is asked anything over a new connection; see `Arrivals`."""
        self._arrivals = Arrivals(
            volatile=volatile, look=look, masters_seen_by=self._topology.masters_seen_by
        )

    def heard(self, pulse: Pulse) -> None:
        """Take in how the authority is; after an outage all pools are arrived at again."""
        if self._arrivals is not None and self._arrivals.heard(pulse):
            for link in self._topology.known_links():
                if link.pipe is not None:
                    link.pipe.arrived.clear()

    async def run(self, script: Script, keys: Keys, *arguments: Argument, urgent: bool = False) -> Any:
        """The script's reply, as bytes, ints, None and lists of them.

        ``urgent`` calls, those that give seats back, are still taken when the others are refused because too
        many are under way.

        Raises:
            AuthorityUnavailable: Redis could not be asked, refused, or gave no answer in time.
        """
        link = self._topology.link(keys[0])
        if link is not None and (pipe := link.pipe) is not None and self._has_arrived(pipe, keys):
            began = pipe.now()
            try:
                reply = pipe.send(_by_hash(script, keys, arguments), urgent=urgent)
                return await (reply if self._commit is None else self._committed(pipe, script, reply))
            except _TROUBLE as error:
                trouble: Exception | None = error
        else:
            began = asyncio.get_running_loop().time()
            trouble = None
        return await self._persist(_Course(script, keys, arguments, urgent, link), trouble, began)

    async def run_for_each(
        self, script: Script, pools: Sequence[PoolKeys], *arguments: Argument
    ) -> list[Any]:
        """The replies of the same call to several pools, sent together but not as one transaction.

        Raises:
            AuthorityUnavailable: as `run`, for any of them; the others may have run.
        """
        began = asyncio.get_running_loop().time()
        courses = [
            _Course(script, keys, arguments, urgent=False, link=self._topology.link(keys[0]))
            for keys in pools
        ]
        replies = await asyncio.gather(*(self._begin(course) for course in courses), return_exceptions=True)

        async def final(course: _Course, reply: Any) -> Any:
            if not isinstance(reply, BaseException):
                return reply
            trouble = None if isinstance(reply, _NotSent) else reply
            if trouble is not None and not isinstance(trouble, _TROUBLE):
                raise trouble
            return await self._persist(course, trouble, began)

        return await asyncio.gather(*map(final, courses, replies))

    async def server(self, keys: Keys) -> ServerSeen:
        """Which server serves ``keys``, and over the how-manieth connection.

        Raises:
            AuthorityUnavailable: it cannot be reached.
        """
        began = asyncio.get_running_loop().time()
        with self._place_in_trouble(urgent=False), _sentences(self._time_limit_seconds):
            async with asyncio.timeout_at(began + self._time_limit_seconds):
                while (link := self._topology.link(keys[0])) is None:
                    await self._topology.look_again(None)
                await link.open()
                return link.seen

    async def load(self) -> None:
        """Return when Redis answers and knows every script. Of a Cluster one node has to answer.

        Raises:
            AuthorityUnavailable: as `run`.
        """
        with _sentences(self._time_limit_seconds):
            async with asyncio.timeout(self._time_limit_seconds):
                links = await self._topology.links()
                loads = await asyncio.gather(*map(_load, links), return_exceptions=True)
        for failure in (failures := [one for one in loads if one is not None]):
            if len(failures) == len(loads) or not isinstance(failure, _TROUBLE):
                with _sentences(self._time_limit_seconds):
                    raise failure

    async def close(self) -> None:
        """Close the connections."""
        self._topology.close()

    def _begin(self, course: _Course) -> "asyncio.Future[Any]":
        pipe = None if course.link is None else course.link.pipe
        try:
            if pipe is not None and self._has_arrived(pipe, course.keys):
                return pipe.send(course.command(), urgent=course.urgent)
        except (PipeFull, PipeLost) as error:
            trouble: Exception = error
        else:
            trouble = _NotSent()
        failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        failed.set_exception(trouble)
        return failed

    async def _persist(self, course: _Course, trouble: Exception | None, began: float) -> Any:
        with self._place_in_trouble(urgent=course.urgent), _sentences(self._time_limit_seconds):
            async with asyncio.timeout_at(began + self._time_limit_seconds):
                for _ in range(_MOST_TURNS):
                    if trouble is not None:
                        await self._turn(course, trouble)
                    try:
                        return await self._sent(course)
                    except _TROUBLE as error:
                        trouble = error
                raise NoLink("no end of redirections")

    async def _sent(self, course: _Course) -> Any:
        while course.link is None:
            course.link = self._topology.link(course.keys[0])
            if course.link is None and not await self._topology.look_again(None):
                raise NoLink("nobody serves the pool")
        pipe: Pipe = course.link.pipe or await course.link.open()

        def ask(over: Pipe, command: bytes) -> "asyncio.Future[Any]":
            if course.asking:
                over.send(_ASKING, urgent=course.urgent).add_done_callback(_look_at)
            return over.send(command, urgent=course.urgent)

        if not self._has_arrived(pipe, course.keys):
            assert self._arrivals is not None, "else all has arrived"
            await self._arrivals.arrive(
                course.link, pipe, PoolKeys(*course.keys[: len(PoolKeys._fields)]), ask
            )
        return await self._committed(pipe, course.script, ask(pipe, course.command()))

    async def _committed(self, pipe: Pipe, script: Script, reply: "asyncio.Future[Any]") -> Any:
        """The reply, once it is as safe as was declared."""
        if self._commit is None or script.name not in _COMMITTED:
            return await reply
        committed = self._commit.after(pipe)
        said = await reply
        await committed
        return said

    def _has_arrived(self, pipe: Pipe, keys: Keys) -> bool:
        return keys[0] in pipe.arrived or self._arrivals is None or keys is AUTHORITY_KEYS

    async def _turn(self, course: _Course, trouble: Exception) -> None:
        """Change the course after ``trouble``, or raise it again where nothing can be done."""
        match trouble:
            case PipeLost() if course.losses == 0:
                course.losses = 1
                course.link, course.asking = None, False
            case NoLink() if course.rediscoveries < _MOST_REDISCOVERIES:
                await self._rediscover(course, trouble)
            case ReplyError():
                await self._turn_as_told(course, trouble)
            case _:
                raise trouble

    async def _turn_as_told(self, course: _Course, trouble: ReplyError) -> None:
        text = str(trouble)
        match text.partition(" ")[0]:
            case "NOSCRIPT" if not course.in_full:
                course.in_full = True
            case "MOVED":
                course.link, course.asking = self._topology.moved(text), False
            case "ASK":
                course.link, course.asking = self._topology.named(text), True
            case "TRYAGAIN" | "LOADING":
                await self._pause(course)
                course.link, course.asking = None, False
            case "CLUSTERDOWN" if course.rediscoveries < _MOST_REDISCOVERIES:
                await self._pause(course)
                await self._rediscover(course, trouble)
            case "READONLY" | "MASTERDOWN" if course.rediscoveries == 0:
                await self._rediscover(course, trouble)
            case _:
                raise trouble

    async def _rediscover(self, course: _Course, trouble: Exception) -> None:
        course.rediscoveries += 1
        if not await self._topology.look_again(course.link) and not isinstance(trouble, ReplyError):
            raise trouble
        course.link, course.asking = None, False

    async def _pause(self, course: _Course) -> None:
        await asyncio.sleep(_PAUSES.delay(course.pauses, random.random()))  # noqa: S311  # jitter
        course.pauses += 1

    @contextmanager
    def _place_in_trouble(self, *, urgent: bool) -> Iterator[None]:
        """One of a limited number of places for those who wait for more than a reply."""
        if not self._limits.room(self._in_trouble, urgent=urgent):
            raise AuthorityUnavailable("too many calls wait for the seat authority already; try again")
        self._in_trouble += 1
        try:
            yield
        finally:
            self._in_trouble -= 1


class _NotSent(Exception):
    """There was no connection yet."""


async def _load(link: Link) -> None:
    pipe = await link.open()
    known = await pipe.send(pack("SCRIPT", "EXISTS", *(one.sha for one in ALL_SCRIPTS)))
    for script, there in zip(ALL_SCRIPTS, known, strict=True):
        if not there:
            await pipe.send(pack("SCRIPT", "LOAD", script.text))


@contextmanager
def _sentences(limit_seconds: float) -> Iterator[None]:
    # Redis's own words may quote the command's arguments, so only what our scripts say is passed on.
    try:
        yield
    except (TimeoutError, PipeLate):
        raise AuthorityUnavailable(
            f"the seat authority gave no answer within {limit_seconds:g} s; try again"
        ) from None
    except PipeFull:
        raise AuthorityUnavailable(
            "too many calls wait for an answer of the seat authority already; try again"
        ) from None
    except TooFewReplicas:
        raise AuthorityUnavailable(
            "too few replicas of the seat authority have acknowledged in time, so it could be lost; try again"
        ) from None
    except (ReplyError, PipeLost, NoLink, OSError) as error:
        if isinstance(error, ReplyError) and (broken := _INVARIANT.search(str(error))):
            sentence = f"the seat authority stopped, as this does not hold for the pool: {broken[1]}"
        else:
            reason = str(error) if isinstance(error, NoLink) else why(error)
            sentence = f"the seat authority could not be asked ({reason}); try again"
        raise AuthorityUnavailable(sentence) from None


def _by_hash(script: Script, keys: Keys, arguments: tuple[Argument, ...]) -> bytes:
    # Packing the keys and the hash anew would cost more than all the rest of the command.
    if len(keys) > len(PoolKeys._fields):
        return pack("EVALSHA", script.sha, len(keys), *keys, *arguments)
    packed = pack(*arguments)
    start = packed.index(b"\n") + 1
    count, head = _head(script.sha, keys)
    return b"*%d\r\n%b%b" % (count + len(arguments), head, packed[start:])


@lru_cache(maxsize=8192)
def _head(sha: str, keys: Keys) -> tuple[int, bytes]:
    words = ("EVALSHA", sha, len(keys), *keys)
    packed = pack(*words)
    return len(words), packed[packed.index(b"\n") + 1 :]


def _look_at(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
