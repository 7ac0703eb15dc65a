"""Programs and `seatwarden hold` as processes of their own, for tests."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tests.client.stand import PATIENCE_SECONDS

# Where coverage measures a program it takes SIGTERM for itself, and a handler that is there is left alone.
_OF_COVERAGE = {"COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"}
HOLD = "from seatwarden.runtime.hold_command import hold; hold()"
BORROW = "from seatwarden.runtime.borrow_command import borrow; borrow()"
RETURN = "from seatwarden.runtime.borrow_command import return_seat; return_seat()"


@dataclass
class Running:
    """A process whose output is read line by line."""

    process: asyncio.subprocess.Process

    async def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_SECONDS)).decode().strip()

    async def type(self, text: str) -> None:
        """Send a line to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        await self.process.stdin.drain()

    async def end(self) -> tuple[int, str]:
        """Its status and what it wrote to its error output."""
        assert self.process.stderr is not None
        said = (await asyncio.wait_for(self.process.stderr.read(), PATIENCE_SECONDS)).decode()
        return await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS), said


@contextlib.asynccontextmanager
async def running(
    source: str, *arguments: str, environment: dict[str, str], hidden: Sequence[str] = ()
) -> AsyncIterator[Running]:
    """Python with that ``source``; ended with the block, if it still runs."""
    given = {**os.environ, **environment}
    variables = {name: value for name, value in given.items() if name not in {*hidden, *_OF_COVERAGE}}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source, *arguments),
        env=variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Running(process)
    finally:
        # Not by SIGKILL at once: a program below `hold` would be left behind.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, TimeoutError):
                process.send_signal(number)
                await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
