"""`seatwarden dev` as a process, and every process that it has to do with."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.local.waiting import is_alive, wait_until

MARK = "DEV_RUN_OF_A_TEST"
UP = "Everything stays up until Ctrl-C"
PATIENCE_SECONDS = 100.0


@dataclass(frozen=True)
class DevProcess:
    """A running `seatwarden dev`, found again by a mark in the environment of all that descends from it."""

    process: subprocess.Popen[bytes]
    output: Path
    temporary: Path
    mark: str

    def said(self) -> str:
        """All that it has written so far."""
        return self.output.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until it has written ``text``. Fails the test where it ends without it, or takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.said():
            ended = self.process.poll()
            assert ended is None or text in self.said(), f"it ended with {ended}:\n{self.said()}"
            assert time.monotonic() < deadline, f"it never said {text!r}:\n{self.said()}"
            time.sleep(0.05)

    def printed(self, part: str) -> str:
        """The first line with ``part``, as soon as all of it is there."""
        self.wait_for(part)
        wait_until(lambda: "\n" in self.said().partition(part)[2], what="the line is whole")
        return next(line.strip() for line in self.said().splitlines() if part in line)

    def typed(self, *lines: str) -> str:
        """Type lines after the one with the exports that was printed, as a person would; what they say."""
        done = subprocess.run(
            ["/bin/sh", "-c", "\n".join(["set -e", self.printed("  export "), *lines])],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ended(self, *, within: float = PATIENCE_SECONDS) -> int:
        """Wait for its end, and return its status."""
        return self.process.wait(within)

    def family(self) -> list[int]:
        """The ids of all processes that descend from it and are alive, itself included."""
        return [pid for pid in _all_pids() if self.mark in _environment(pid) and is_alive(pid)]

    def child(self, *words: str) -> int:
        """The id of the descendant whose command line has all ``words``."""
        found = [pid for pid in self.family() if set(words) <= set(_words(pid))]
        assert len(found) == 1, f"{found} for {words}"
        return found[0]

    def left_behind(self) -> list[str]:
        """What is in its temporary folder now."""
        return sorted(path.name for path in self.temporary.iterdir())


@contextmanager
def dev_process(*options: str, temporary: Path, **environment: str) -> Iterator[DevProcess]:
    """Run the command with ``options``; it ends with the block at the latest."""
    mark = f"{MARK}={uuid4().hex}"
    variables = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    name, _, value = mark.partition("=")
    temporary.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=temporary.parent, suffix=".output") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "seatwarden", "dev", *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables | {name: value, "TMPDIR": str(temporary), "COLUMNS": "400"} | environment,
            start_new_session=True,
        )
        run = DevProcess(process, Path(output.name), temporary, mark)
        try:
            yield run
        finally:
            process.kill()
            process.wait()
            _kill_all(run.family())


def run_dev(
    *options: str, temporary: Path, within: float = PATIENCE_SECONDS, **environment: str
) -> tuple[int, str]:
    """Run the command to its end; its status and what it has written."""
    with dev_process(*options, temporary=temporary, **environment) as run:
        status = run.ended(within=within)
        return status, run.said()


def _kill_all(pids: Sequence[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _environment(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []
