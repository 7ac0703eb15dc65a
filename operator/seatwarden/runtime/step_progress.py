"""What is going on, for the person who waits: a live line on a terminal, plain lines everywhere else."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from seatwarden.local.build_progress import duration

_TICKS_PER_SECOND = 10
_BAR_WIDTH = 40
_NAME_WIDTH = 24
_REMARK_SECONDS = 5.0


class _Showing:
    """Asked anew for every frame of a `Live`."""

    def __init__(self, frame: Callable[[], RenderableType]) -> None:
        self._frame = frame

    def __rich__(self) -> RenderableType:
        return self._frame()


class StepProgress:
    """Steps of which each takes a while, told on ``console``. ``clock`` gives monotonic seconds."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step, as long as the block lasts: a spinner with the time so far, then a tick or a cross."""
        began = self._clock()
        if not self._console.is_terminal:
            self._line(Text(f"{name} …"))
        spinner = Spinner("dots")

        def frame() -> RenderableType:
            line = Table.grid(padding=(0, 1))
            line.add_row(spinner, Text(f"{name:<{_NAME_WIDTH}}"), self._since(began))
            return line

        sign = Text("✗", style="red")
        try:
            with self._live(frame):
                yield
            sign = Text("✓", style="green")
        finally:
            self._line(Text.assemble(sign, f" {name:<{_NAME_WIDTH}} {self._since(began)}"))

    @contextmanager
    def countdown(self, what: str, seconds: float) -> Iterator[Callable[[], None]]:
        """A bar that fills within ``seconds``, gone when the block ends.

        Call what is given now and then: away from a terminal it writes a line every five seconds.
        """
        began = self._clock()
        told = began

        def left() -> float:
            return max(0.0, seconds - (self._clock() - began))

        def frame() -> RenderableType:
            line = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=seconds, completed=seconds - left(), width=_BAR_WIDTH)
            line.add_row(Text(f"  {what}"), bar, Text(f"{left():4.1f} s"))
            return line

        def tell() -> None:
            nonlocal told
            if not self._console.is_terminal and self._clock() - told >= _REMARK_SECONDS:
                told = self._clock()
                self._line(Text(f"  {what}: {left():.0f} s left"))

        if not self._console.is_terminal:
            self._line(Text(f"  {what}: {seconds:.0f} s"))
        with self._live(frame):
            yield tell

    @contextmanager
    def _live(self, frame: Callable[[], RenderableType]) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with Live(
            _Showing(frame), console=self._console, transient=True, refresh_per_second=_TICKS_PER_SECOND
        ):
            yield

    def _since(self, began: float) -> str:
        return f"{duration(self._clock() - began):>8}"

    def _line(self, text: Text) -> None:
        self._console.print(text, highlight=False)
        self._console.file.flush()
