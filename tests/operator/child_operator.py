"""`seatwarden operator` as a process of its own, to be killed, stopped, frozen and thawed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from seatwarden.local.identities import OPERATOR
from seatwarden.local.processes import Child, ProcessGroup
from tests.operator.world import World

PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ChildOperator:
    """A running operator, and what it says."""

    child: Child

    def kill(self) -> None:
        """SIGKILL. It has gone when this returns."""
        self.child.kill()

    def terminate(self) -> None:
        """SIGTERM, as a rolling update sends it."""
        self.child.popen.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: it does nothing and does not know that it doesn't, as in a paused virtual machine."""
        self.child.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.child.popen.send_signal(signal.SIGCONT)

    def said(self) -> list[dict[str, Any]]:
        """Its log so far."""
        lines = self.child.log.read_bytes().split(b"\n")
        return [orjson.loads(line) for line in lines[:-1]]

    async def until_said(self, event: str) -> dict[str, Any]:
        """The first line of its log about ``event``, as soon as it is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := [line for line in self.said() if line["event"] == event]):
            assert self.child.exit_status() is None, f"it ended: {self.child.log.read_text()}"
            assert time.monotonic() < deadline, f"it never said {event!r}: {self.child.log.read_text()}"
            await asyncio.sleep(_LOOK_SECONDS)
        return found[0]

    async def until_ended(self) -> int:
        """Its exit code, as soon as it has one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (status := self.child.exit_status()) is None:
            assert time.monotonic() < deadline, f"it goes on: {self.child.log.read_text()}"
            await asyncio.sleep(_LOOK_SECONDS)
        return status


StartOperator = Callable[..., ChildOperator]


@contextmanager
def child_operators(world: World, folder: Path) -> Iterator[StartOperator]:
    """Starts operators of ``world``'s namespace by their identity, with more options where wanted. They end with the block."""
    with ProcessGroup() as group:

        def start(identity: str, *options: str) -> ChildOperator:
            command = [
                *(sys.executable, "-m", "seatwarden", "operator", "--identity", identity),
                *("--kubeconfig", str(world.cluster.kubeconfig(OPERATOR)), "--namespace", world.namespace),
                *("--health-host", "127.0.0.1", "--health-port", "0", "--status-interval", "0.2"),
                *options,
            ]
            variables = os.environ | {"SEATWARDEN_REDIS_URL": world.redis_url}
            return ChildOperator(
                group.start(command, name=identity, log=folder / f"{identity}.log", cwd=folder, env=variables)
            )

        yield start
