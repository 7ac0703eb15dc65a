"""Waiting until replicas have what Redis is about to acknowledge: one WAIT for all calls of a moment.

WAIT answers when enough replicas have all that this connection has written before. So calls that leave together share one,
as calls that reach a disk together share one write: the more there are, the less each of them pays.
"""

import asyncio
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from seatwarden.backends.redis_link import pack
from seatwarden.backends.redis_pipe import Pipe, PipeFull, PipeLost
from seatwarden.backends.redis_scripts import Script

_COMMITTED = frozenset({"acquire", "release", "readmit", "configure", "remove_device", "append"})
"""Scripts whose answer is given only when it is safe. A heartbeat that is lost is made good by the next."""


class TooFewReplicas(Exception):
    """Redis has it, and too few replicas said in time that they have it too."""


class Commit:
    """Waits for ``replicas`` of them, each time for up to ``seconds``."""

    def __init__(self, replicas: int, *, seconds: float) -> None:
        self._replicas = replicas
        self._command = pack("WAIT", replicas, int(seconds * 1000))
        self._open: WeakKeyDictionary[Pipe, asyncio.Future[None]] = WeakKeyDictionary()

    async def kept(self, pipe: Pipe, script: Script, reply: "asyncio.Future[Any]") -> Any:
        """The reply to ``script``, just sent over ``pipe``, once it is as safe as was declared."""
        if script.name not in _COMMITTED:
            return await reply
        committed = self.after(pipe)
        said = await reply
        await committed
        return said

    def after(self, pipe: Pipe) -> "asyncio.Future[None]":
        """Done when the replicas have whatever was sent over ``pipe`` before.

        It fails with `TooFewReplicas`, or as a command that was sent.
        """
        committed = self._open.get(pipe)
        if committed is None:
            loop = asyncio.get_running_loop()
            committed = loop.create_future()
            committed.add_done_callback(_look_at)
            self._open[pipe] = committed
            loop.call_soon(self._ask, pipe, committed)
        return committed

    def _ask(self, pipe: Pipe, committed: "asyncio.Future[None]") -> None:
        del self._open[pipe]
        try:
            answer = pipe.send(self._command, urgent=True)
        except (PipeFull, PipeLost) as error:
            committed.set_exception(error)
            return
        answer.add_done_callback(partial(self._settle, committed))

    def _settle(self, committed: "asyncio.Future[None]", answer: "asyncio.Future[Any]") -> None:
        if committed.done():
            return
        error = answer.exception()
        if error is None and answer.result() < self._replicas:
            error = TooFewReplicas()
        if error is not None:
            committed.set_exception(error)
        else:
            committed.set_result(None)


def _look_at(committed: "asyncio.Future[None]") -> None:
    # Whoever waited for it may have been cancelled: nobody else would take the exception then.
    if not committed.cancelled():
        committed.exception()
