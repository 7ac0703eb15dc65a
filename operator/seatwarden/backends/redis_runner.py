"""Sending scripts to Redis: by hash, with a time limit, and with one kind of error for all that can go wrong.

The ordinary way is short: the command's bytes, the link to who serves the pool, one reply. Whatever else may
happen, a first arrival at a pool included, is on the second way, where a call may take as many turns as its time
limit allows; which turns, is told in `seatwarden.backends.redis_course`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hiredis import ReplyError
from redis.crc import key_slot

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_arrivals import Arrivals
from seatwarden.backends.redis_commit import Commit, TooFewReplicas
from seatwarden.backends.redis_course import Course, by_hash, serving
from seatwarden.backends.redis_facts import facts_of
from seatwarden.backends.redis_keys import Keys
from seatwarden.backends.redis_link import Argument, NoLink, ServerSeen, why
from seatwarden.backends.redis_loading import load_all
from seatwarden.backends.redis_pipe import Pipe, PipeFull, PipeLate, PipeLimits, PipeLost
from seatwarden.backends.redis_scripts import Script
from seatwarden.backends.redis_topology import Cluster, Topology, find_topology
from seatwarden.backends.redis_url import RedisPlace
from seatwarden.domain.redis_fitness import RedisFacts
from seatwarden.domain.seats import Pulse

_INVARIANT = re.compile(r"SEATWARDEN ([a-z0-9 ^]+)")
_MOST_TURNS = 32
_TROUBLE = (ReplyError, PipeFull, PipeLate, PipeLost, NoLink, TooFewReplicas)


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
        self._limits = limits or PipeLimits(call_seconds=time_limit_seconds)
        self._topology: Topology = find_topology(place, self._limits)
        self._time_limit_seconds = time_limit_seconds
        self._in_trouble = 0
        self._arrivals: Arrivals | None = None
        self._commit = Commit(replicas, seconds=time_limit_seconds / 2) if replicas else None

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
                reply = pipe.send(by_hash(script, keys, arguments), urgent=urgent)
                return await (reply if self._commit is None else self._commit.kept(pipe, script, reply))
            except _TROUBLE as error:
                trouble: Exception | None = error
        else:
            began = asyncio.get_running_loop().time()
            trouble = None
        return await self._persist(Course(script, keys, arguments, urgent, link), trouble, began)

    async def run_for_each(self, script: Script, pools: Sequence[Keys], *arguments: Argument) -> list[Any]:
        """The replies of the same call to several pools, sent together but not as one transaction.

        Raises:
            AuthorityUnavailable: as `run`, for any of them; the others may have run.
        """
        began = asyncio.get_running_loop().time()
        courses = [
            Course(script, keys, arguments, urgent=False, link=self._topology.link(keys[0])) for keys in pools
        ]
        replies = await asyncio.gather(*(self._begin(course) for course in courses), return_exceptions=True)

        async def final(course: Course, reply: Any) -> Any:
            if not isinstance(reply, BaseException):
                return reply
            trouble = None if isinstance(reply, _NotSent) else reply
            if trouble is not None and not isinstance(trouble, _TROUBLE):
                raise trouble
            return await self._persist(course, trouble, began)

        return await asyncio.gather(*map(final, courses, replies))

    def in_one_reach(self, pools: Sequence[Keys]) -> bool:
        """Whether one script may use all of these: anywhere but in a Cluster, and there within one slot."""
        return (
            not isinstance(self._topology, Cluster)
            or len({key_slot(keys[0].encode()) for keys in pools}) <= 1
        )

    async def server(self, keys: Keys) -> ServerSeen:
        """Which server serves ``keys``, and over the how-manieth connection.

        Raises:
            AuthorityUnavailable: it cannot be reached.
        """
        began = asyncio.get_running_loop().time()
        with self._place_in_trouble(urgent=False), _sentences(self._time_limit_seconds):
            async with asyncio.timeout_at(began + self._time_limit_seconds):
                link = await serving(self._topology, keys)
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
                loads = await asyncio.gather(*map(load_all, links), return_exceptions=True)
        for failure in (failures := [one for one in loads if one is not None]):
            if len(failures) == len(loads) or not isinstance(failure, _TROUBLE):
                with _sentences(self._time_limit_seconds):
                    raise failure

    async def facts(self) -> list[RedisFacts]:
        """What each server says of itself.

        Raises:
            AuthorityUnavailable: as `run`.
        """
        with _sentences(self._time_limit_seconds):
            async with asyncio.timeout(self._time_limit_seconds):
                return await asyncio.gather(*map(facts_of, await self._topology.links()))

    async def close(self) -> None:
        """Close the connections."""
        self._topology.close()

    def _begin(self, course: Course) -> "asyncio.Future[Any]":
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

    async def _persist(self, course: Course, trouble: Exception | None, began: float) -> Any:
        with self._place_in_trouble(urgent=course.urgent), _sentences(self._time_limit_seconds):
            async with asyncio.timeout_at(began + self._time_limit_seconds):
                for _ in range(_MOST_TURNS):
                    if trouble is not None:
                        await course.turn(self._topology, trouble)
                    try:
                        return await course.sent(self._topology, self._arrivals, self._commit)
                    except _TROUBLE as error:
                        trouble = error
                raise NoLink("no end of redirections")

    def _has_arrived(self, pipe: Pipe, keys: Keys) -> bool:
        return self._arrivals is None or self._arrivals.has_arrived(pipe, keys)

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
