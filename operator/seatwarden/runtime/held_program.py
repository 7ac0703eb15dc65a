"""Runs one program and passes on what happens to either side: signals to it, its exit to us, and the end of its seat.

The signals are blocked and waited for, so that none is lost between two moments. The program starts with the signals as they
were before. It stays in our process group: what a terminal sends it gets by itself, and gets only once.
"""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from seatwarden.client import Loss

SEAT_LOST = signal.SIGRTMIN
"""A signal of our own to ourselves: the thread that keeps the seat says that it is lost."""
_FORWARDED = frozenset(
    {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGCONT,
    }
)
_FROM_TERMINAL = {signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}
_WAITED_FOR = _FORWARDED | {signal.SIGCHLD, SEAT_LOST}
_LONGEST_WAIT = 3600.0
_SENT_BY_THE_KERNEL = 0x80


@contextlib.contextmanager
def signals_waited_for() -> Iterator[set[signal.Signals | int]]:
    """Block them in the block; gives the mask from before, for the program."""
    # It may come before or after the block too, where it is to do no harm.
    signal.signal(SEAT_LOST, lambda _number, _frame: None)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    try:
        yield set(before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def tell_loss(_loss: Loss) -> None:
    """Wake the one that waits in `run_program`."""
    os.kill(os.getpid(), SEAT_LOST)


def start_program(command: Sequence[str], mask: set[signal.Signals | int]) -> int:
    """The process id of the started program.

    Raises:
        OSError: it cannot be started.
    """
    return os.posix_spawnp(command[0], list(command), os.environ, setsigmask=mask)


def run_program(
    process: int,
    seat_lost: threading.Event,
    *,
    lost: Callable[[], None],
    ends_with_seat: bool,
    grace_seconds: float,
) -> tuple[int, bool]:
    """Wait for the program: its exit status as a shell tells it, and whether it was ended because the seat was lost.

    ``seat_lost`` says that the seat is lost, and ``lost`` is called once then. Where ``ends_with_seat``, the program gets
    SIGTERM then, and SIGKILL ``grace_seconds`` later.
    """
    told, kill_at = False, math.inf
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return (code if code >= 0 else 128 - code), told and ends_with_seat
        if seat_lost.is_set() and not told:
            told = True
            lost()
            if ends_with_seat:
                os.kill(process, signal.SIGTERM)
                os.kill(process, signal.SIGCONT)
                kill_at = time.monotonic() + grace_seconds
        if time.monotonic() >= kill_at:
            os.kill(process, signal.SIGKILL)
            kill_at = math.inf
        _pass_on(process, min(_LONGEST_WAIT, max(0.0, kill_at - time.monotonic())))


def _pass_on(process: int, seconds: float) -> None:
    """Wait for a signal, and give it to the program if it is meant for it."""
    found = signal.sigtimedwait(_WAITED_FOR, seconds)
    if found is None or found.si_signo not in _FORWARDED:
        return
    if found.si_code == _SENT_BY_THE_KERNEL and found.si_signo in _FROM_TERMINAL:
        return
    os.kill(process, found.si_signo)
