"""SIGTERM gives the seat back, and leaves a handler of the program alone."""

import asyncio
import signal
import threading

import pytest

from seatwarden.client import termination
from tests.client.programs import running
from tests.client.stand import HOLDER, Stand

SYNC = f"""
import time
from seatwarden.client import Client
with Client() as client, client.hold(holder="{HOLDER}") as seat:
    try:
        print("seated", flush=True)
        time.sleep(600)
    finally:
        print("unwound", flush=True)
"""
ASYNC = f"""
import asyncio
from seatwarden.client import AsyncClient
async def main():
    async with AsyncClient() as client, client.hold(holder="{HOLDER}") as seat:
        try:
            print("seated", flush=True)
            await asyncio.sleep(600)
        finally:
            print("unwound", flush=True)
asyncio.run(main())
"""
OWN_HANDLER = f"""
import signal, threading
from seatwarden.client import Client
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
with Client() as client, client.hold(holder="{HOLDER}") as seat:
    print("seated", flush=True)
    while not told.wait(0.1):
        pass
    print("held" if seat.held else "not held", flush=True)
raise SystemExit(7)
"""


@pytest.mark.parametrize("source", [SYNC, ASYNC], ids=["sync", "async"])
async def test_sigterm_unwinds_the_program_and_the_seat_is_free(stand: Stand, source: str) -> None:
    async with running(source, environment=stand.environment()) as program:
        assert await program.line() == "seated"
        assert len(await stand.sessions()) == 1
        program.process.terminate()
        assert await program.line() == "unwound"
        assert await program.end() == (143, "")
    assert await stand.sessions() == []


async def test_a_handler_of_the_program_decides_and_the_seat_is_held_until_the_block_is_left(
    stand: Stand,
) -> None:
    async with running(OWN_HANDLER, environment=stand.environment()) as program:
        assert await program.line() == "seated"
        program.process.terminate()
        assert await program.line() == "held"
        assert await program.end() == (7, "")
    assert await stand.sessions() == []


def test_nested_blocks_put_back_what_was_before_when_the_last_is_left() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    first, second = termination.unwound_by_sigterm(), termination.unwound_by_sigterm()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(SystemExit) as ended:
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143
    second.__exit__(None, None, None)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("before", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "handled"])
def test_what_somebody_else_set_is_not_touched(before: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, before)
    with termination.unwound_by_sigterm():
        assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_nothing_is_done() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    seen: list[object] = []

    async def inside() -> None:
        with termination.cancelled_by_sigterm(), termination.unwound_by_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=asyncio.run, args=(inside(),))
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


async def test_a_cancellation_that_is_not_from_the_signal_stays_one() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(asyncio.CancelledError), termination.cancelled_by_sigterm():
        raise asyncio.CancelledError
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
