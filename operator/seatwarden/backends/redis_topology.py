"""Which server serves which key: one server, the master that Sentinels name, or the nodes of a Cluster.

Everything is learnt by asking, and asked again when an answer shows that it is out of date:

* One server: its address is resolved with each new connection.
* Sentinel: with each new connection all Sentinels are asked at once, and what most of them say is believed,
  once the server says itself that it is a master.
* Cluster: `CLUSTER SLOTS` of any node that answers. A redirection (MOVED) changes its slot at once and has the
  whole map read again behind it; many redirections share one reading.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import hiredis
from redis.crc import key_slot

from seatwarden.backends.redis_link import Link, NoLink, dial, new_generations, pack
from seatwarden.backends.redis_pipe import Pipe, PipeFull, PipeLate, PipeLimits, PipeLost
from seatwarden.backends.redis_url import Mode, Node, RedisPlace

_SLOTS = 16384
_ASK_SHARE = 0.4
_REFRESH_PAUSE_SECONDS = 0.1
_FAILURES = (OSError, TimeoutError, hiredis.ReplyError, PipeLost, PipeLate, PipeFull, NoLink)


class Topology(Protocol):
    """Finds links; remembers them."""

    def link(self, key: str) -> Link | None:
        """The link to who serves ``key``, as far as is known. Costs nothing: this is on the way of every call."""
        ...

    def named(self, redirection: str) -> Link:
        """The link to the node that a MOVED or ASK names."""
        ...

    def moved(self, redirection: str) -> Link:
        """As `named`, and remember that the node serves the slot from now on."""
        ...

    async def look_again(self, doubted: Link | None) -> bool:
        """Ask who serves what, as ``doubted`` (None: nobody is known) does not; whether that was of any use.

        Raises:
            NoLink: nobody could be asked.
        """
        ...

    async def links(self) -> list[Link]:
        """The links to all servers that take writes.

        Raises:
            NoLink: nobody could be asked.
        """
        ...

    def known_links(self) -> list[Link]:
        """All links that there are already."""
        ...

    @property
    def masters_seen_by(self) -> Callable[[Link], Awaitable[set[str]]] | None:
        """Asks a link which servers own slots: gives the run ids of those that answer. None without a Cluster."""
        ...

    def close(self) -> None:
        """Close all links."""
        ...


class OneServer:
    """A single server, or the one that Sentinels name."""

    def __init__(self, place: RedisPlace, limits: PipeLimits) -> None:
        sentinel = place.mode is Mode.SENTINEL
        find = _asking_sentinels(place, limits) if sentinel else _always(place.nodes[0])
        self._link = Link(find, place.login, limits, new_generations(), must_be_master=sentinel)

    def link(self, key: str) -> Link | None:  # noqa: ARG002  # one for all
        """See `Topology.link`."""
        return self._link

    def named(self, redirection: str) -> Link:  # noqa: ARG002  # nobody redirects here
        """See `Topology.named`."""
        raise NoLink("redirected by what is no Cluster here; use redis+cluster://")

    moved = named

    async def look_again(self, doubted: Link | None) -> bool:
        """See `Topology.look_again`. A new connection looks by itself; where none can be had, nothing helps."""
        if doubted is None or doubted.pipe is None:
            return False
        doubted.renew()
        return True

    async def links(self) -> list[Link]:
        """See `Topology.links`."""
        return [self._link]

    def known_links(self) -> list[Link]:
        """See `Topology.known_links`."""
        return [self._link]

    @property
    def masters_seen_by(self) -> None:
        """See `Topology.masters_seen_by`."""
        return

    def close(self) -> None:
        """See `Topology.close`."""
        self._link.close()


class Cluster:
    """The masters of a Redis Cluster."""

    def __init__(self, place: RedisPlace, limits: PipeLimits) -> None:
        self._seeds = place.nodes
        self._login = place.login
        self._limits = limits
        self._generations = new_generations()
        self._by_slot: list[Link | None] = [None] * _SLOTS
        self._by_node: dict[Node, Link] = {}
        self._reading: asyncio.Task[None] | None = None

    def link(self, key: str) -> Link | None:
        """See `Topology.link`."""
        return self._by_slot[key_slot(key.encode())]

    def named(self, redirection: str) -> Link:
        """See `Topology.named`."""
        return self._named(redirection)[1]

    def moved(self, redirection: str) -> Link:
        """See `Topology.moved`."""
        slot, link = self._named(redirection)
        self._by_slot[slot] = link
        self._read_soon()
        return link

    async def look_again(self, doubted: Link | None) -> bool:
        """See `Topology.look_again`."""
        before = list(self._by_slot)
        await asyncio.shield(self._read_soon())
        return doubted is None or before != self._by_slot

    async def links(self) -> list[Link]:
        """See `Topology.links`."""
        await asyncio.shield(self._read_soon())
        return list({id(link): link for link in self._by_slot if link is not None}.values())

    def known_links(self) -> list[Link]:
        """See `Topology.known_links`."""
        return list(self._by_node.values())

    @property
    def masters_seen_by(self) -> Callable[[Link], Awaitable[set[str]]]:
        """See `Topology.masters_seen_by`."""
        return self._masters_seen_by

    def close(self) -> None:
        """See `Topology.close`."""
        if self._reading is not None:
            self._reading.cancel()
        for link in self._by_node.values():
            link.close()

    async def _masters_seen_by(self, link: Link) -> set[str]:
        asked = next(node for node, known in self._by_node.items() if known is link)
        pipe = await link.open()
        self._learn(await pipe.send(pack("CLUSTER", "SLOTS"), urgent=True), asked=asked)
        masters = {id(owner): owner for owner in self._by_slot if owner is not None}.values()
        opened = await asyncio.gather(*(master.open() for master in masters), return_exceptions=True)
        return {
            master.seen.run_id
            for master, pipe in zip(masters, opened, strict=True)
            if not isinstance(pipe, BaseException)
        }

    def _named(self, redirection: str) -> tuple[int, Link]:
        _, slot, address = redirection.split(" ")[:3]
        host, _, port = address.rpartition(":")
        if host:
            return int(slot), self._link_to(Node(host, int(port)))
        # No host means: the one that was asked, at another port.
        link = self._by_slot[int(slot)]
        asked = next((node for node, known in self._by_node.items() if known is link), self._seeds[0])
        return int(slot), self._link_to(Node(asked.host, int(port)))

    def _link_to(self, node: Node) -> Link:
        link = self._by_node.get(node)
        if link is None:
            link = Link(_always(node), self._login, self._limits, self._generations)
            self._by_node[node] = link
        return link

    def _read_soon(self) -> "asyncio.Task[None]":
        """The reading that is under way, or a new one."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_look_at)
        return self._reading

    async def _read(self) -> None:
        read = False
        try:
            known = [node for node, link in self._by_node.items() if link.pipe is not None]
            for node in dict.fromkeys((*known, *self._by_node, *self._seeds)):
                if read := await self._read_from(node):
                    break
        finally:
            # Redirections come in crowds: those of the next moments need no reading of their own.
            pause = _REFRESH_PAUSE_SECONDS if read else 0
            asyncio.get_running_loop().call_later(pause, self._forget_reading)
        if not read:
            raise NoLink("no node of the Cluster answers")

    async def _read_from(self, node: Node) -> bool:
        try:
            async with asyncio.timeout(self._limits.call_seconds * _ASK_SHARE):
                pipe = await self._link_to(node).open()
                self._learn(await pipe.send(pack("CLUSTER", "SLOTS"), urgent=True), asked=node)
        except _FAILURES:
            return False
        return True

    def _forget_reading(self) -> None:
        self._reading = None

    def _learn(self, ranges: Sequence[Any], *, asked: Node) -> None:
        by_slot: list[Link | None] = [None] * _SLOTS
        for first, last, master, *_ in ranges:
            host = master[0].decode() if master[0] else ""
            link = self._link_to(Node(host if host not in {"", "?"} else asked.host, master[1]))
            by_slot[first : last + 1] = [link] * (last + 1 - first)
        self._by_slot = by_slot
        serving = {id(link) for link in by_slot}
        for node, link in list(self._by_node.items()):
            if id(link) not in serving:
                link.retire()
                del self._by_node[node]


