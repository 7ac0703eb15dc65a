"""`seatwarden serve` as a process of its own, for tests."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

UNREACHABLE = "redis://:hunter2@127.0.0.1:1/0"
PROGRAM = "from seatwarden.runtime.serve_command import serve; serve()"


@dataclass
class Served:
    """A running `seatwarden serve`."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def logged(self, event: str) -> dict[str, Any]:
        """The next line with that ``event``.

        All lines until then are kept in ``lines``.
        """
        assert self.process.stderr is not None
        while raw := await asyncio.wait_for(self.process.stderr.readline(), 20):
            self.lines.append(orjson.loads(raw))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"ended without saying {event!r}: {self.lines}")

    async def rest(self) -> str:
        """What it still wrote after the last line looked at; waits for its end."""
        assert self.process.stderr is not None
        return (await asyncio.wait_for(self.process.stderr.read(), 20)).decode()


Serve = Callable[..., Awaitable[Served]]


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Serve]:
    """Gives a function that starts the command with the options given; all of them end with the block."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*options: str, **environment: str) -> Served:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-c", PROGRAM, "--listen", "127.0.0.1:0", *options),
                env={**os.environ, "SEATWARDEN_REDIS_URL": UNREACHABLE, **environment},
                stderr=asyncio.subprocess.PIPE,
            )

            async def stop() -> None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                # Ends when the last worker has ended, as they share it; and the pipe's transport has to be
                # closed while the loop still runs.
                assert process.stderr is not None
                await asyncio.wait_for(process.stderr.read(), 20)

            stack.push_async_callback(stop)
            return Served(process)

        yield start
