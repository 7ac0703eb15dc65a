"""A server that speaks Redis's protocol and answers what the test tells it to, for what real servers say rarely."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import hiredis

Command = list[bytes]
Answer = Callable[[Command], Awaitable[bytes | None]]
OK = b"+OK\r\n"


def bulk(content: bytes) -> bytes:
    """A bulk reply."""
    return b"$%d\r\n%b\r\n" % (len(content), content)


class ScriptedRedis:
    """Answers log-ins and INFO by itself, all else by ``answer``; None sends nothing. Keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Command] = []
        self.connections = 0
        self.run_id = b"f" * 40
        self.role = b"master"
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        if self._server is not None:
            self._server.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        parser = hiredis.Reader(notEnoughData=self)
        try:
            while data := await reader.read(65536):
                parser.feed(data)
                while (command := parser.gets()) is not self:
                    self.asked.append(command)
                    answer = await self._answered(command)
                    if answer is not None:
                        writer.write(answer)
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answered(self, command: Command) -> bytes | None:
        match [word.upper() for word in command[:2]]:
            case [b"AUTH", *_] | [b"SELECT", *_] | [b"CLIENT", *_] | [b"ASKING"]:
                return OK
            case [b"INFO", *_]:
                return bulk(b"# Server\r\nredis_version:7.2.0\r\nrun_id:%b\r\n" % self.run_id)
            case [b"ROLE", *_]:
                return b"*3\r\n" + bulk(self.role) + b":1\r\n*0\r\n"
        return await self.answer(command)


@contextlib.asynccontextmanager
async def scripted_redis(answer: Answer) -> AsyncIterator[ScriptedRedis]:
    """Such a server for as long as the block lasts."""
    server = ScriptedRedis(answer)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def echo(command: Command) -> bytes:
    """Answers a script call with its last argument, so that a test sees which call a reply belongs to."""
    return bulk(command[-1])
