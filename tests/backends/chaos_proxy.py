"""A TCP proxy that is bad on purpose: it delays, drips, cuts in the middle of a reply, swallows everything, or resets."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from enum import Enum
from random import Random
from typing import Any

_CHUNK = 65536
_NOW = struct.pack("ii", 1, 0)


class Weather(Enum):
    """What happens to bytes on their way."""

    FAIR = "fair"
    DELAY = "delay"
    DRIP = "drip"
    BLACK_HOLE = "black hole"
    CUT = "cut"
    RESET = "reset"


class ChaosProxy:
    """Between a client and ``target``; the weather may be changed at any time and then holds for what comes next."""

    def __init__(self, target: int, seed: int) -> None:
        self.weather = Weather.FAIR
        self.delay_seconds = 0.05
        self._target = target
        self._random = Random(seed)  # to be repeatable
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        self._start(self._carry(reader, redis_writer, writer))
        self._start(self._carry(redis_reader, writer, redis_writer))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        swallowed = False
        try:
            while data := await source.read(_CHUNK):
                # TCP delivers nothing behind bytes that were lost, so a hole swallows the rest of the connection, too.
                swallowed = swallowed or self.weather is Weather.BLACK_HOLE
                if not swallowed and not await self._pass_on(data, sink):
                    break
        except OSError:
            pass
        finally:
            for writer in (sink, back):
                with contextlib.suppress(OSError):
                    writer.close()

    async def _pass_on(self, data: bytes, sink: asyncio.StreamWriter) -> bool:
        """Whether the connection lives on."""
        match self.weather:
            case Weather.FAIR | Weather.BLACK_HOLE:
                sink.write(data)
            case Weather.DELAY:
                await asyncio.sleep(self._random.random() * self.delay_seconds)
                sink.write(data)
            case Weather.DRIP:
                for at in range(0, len(data), 7):
                    sink.write(data[at : at + 7])
                    await asyncio.sleep(0)
            case Weather.CUT:
                sink.write(data[: self._random.randrange(len(data))])
                return False
            case Weather.RESET:
                connection: socket.socket = sink.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
                sink.transport.abort()
                return False
        await sink.drain()
        return True


@contextlib.asynccontextmanager
async def chaos_proxy(target: int, *, seed: int) -> AsyncIterator[ChaosProxy]:
    """A proxy before ``target`` for as long as the block lasts."""
    proxy = ChaosProxy(target, seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
