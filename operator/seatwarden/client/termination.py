"""SIGTERM while a seat is held: the program is unwound as by `sys.exit`, so that leaving the block gives the seat back.

Only where nobody else cares for the signal. A handler of the program ends it as the program wants, and the block is left then
too; it is not touched. A second SIGTERM kills at once. Signals are for the main thread; elsewhere nothing is done.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

STATUS = 128 + signal.SIGTERM
"""The exit status, as a shell tells it of a program that SIGTERM killed."""


@dataclass
class _OpenBlocks:
    """The blocks of this process: the first sets the handler, the last takes it away."""

    sync: int = 0
    tasks: list[asyncio.Task[object]] = field(default_factory=list)
    came: bool = False


_open = _OpenBlocks()


@contextlib.contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """SIGTERM raises `SystemExit` in the block."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) not in {signal.SIG_DFL, _unwind}:
        yield
        return
    signal.signal(signal.SIGTERM, _unwind)
    _open.sync += 1
    try:
        yield
    finally:
        _open.sync -= 1
        if not _open.sync and signal.getsignal(signal.SIGTERM) is _unwind:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def cancelled_by_sigterm() -> Iterator[None]:
    """SIGTERM cancels the task of the block, which ends by `SystemExit` then."""
    task = asyncio.current_task()
    assert task is not None, "used inside a task"
    if not _in_main_thread() or not (_open.tasks or _nobody_cares()):
        yield
        return
    loop = asyncio.get_running_loop()
    if not _open.tasks:
        try:
            loop.add_signal_handler(signal.SIGTERM, _cancel)
        except NotImplementedError:  # a system without signals
            yield
            return
    _open.tasks.append(task)
    try:
        yield
    except asyncio.CancelledError:
        if _open.came:
            raise SystemExit(STATUS) from None
        raise
    finally:
        _open.tasks.remove(task)
        if not _open.tasks:
            _open.came = False
            loop.remove_signal_handler(signal.SIGTERM)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _nobody_cares() -> bool:
    return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def _unwind(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise SystemExit(STATUS)


def _cancel() -> None:
    _open.came = True
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    for task in _open.tasks:
        task.cancel()
