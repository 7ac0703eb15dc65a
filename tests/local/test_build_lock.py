"""One at a time, across processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatwarden.local.build_lock import exclusive

HOLDER = """\
import sys
from pathlib import Path
from seatwarden.local.build_lock import exclusive
with exclusive(Path(sys.argv[1]), waiting=print):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(lock: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def take(lock: Path, *, after: subprocess.Popen[str], how: signal.Signals) -> set[str]:
    """Take the lock; its present holder gets the signal ``how`` once we are waiting. Who we were told we wait for."""
    told: set[str] = set()

    def waiting(holder: str) -> None:
        told.add(holder)
        after.send_signal(how)

    with after, exclusive(lock, waiting=waiting):
        pass
    return told


def test_a_free_lock_is_taken_at_once_and_may_be_taken_again(tmp_path: Path) -> None:
    lock = tmp_path / "made" / "on the way" / "lock"
    waited: list[str] = []
    for _ in range(2):
        with exclusive(lock, waiting=waited.append):
            assert lock.read_text() == str(os.getpid())
    assert waited == []


def test_who_waits_is_told_for_whom(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "lock")
    assert take(tmp_path / "lock", after=holder, how=signal.SIGTERM) == {str(holder.pid)}


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "lock")
    take(tmp_path / "lock", after=holder, how=signal.SIGKILL)
    assert holder.returncode == -signal.SIGKILL


def test_an_error_inside_gives_the_lock_back(tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), exclusive(tmp_path / "lock", waiting=print):
        fail()
    start_holder(tmp_path / "lock").communicate("")
