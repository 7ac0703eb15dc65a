"""The link to one Redis server: opens its pipe when somebody wants it, and again whenever it was lost.

Nothing runs while nobody calls. The first call that finds no pipe begins an attempt to open one; all calls that
come meanwhile wait for that attempt. After a failure the next attempt waits a little, longer each time and with
jitter, so that a server that comes back is not met by everybody at once.

A new connection logs in and asks the server who it is before anything else is sent. ``run_id`` changes when the
server was restarted or is another one; the generation grows with each connection of this process. Together
they tell whether what an earlier call has seen can still be so.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import hiredis

from seatwarden.backends.redis_pipe import Pipe, PipeFull, PipeLate, PipeLimits, PipeLost
from seatwarden.backends.redis_url import Login, Node
from seatwarden.domain.backoff import Backoff

Argument = bytes | str | int
_PAUSES = Backoff(first=0.02, longest=0.5)
_NAME = "seatwarden"
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


class NoLink(Exception):
    """No connection could be opened. The text is a few words that hold no secret."""


class ServerSeen(NamedTuple):
    """Which server answers, and over the how-manieth connection of this process."""

    run_id: str
    generation: int


class Link:
    """The link to the server that ``find`` names; ``generations`` is shared by all links of the process."""

    def __init__(
        self,
        find: Callable[[], Awaitable[Node]],
        login: Login,
        limits: PipeLimits,
        generations: Iterator[int],
        *,
        must_be_master: bool = False,
    ) -> None:
        self.pipe: Pipe | None = None
        self.seen = ServerSeen("", 0)
        self._find = find
        self._login = login
        self._limits = limits
        self._generations = generations
        self._must_be_master = must_be_master
        self._opening: asyncio.Task[Pipe] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._closed = False

    async def open(self) -> Pipe:
        """The pipe; opened now if there is none.

        Raises:
            NoLink: it could not be opened.
        """
        if self.pipe is not None:
            return self.pipe
        if self._closed:
            raise NoLink("closed")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_look_at)
        return await asyncio.shield(self._opening)

    def renew(self) -> None:
        """Use another connection from now on, to the server that is then in charge.

        Replies that are still to come on this one may come.
        """
        pipe, self.pipe = self.pipe, None
        if pipe is not None:
            pipe.retire()

    def retire(self) -> None:
        """Close when the last reply has come, and open no more."""
        self._closed = True
        self.renew()

    def close(self) -> None:
        """Close at once, and open no more."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self.pipe is not None:
            self.pipe.abort()

    async def _open(self) -> Pipe:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._not_before - loop.time())
            pipe, run_id = await self._connected()
        except NoLink:
            pause = _PAUSES.delay(self._failures, random.random())  # noqa: S311  # jitter
            self._failures += 1
            self._not_before = loop.time() + pause
            raise
        finally:
            self._opening = None
        self._failures = 0
        self.seen = ServerSeen(run_id, next(self._generations))
        self.pipe = pipe
        return pipe

    async def _connected(self) -> tuple[Pipe, str]:
        pipe: Pipe | None = None
        try:
            async with asyncio.timeout(self._limits.call_seconds):
                pipe = await dial(await self._find(), self._login, self._limits, self._lost)
                return pipe, await _introduced(pipe, must_be_master=self._must_be_master)
        except BaseException as error:
            if pipe is not None:
                pipe.abort()
            if isinstance(error, (OSError, TimeoutError, hiredis.ReplyError, PipeLost, PipeLate, PipeFull)):
                raise NoLink(why(error)) from None
            raise

    def _lost(self, pipe: Pipe) -> None:
        if self.pipe is pipe:
            self.pipe = None


async def dial(node: Node, login: Login, limits: PipeLimits, on_lost: Callable[[Pipe], None]) -> Pipe:
    """A new connection to ``node``, logged in.

    Raises:
        OSError: there is no connection to be had.
        hiredis.ReplyError: the login was refused.
        PipeLost, PipeLate: the connection ended or stood still meanwhile.
    """
    loop = asyncio.get_running_loop()

    def pipe() -> Pipe:
        return Pipe(limits, on_lost)

    if node.path is not None:
        _, made = await loop.create_unix_connection(pipe, node.path)
    else:
        server = node.host if login.tls is not None else None
        transport, made = await loop.create_connection(
            pipe, node.host, node.port, ssl=login.tls, server_hostname=server
        )
        _keep_alive(transport.get_extra_info("socket"))
    try:
        await _logged_in(made, login)
    except BaseException:
        made.abort()
        raise
    return made


def why(error: BaseException) -> str:
    """``error`` in a few words. Redis's own may quote what it was sent, so only its code word is told."""
    if isinstance(error, hiredis.ReplyError):
        word = str(error).partition(" ")[0]
        return word if word.isascii() and word.isupper() else "ERR"
    return type(error).__name__


def pack(*words: Argument) -> bytes:
    """A command as Redis reads it."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub forgets that tuples have a length
    return packed


async def _logged_in(pipe: Pipe, login: Login) -> None:
    if login.password is not None:
        user = () if login.username is None else (login.username,)
        await pipe.send(pack("AUTH", *user, login.password))
    if login.database:
        await pipe.send(pack("SELECT", login.database))


async def _introduced(pipe: Pipe, *, must_be_master: bool) -> str:
    with contextlib.suppress(hiredis.ReplyError):  # a courtesy to who looks at CLIENT LIST
        await pipe.send(pack("CLIENT", "SETNAME", _NAME))
    if must_be_master:
        role: list[Any] = await pipe.send(pack("ROLE"))
        if role[0] != b"master":
            raise ConnectionRefusedError("not the master")
    said: bytes = await pipe.send(pack("INFO", "server"))
    fields = dict(line.partition(b":")[::2] for line in said.splitlines())
    return fields.get(b"run_id", b"").decode("ascii", "replace")


def _keep_alive(connection: socket.socket) -> None:
    # A peer that vanished without a word is noticed within half a minute also where nobody calls.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _look_at(opening: "asyncio.Task[Pipe]") -> None:
    # Those who wait may all have given up: nobody else would take the exception then.
    if not opening.cancelled():
        opening.exception()


def new_generations() -> Iterator[int]:
    """Numbers for the connections of one process, from 1."""
    return count(1)
