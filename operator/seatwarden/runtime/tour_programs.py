"""The client programs of the tour: real processes that take seats over HTTP and know nothing else."""

import asyncio
import json
import sys
from pathlib import Path
from signal import Signals
from typing import Any

_TELL_SECONDS = 15.0
_END_SECONDS = 10.0

Told = dict[str, Any]


class ProgramSilent(Exception):
    """A program did not tell what was waited for; the text names it and its log."""


class Program:
    """One client program; ``log`` gets what it writes to its error output."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, name: str, *, endpoint: str, key_file: Path, log: Path, keep_asking: bool = False
    ) -> "Program":
        """Start a program on the "machine" ``name``. It ends with us: its input ends then."""
        options = ("--keep-asking",) if keep_asking else ()
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "seatwarden.local.tour_client", *options),
                *(endpoint, str(key_file), name),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                process_group=0,  # the terminal's Ctrl-C is for us to pass on
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def told(self, *, within: float = _TELL_SECONDS) -> Told:
        """The next thing that the program tells: the answer that it got from the endpoint.

        Raises:
            ProgramSilent: it ended, or told nothing ``within`` that many seconds.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(within):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ProgramSilent(
                f"{self.name} told nothing for {within:.0f} s. Its log is {self._log}."
            ) from None
        if not line:
            raise ProgramSilent(f"{self.name} ended without a word. Its log is {self._log}.")
        told: Told = json.loads(line)
        return told

    async def end(self, number: Signals) -> int:
        """Send a signal, wait until the program has ended, and return its status; SIGKILL when it does not end."""
        if self._process.returncode is None:
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(_END_SECONDS):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()
