"""The real server under a simulation, and how it dies.

Its folder is in memory where the machine has such a place: a killed process loses nothing of what it wrote into a file, so
a slow disk would only cost time.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from seatwarden.local.valkey import Valkey, ValkeyOptions
from tests.authority.virtual_time import Moment

Plan = Literal["before", "answer lost", "after"]
PLANS: tuple[Plan, ...] = ("before", "answer lost", "after")
_IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it


@contextmanager
def memory_server(*, durable: bool = True) -> Iterator[Valkey]:
    """A server of the caller's own; a durable one has written each change before it answers."""
    place = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="seatwarden-simulation-", dir=place))
    server = Valkey(ValkeyOptions(folder=folder, append_only=durable))
    try:
        asyncio.run(server.start())
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


class DurableLoss:
    """SIGKILL before a call, after it with the answer lost, or after the answer. What was acknowledged is there again.

    Never while the server acts: who wins that race would not be the seed's to say.
    """

    def __init__(self, server: Valkey, choose: Callable[[], Plan]) -> None:
        self._server = server
        self._choose = choose
        self._plan: Plan = "after"

    def strike(self, moment: Moment) -> None:
        if moment == "sending":
            self._plan = self._choose()
        if moment == "sending" and self._plan != "before":
            return
        self._server.kill()
        if self._plan != "after":
            raise ConnectionResetError("the server was killed")

    def revive(self) -> None:
        asyncio.run(self._server.start())
