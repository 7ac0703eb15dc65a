"""One connection to Redis on which many calls are under way at a time.

Redis answers in the order in which it was asked. So one connection is enough for a process: a call puts its
command behind the others and a future at the end of a queue, and each reply goes to the future at the front.
Commands that are issued during one turn of the event loop leave in one write. Under load that is dozens of
commands to a system call, at both ends, which is most of what makes the seat path fast.

What keeps the order right is that **a place in the queue is given up only by its reply**. A caller that was
cancelled or has waited too long leaves its future behind; the reply finds it done and is dropped. When the
oldest place is overdue by a whole time limit more, the connection is taken for dead and closed, and with it
all that waits.

The queue has a limit. Beyond it a call is refused at once, unsent: Redis is then so far behind that waiting
would only make it worse. A share of the places is kept for urgent calls, those that give seats back.

All calls of a pipe have the same time limit, so the queue is also ordered by deadline: one timer, set to the
oldest deadline, serves them all and a call costs no timer of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import hiredis

_TIMER_GRAIN_SECONDS = 0.01
# Redis can begin while we are still at it. With 64 connections 12 to 20 gave 4 % more heartbeats a second than 32.
_WRITE_AT = 16
_NOTHING = object()


class PipeLost(Exception):
    """The connection ended before the reply came; whether the command ran is unknown."""


class PipeLate(Exception):
    """The reply did not come in time; whether the command ran is unknown."""


class PipeFull(Exception):
    """Too many calls are under way already. The command was not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeLimits:
    """How long a call may take, how many may be under way, and how many places of those are for urgent ones."""

    call_seconds: float
    calls: int = 4096
    kept_for_urgent: int = 1024
    unsent_bytes: int = 4 * 1024 * 1024

    def room(self, taken: int, *, urgent: bool) -> bool:
        """Whether one call more may come when ``taken`` places are taken."""
        return taken < (self.calls if urgent else self.calls - self.kept_for_urgent)


class Pipe(asyncio.Protocol):
    """The protocol of one connection; ``on_lost`` is called once, when it has ended."""

    def __init__(self, limits: PipeLimits, on_lost: Callable[["Pipe"], None]) -> None:
        self.arrived: set[str] = set()
        """What was told about this connection, as `seatwarden.backends.redis_arrivals` has it."""
        self.loading: dict[str, asyncio.Future[Any]] = {}
        """The scripts that are being loaded over this connection just now, by their hash."""
        self._limits = limits
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._most = limits.calls - limits.kept_for_urgent
        self._choked = False
        self._retired = False

    @property
    def calls_under_way(self) -> int:
        """How many replies are still to come, those that nobody waits for any more included."""
        return len(self._waiting)

    def now(self) -> float:
        """The event loop's time. Asking the pipe is cheaper than looking for the running loop."""
        return self._loop.time()

    def send(self, command: bytes, *, urgent: bool = False) -> "asyncio.Future[Any]":
        """The future reply to ``command``: bytes, ints, None and lists of them.

        It fails with `hiredis.ReplyError` where Redis refuses, with `PipeLate` or with `PipeLost`.

        Raises:
            PipeFull: nothing was sent.
            PipeLost: the connection has ended already.
        """
        waiting = self._waiting
        if (len(waiting) >= self._most or self._choked) and not (
            urgent and len(waiting) < self._limits.calls
        ):
            raise PipeFull
        if self._transport is None or self._retired:
            raise PipeLost
        loop = self._loop
        future: asyncio.Future[Any] = loop.create_future()
        deadline = loop.time() + self._limits.call_seconds
        waiting.append((future, deadline))
        if not self._unsent:
            loop.call_soon(self._write)
        self._unsent.append(command)
        if len(self._unsent) >= _WRITE_AT:
            self._write()
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._look_at_the_clock)
        return future

    def retire(self) -> None:
        """Take no more calls, and close when the last reply has come."""
        self._retired = True
        if not self._waiting:
            self.abort()

    def abort(self) -> None:
        """Close at once. Whatever waits fails with `PipeLost`."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._limits.unsent_bytes)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. Whatever cannot be a reply ends the connection."""
        reader, waiting = self._reader, self._waiting
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                future, _ = waiting.popleft()
                if future.done():
                    continue
                if isinstance(reply, hiredis.ReplyError):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.abort()
        if self._retired and not waiting:
            self.abort()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: Redis does not read as fast as we write."""
        self._choked = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._choked = False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """See `asyncio.Protocol`."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._unsent.clear()
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(PipeLost())
        self._on_lost(self)

    def _write(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent and self._transport is not None:
            self._transport.write(b"".join(unsent))

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        now = self._loop.time()
        dead_at = self._waiting[0][1] + self._limits.call_seconds
        if dead_at <= now:
            self.abort()
            return
        look_again_at = dead_at
        for future, deadline in self._waiting:
            if deadline > now:
                look_again_at = min(dead_at, max(deadline, now + _TIMER_GRAIN_SECONDS))
                break
            if not future.done():
                future.set_exception(PipeLate())
        self._timer = self._loop.call_at(look_again_at, self._look_at_the_clock)
