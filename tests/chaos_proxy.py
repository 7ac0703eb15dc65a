"""A bad network in one process: a TCP proxy that delays, drips, throttles, swallows, and cuts in the middle of a reply.

Each direction has a `Weather` of its own, which can be changed while connections are open, for all of them or for one. What
is random comes from a seed. It is made for Redis, but knows nothing of it: any TCP server can be behind it.

The case that matters most is the ambiguous one: the server has acted and the caller will never know. A cut of the way
``down`` makes it, and so does a black hole that heals after the caller has given up.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Direction = Literal["up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What befalls the bytes of one direction. Fine by default; seconds, bytes and shares."""

    delay: tuple[float, float] = (0.0, 0.0)
    drip: int | None = None
    """So many bytes at a time, each with its own delay."""
    bytes_per_second: float | None = None
    cut: float = 0.0
    """How likely a piece is cut in two: the first half arrives, then the connection is reset."""
    black_hole: bool = False
    """Nothing arrives until this is over; then all that was sent does."""


@dataclass(eq=False)
class Link:
    """One connection through the proxy, with the ``weather`` of each direction."""

    writers: dict[Direction, asyncio.StreamWriter]
    weather: dict[Direction, Weather]
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, direction: Direction, **changes: Any) -> None:
        self.weather[direction] = replace(self.weather[direction], **changes)
        self.changed.set()
        self.changed = asyncio.Event()

    def reset(self) -> None:
        """RST to both sides."""
        for writer in self.writers.values():
            connection = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class ChaosProxy:
    """A proxy on ``port`` of loopback in front of another port of it."""

    def __init__(self, upstream: int, *, seed: int) -> None:
        self.rng = random.Random(seed)
        self.port = 0
        self.links: set[Link] = set()
        self.weather: dict[Direction, Weather] = {direction: Weather() for direction in DIRECTIONS}
        self.refusing = False
        self._upstream = upstream
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def set(self, direction: Direction, **changes: Any) -> None:
        """Change the weather of ``direction`` for open connections and those to come."""
        self.weather[direction] = replace(self.weather[direction], **changes)
        for link in self.links:
            link.set(direction, **changes)

    def calm(self) -> None:
        """Fine weather both ways, from now on."""
        self.refusing = False
        fine = Weather()
        for direction in DIRECTIONS:
            self.set(direction, **{name: getattr(fine, name) for name in Weather.__slots__})

    def reset_all(self) -> None:
        """Reset every open connection."""
        for link in list(self.links):
            link.reset()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Reset all connections and listen no more."""
        assert self._server is not None
        self._server.close()
        self.reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        link = Link({"up": far_writer, "down": writer}, dict(self.weather))
        self.links.add(link)
        both = [asyncio.create_task(self._pump(link, "up", reader))]
        both.append(asyncio.create_task(self._pump(link, "down", far_reader)))
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.links.discard(link)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for end in link.writers.values():
                end.close()

    async def _pump(self, link: Link, direction: Direction, reader: asyncio.StreamReader) -> None:
        writer = link.writers[direction]
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                while data:
                    weather = link.weather[direction]
                    size = weather.drip or len(data)
                    piece, data = data[:size], data[size:]
                    if self.rng.random() < weather.cut:
                        writer.write(piece[: len(piece) // 2])
                        await asyncio.sleep(0)
                        link.reset()
                        return
                    await self._hold(link, direction, len(piece))
                    writer.write(piece)
                    await writer.drain()

    async def _hold(self, link: Link, direction: Direction, size: int) -> None:
        weather = link.weather[direction]
        pause = self.rng.uniform(*weather.delay)
        if weather.bytes_per_second is not None:
            pause += size / weather.bytes_per_second
        if pause > 0:
            await asyncio.sleep(pause)
        while link.weather[direction].black_hole:
            await link.changed.wait()


@contextlib.asynccontextmanager
async def chaos_proxy(upstream: int, *, seed: int) -> AsyncIterator[ChaosProxy]:
    """A listening proxy for as long as the block lasts."""
    proxy = ChaosProxy(upstream, seed=seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
