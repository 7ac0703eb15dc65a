"""SIGTERM and SIGINT as an event."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signals(stop: asyncio.Event, *, process_ends: bool = False) -> Iterator[None]:
    """Set ``stop`` on the first SIGTERM or SIGINT. Outside the main thread, where signals do not arrive, nothing is done.

    ``process_ends``: nothing but the end of the process follows, so that later signals are ignored: it is ending already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            if process_ends:
                signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
            loop.remove_signal_handler(number)
            if process_ends:
                signal.signal(number, signal.SIG_IGN)


def told_to_stop_by_signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second cancels the task that called this."""
    told_to_stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if told_to_stop.is_set() and task is not None:
            task.cancel()
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return told_to_stop
