"""How the building of the tools is shown: a live line per tool on a terminal, plain lines everywhere else."""

import sys
import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_STILL_WORKING_SECONDS = 15.0
_WITH_TENTHS = 10
_MINUTE = 60


class BuildProgress(Protocol):
    """Hears what the build of the tools is doing. ``step`` is a program's name, or the name of a step before
    it.
    """

    def waiting(self, holder: str) -> None:
        """Another process (its id is ``holder``) builds already. Heard a few times a second."""
        ...

    def started(self, step: str) -> None:
        """Work on ``step`` begins."""
        ...

    def working(self, step: str, note: str) -> None:
        """Work goes on; ``note`` says how far. Heard a few times a second."""
        ...

    def finished(self, step: str) -> None:
        """The step is done."""
        ...

    def failed(self, step: str) -> None:
        """The step failed; an error follows."""
        ...


class Silence:
    """Shows nothing."""

    def waiting(self, holder: str) -> None:
        """Shows nothing."""

    def started(self, step: str) -> None:
        """Shows nothing."""

    def working(self, step: str, note: str) -> None:
        """Shows nothing."""

    def finished(self, step: str) -> None:
        """Shows nothing."""

    def failed(self, step: str) -> None:
        """Shows nothing."""


class PlainLines:
    """For logs and pipes: a line when a step starts and ends, and a sign of life every 15 seconds."""

    def __init__(self, write: Callable[[str], None], *, now: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._now = now
        self._began = now()
        self._spoke = -_STILL_WORKING_SECONDS

    def waiting(self, holder: str) -> None:
        """Say at once, and then every 15 seconds, that another process is building."""
        if self._now() - self._spoke >= _STILL_WORKING_SECONDS:
            self._say(f"waiting for the other run (process {holder}) that is building the tools")

    def started(self, step: str) -> None:
        """Say so."""
        self._began = self._now()
        self._say(f"{step}: building")

    def working(self, step: str, note: str) -> None:
        """Say every 15 seconds that it is still going on."""
        if self._now() - self._spoke >= _STILL_WORKING_SECONDS:
            self._say(f"{step}: still working after {self._elapsed()}{', ' if note else ''}{note}")

    def finished(self, step: str) -> None:
        """Say so, with the time that it took."""
        self._say(f"{step}: ready after {self._elapsed()}")

    def failed(self, step: str) -> None:
        """Say so, with the time that it took."""
        self._say(f"{step}: failed after {self._elapsed()}")

    def _elapsed(self) -> str:
        return duration(self._now() - self._began)

    def _say(self, line: str) -> None:
        self._spoke = self._now()
        self._write(line)


class LiveLines:
    """A line per step on a terminal: a spinner while it runs, then a tick, with the elapsed time."""

    def __init__(self, console: Console, *, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._began = now()
        self._live: Live | None = None
        self._spinner = Spinner("dots")

    def waiting(self, holder: str) -> None:
        """A spinner until the other process is done."""
        if self._live is None:
            self._began = self._now()
        self._show("waiting", f"for the other run (process {holder}) that is building the tools")

    def started(self, step: str) -> None:
        """A new line with a spinner."""
        self._clear()
        self._began = self._now()
        self._show(step, "building")

    def working(self, step: str, note: str) -> None:
        """The same line, with how far it is."""
        self._show(step, note or "building")

    def finished(self, step: str) -> None:
        """The line stays, with a tick."""
        self._end("[green]✓[/]", step)

    def failed(self, step: str) -> None:
        """The line stays, with a cross."""
        self._end("[red]✗[/]", step)

    def _show(self, step: str, note: str) -> None:
        line = Table.grid(padding=(0, 1))
        elapsed = duration(self._now() - self._began)
        line.add_row(self._spinner, Text(f"{step:<24}"), Text(f"{elapsed:>7}"), Text(note, style="dim"))
        if self._live is None:
            self._live = Live(line, console=self._console, transient=True, refresh_per_second=10)
            self._live.start()
        self._live.update(line)

    def _end(self, sign: str, step: str) -> None:
        self._clear()
        self._console.print(f"{sign} {step:<24} {duration(self._now() - self._began):>7}", highlight=False)

    def _clear(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def close(self) -> None:
        """Take the spinner off the terminal, also after an interruption."""
        self._clear()


def progress_for(console: Console) -> LiveLines | PlainLines:
    """Live lines where somebody is watching, plain ones otherwise."""
    if console.is_terminal:
        return LiveLines(console)

    def write(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    return PlainLines(write)


def duration(seconds: float) -> str:
    """A length of time for a person: ``0.4 s``, ``42 s`` or ``4 min 02 s``."""
    if seconds < _WITH_TENTHS:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest:02d} s"
