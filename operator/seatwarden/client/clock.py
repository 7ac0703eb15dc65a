"""The clock that a seat is measured on: seconds that only grow, and go on while the machine sleeps.

Linux stops `time.monotonic` during suspend. A laptop that was shut for an hour would take its lease for fresh on it, while the
seat has long gone to somebody else.
"""

import time
from collections.abc import Callable

Clock = Callable[[], float]

LONGEST_NAP = 5.0
"""Waits do stand still while the machine sleeps. So a long one is cut in pieces, and the clock is read after each."""


def steady_seconds() -> float:
    """Seconds since some moment in the past."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def wall_seconds() -> float:
    """Seconds since 1970 by the clock of this machine, which people and daemons set: the only one that outlives a start."""
    return time.time()
