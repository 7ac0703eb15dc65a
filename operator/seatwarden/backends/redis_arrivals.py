"""What comes before the first call for a pool on each connection: the pool is told where its callers have arrived.

A connection ends when its server ends or stops being the master. So whoever opens the next one may be talking to another
server, or to the same one after it has lost something, and nobody else will tell. That is why nothing is asked of a pool
over a new connection before ``arrive.lua`` has told it the server's run id and the latest outages. What the pool makes of
it is told there. On the way of a call this costs one look into a set.

In a Cluster a pool also finds itself on another server when its slot was moved, which loses nothing. It was moved, and
not taken over, where the server on which it was still owns slots by the word of the one on which it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from hiredis import ReplyError

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import AUTHORITY_KEYS, IdentityKeys, Keys, KeysOfPools, PoolKeys
from seatwarden.backends.redis_link import Link, pack
from seatwarden.backends.redis_loading import load_once
from seatwarden.backends.redis_pipe import Pipe
from seatwarden.backends.redis_scripts import ARRIVE
from seatwarden.backends.redis_wire import Loss, arrive_arguments, read_arrival
from seatwarden.domain.seats import Arrival, Outage, Pulse

log = structlog.get_logger(__name__)

Ask = Callable[[Pipe, bytes], Awaitable[Any]]
"""Sends a command over a pipe, with what has to precede it."""


@dataclass(slots=True)
class Arrivals:
    """``volatile``: what a server has acknowledged can be lost with it. ``look`` finds out how the authority is.

    ``masters_seen_by`` gives the run ids of the servers that own slots by the word of a link; None without a Cluster.
    """

    volatile: bool
    look: Callable[[], Awaitable[Pulse]]
    masters_seen_by: Callable[[Link], Awaitable[set[str]]] | None
    outages: tuple[Outage, ...] = ()
    _looked: int = 0
    _under_way: dict[tuple[int, str], asyncio.Task[None]] = field(default_factory=dict)

    def heard(self, pulse: Pulse) -> bool:
        """Take in how the authority is. True where there was an outage since: all have to arrive again."""
        if pulse.outages == self.outages:
            return False
        self.outages = pulse.outages
        return True

    def has_arrived(self, pipe: Pipe, keys: Keys) -> bool:
        """Need nothing be told before these ``keys`` are used over ``pipe``?"""
        if isinstance(keys, KeysOfPools):
            return all(pool[0] in pipe.arrived for pool in keys.pools)
        return keys[0] in pipe.arrived or keys is AUTHORITY_KEYS or isinstance(keys, IdentityKeys)

    async def arrive(self, link: Link, pipe: Pipe, keys: Keys, ask: Ask) -> None:
        """Arrive at the pool with these ``keys``; who comes meanwhile shares the arrival.

        Raises:
            hiredis.ReplyError, PipeFull, PipeLate, PipeLost: as for any command.
        """
        if isinstance(keys, KeysOfPools):
            for each in keys.pools:
                await self.arrive(link, pipe, each, ask)
            return
        place = (link.seen.generation, keys[0])
        task = self._under_way.get(place)
        if task is None:
            pool = PoolKeys(*keys[: len(PoolKeys._fields)])
            task = asyncio.create_task(self._arrive(link, pipe, pool, ask))
            self._under_way[place] = task
            task.add_done_callback(lambda done: self._ended(place, done))
        await asyncio.shield(task)

    def _ended(self, place: tuple[int, str], task: asyncio.Task[None]) -> None:
        self._under_way.pop(place, None)
        if not task.cancelled():
            task.exception()

    async def _arrive(self, link: Link, pipe: Pipe, keys: PoolKeys, ask: Ask) -> None:
        await self._look_once(link)
        outages, expected = self.outages, Loss.EXPECTED if self.volatile else Loss.IMPOSSIBLE
        tell = self.volatile and self.masters_seen_by is not None
        reply = await self._told(pipe, link, keys, Loss.TO_BE_TOLD if tell else expected, ask)
        if isinstance(reply, bytes) and self.masters_seen_by is not None:
            moved = reply.decode() in await self.masters_seen_by(link)
            reply = await self._told(pipe, link, keys, Loss.IMPOSSIBLE if moved else expected, ask)
        arrival = read_arrival(reply)
        if arrival is not Arrival.UNKNOWN_POOL and outages is self.outages:
            pipe.arrived.add(keys.config)
        if arrival in {Arrival.RECOVERY_BEGAN, Arrival.LEASES_PROLONGED}:
            log.warning("the seat authority was away", pool=keys.config, did=arrival)

    async def _look_once(self, link: Link) -> None:
        """Know of the latest outage before the first pool is arrived at over a connection."""
        if link.seen.generation <= self._looked:
            return
        self._looked = link.seen.generation
        try:
            self.heard(await self.look())
        except AuthorityUnavailable as error:
            # The pools of this server need not wait for the one that has the pulse: they hear of an outage later.
            log.warning("the pulse of the seat authority cannot be felt", reason=str(error))

    async def _told(self, pipe: Pipe, link: Link, keys: PoolKeys, loss: Loss, ask: Ask) -> Any:
        arguments = arrive_arguments(link.seen.run_id, self.outages, loss)
        command = pack("EVALSHA", ARRIVE.sha, len(keys), *keys, *arguments)
        try:
            return await ask(pipe, command)
        except ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        await load_once(pipe, ARRIVE)
        return await ask(pipe, command)
