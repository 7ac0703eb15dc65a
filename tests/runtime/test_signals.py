"""The first SIGTERM or SIGINT asks to stop; the next ones ask again and do no harm."""

import asyncio
import os
import signal
import threading

import pytest

from seatwarden.runtime.signals import stop_on_signals

PATIENCE_SECONDS = 20.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_to_stop_as_often_as_it_comes(number: signal.Signals) -> None:
    stop = asyncio.Event()
    with stop_on_signals(stop):
        for _ in range(2):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stop.wait(), PATIENCE_SECONDS)
            stop.clear()


async def test_after_the_block_signals_are_as_they_were_for_the_loop() -> None:
    with stop_on_signals(asyncio.Event()):
        pass
    loop = asyncio.get_running_loop()
    assert not loop.remove_signal_handler(signal.SIGTERM)
    assert not loop.remove_signal_handler(signal.SIGINT)


def test_outside_the_main_thread_where_no_signal_comes_it_does_nothing() -> None:
    done = threading.Event()

    async def work() -> None:
        with stop_on_signals(asyncio.Event()):
            done.set()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert done.is_set()