def find_topology(place: RedisPlace, limits: PipeLimits) -> Topology:
    """The topology of ``place``. It connects when it is first used."""
    return Cluster(place, limits) if place.mode is Mode.CLUSTER else OneServer(place, limits)


def _always(node: Node) -> Callable[[], Awaitable[Node]]:
    async def find() -> Node:
        return node

    return find


def _asking_sentinels(place: RedisPlace, limits: PipeLimits) -> Callable[[], Awaitable[Node]]:
    question = pack("SENTINEL", "GET-MASTER-ADDR-BY-NAME", place.master_name)

    async def ask(sentinel: Node) -> Node | None:
        pipe: Pipe | None = None
        try:
            async with asyncio.timeout(limits.call_seconds * _ASK_SHARE):
                pipe = await dial(sentinel, place.sentinel_login, limits, lambda _: None)
                address = await pipe.send(question)
        except _FAILURES:
            return None
        finally:
            if pipe is not None:
                pipe.abort()
        return None if address is None else Node(address[0].decode(), int(address[1]))

    async def find() -> Node:
        said = Counter(await asyncio.gather(*(ask(sentinel) for sentinel in place.nodes)))
        del said[None]
        if not said:
            raise NoLink("no Sentinel knows the master")
        return said.most_common(1)[0][0]  # type: ignore[return-value]  # None was taken out

    return find


def _look_at(reading: "asyncio.Task[None]") -> None:
    if not reading.cancelled():
        reading.exception()
