"""What becomes of one call when Redis does not simply answer it: where it is sent next, and how often.

Which turns mean that a script runs twice? Only a lost connection, since then nobody knows whether it ran; every
script may run twice, and it is repeated once. All other trouble is Redis saying that it has not run the script.

=====================  ================================================================================
Redis says             then
=====================  ================================================================================
NOSCRIPT               load the script, once for all calls that miss it, and send the hash again
MOVED, ASK             ask the node that it names
TRYAGAIN, LOADING      wait a little: a slot is being moved, the data is being read
READONLY, MASTERDOWN   this is no master any more: find out who is, once
CLUSTERDOWN            find out who serves the slot, twice at most: an election is under way
anything else          give up
=====================  ================================================================================
"""

import asyncio
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hiredis import ReplyError

from seatwarden.backends.redis_arrivals import Arrivals
from seatwarden.backends.redis_commit import Commit
from seatwarden.backends.redis_keys import Keys, PoolAndReplayKeys
from seatwarden.backends.redis_link import Argument, Link, NoLink, pack
from seatwarden.backends.redis_loading import load_once
from seatwarden.backends.redis_pipe import Pipe, PipeLost
from seatwarden.backends.redis_scripts import Script
from seatwarden.backends.redis_topology import Topology
from seatwarden.domain.backoff import Backoff

_ASKING = pack("ASKING")
_PAUSES = Backoff(first=0.01, longest=0.1)
_MOST_REDISCOVERIES = 2
_MOST_LOADS = 2


@dataclass(slots=True)
class Course:
    """One call on the second way."""

    script: Script
    keys: Keys
    arguments: tuple[Argument, ...]
    urgent: bool
    link: Link | None = None
    loads: int = 0
    asking: bool = False
    losses: int = 0
    rediscoveries: int = 0
    pauses: int = 0

    def command(self) -> bytes:
        """What to send."""
        return by_hash(self.script, self.keys, self.arguments)

    async def sent(self, topology: Topology, arrivals: Arrivals | None, commit: Commit | None) -> Any:
        """The reply from where the course leads now, after an arrival where that is needed."""
        if self.link is None:
            self.link = await serving(topology, self.keys)
        pipe: Pipe = self.link.pipe or await self.link.open()
        if arrivals is not None and not arrivals.has_arrived(pipe, self.keys):
            await arrivals.arrive(self.link, pipe, self.keys, self._ask)
        reply = self._ask(pipe, self.command())
        return await (reply if commit is None else commit.kept(pipe, self.script, reply))

    def _ask(self, pipe: Pipe, command: bytes) -> "asyncio.Future[Any]":
        if self.asking:
            pipe.send(_ASKING, urgent=self.urgent).add_done_callback(_look_at)
        return pipe.send(command, urgent=self.urgent)

    async def turn(self, topology: Topology, trouble: Exception) -> None:
        """Change the course after ``trouble``, or raise it again where nothing can be done."""
        match trouble:
            case PipeLost() if self.losses == 0:
                self.losses = 1
                self.link, self.asking = None, False
            case NoLink() if self.rediscoveries < _MOST_REDISCOVERIES:
                await self._rediscover(topology, trouble)
            case ReplyError():
                await self._turn_as_told(topology, trouble)
            case _:
                raise trouble

    async def _turn_as_told(self, topology: Topology, trouble: ReplyError) -> None:
        text = str(trouble)
        match text.partition(" ")[0]:
            case "NOSCRIPT" if self.link is not None and self.loads < _MOST_LOADS:
                self.loads += 1
                await load_once(self.link.pipe or await self.link.open(), self.script)
            case "MOVED":
                self.link, self.asking = topology.moved(text), False
            case "ASK":
                self.link, self.asking = topology.named(text), True
            case "TRYAGAIN" | "LOADING":
                await self._pause()
                self.link, self.asking = None, False
            case "CLUSTERDOWN" if self.rediscoveries < _MOST_REDISCOVERIES:
                await self._pause()
                await self._rediscover(topology, trouble)
            case "READONLY" | "MASTERDOWN" if self.rediscoveries == 0:
                await self._rediscover(topology, trouble)
            case _:
                raise trouble

    async def _rediscover(self, topology: Topology, trouble: Exception) -> None:
        self.rediscoveries += 1
        if not await topology.look_again(self.link) and not isinstance(trouble, ReplyError):
            raise trouble
        self.link, self.asking = None, False

    async def _pause(self) -> None:
        await asyncio.sleep(_PAUSES.delay(self.pauses, random.random()))  # noqa: S311  # jitter
        self.pauses += 1


async def serving(topology: Topology, keys: Keys) -> Link:
    """The link to who serves these ``keys``; found out now if it is not known.

    Raises:
        NoLink: nobody could be asked, or nobody serves it.
    """
    link = topology.link(keys[0])
    if link is None:
        await topology.look_again(None)
        link = topology.link(keys[0])
    if link is None:
        raise NoLink("nobody serves the pool")
    return link


def by_hash(script: Script, keys: Keys, arguments: tuple[Argument, ...]) -> bytes:
    """EVALSHA with these keys and arguments, as Redis reads it."""
    if isinstance(keys, PoolAndReplayKeys):
        return pack("EVALSHA", script.sha, len(keys), *keys, *arguments)
    # Packing the keys and the hash anew would cost more than all the rest of the command.
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
