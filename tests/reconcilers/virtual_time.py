"""An event loop whose clock stands still while there is work, and jumps to the next timer when there is none.

So an hour of retries takes no time, and every instant at which something happens is exact.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 0 seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        """Seconds since the loop was made, by its own clock."""
        return self._seconds

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002  there are no threads here
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> "asyncio.Future[T]":
        """What a thread does, takes no time and is done at once: there is nothing else that time could pass by."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  who waits for the thread is told, as ever
            done.set_exception(error)
        return done

    def _jump(self, seconds: float | None) -> None:
        if seconds is None:
            raise RuntimeError("everything waits for something that nobody will do")
        self._seconds += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What the loop waits with: files never become ready here, only time passes."""
        ready = super().select(0)
        if not ready:
            self._jump(timeout)
        return ready


async def until(instant: float) -> None:
    """Return when the loop's clock shows ``instant`` and all that was due until then is done."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(instant - loop.time())
    for _ in range(50):
        await asyncio.sleep(0)
