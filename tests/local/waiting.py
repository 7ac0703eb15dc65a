"""Waiting for what another process does, with an end to it."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE_SECONDS = 90.0


def wait_until(condition: Callable[[], object], *, what: str) -> None:
    """Wait until ``condition`` holds. Fails the test, naming ``what`` was expected, when it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than an entry that its parent has not collected yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def wait_until_gone(pids: Sequence[int]) -> None:
    """Wait until none of the processes is alive."""
    wait_until(lambda: not any(is_alive(pid) for pid in pids), what=f"the processes {list(pids)} are gone")
