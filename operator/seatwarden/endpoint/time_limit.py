"""One time limit for many calls, with one timer for all of them.

`asyncio.timeout` sets a timer for each call and takes it away again, thousands of times a second, to have it fire
almost never. As all calls here have the same limit, they end in the order in which they began: the timer
looks at the oldest, and a call costs one entry in a dict.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class TimeLimit:
    """Lets calls take ``seconds`` at most."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadlines: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def keep(self, call: Awaitable[T]) -> T:
        """What ``call`` gives. A task has one call here at a time.

        Raises:
            TimeoutError: it took too long, and was cancelled.
        """
        # Finding the running loop costs a system call in some Pythons; this object never sees but one.
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "called from a task"
        self._deadlines[task] = deadline = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._look_at_the_clock, loop)
        cancelled_before = task.cancelling()
        try:
            return await call
        except asyncio.CancelledError:
            # Somebody else may have cancelled the task as well; that must go on.
            if task in self._late and task.uncancel() <= cancelled_before:
                raise TimeoutError from None
            raise
        finally:
            self._deadlines.pop(task, None)
            if self._late:
                self._late.discard(task)

    def _look_at_the_clock(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = None
        late = []
        for task, deadline in self._deadlines.items():
            if deadline > now:
                self._timer = loop.call_at(deadline, self._look_at_the_clock, loop)
                break
            late.append(task)
        for task in late:
            del self._deadlines[task]
            self._late.add(task)
            task.cancel()
