"""Child processes that never outlive the program that started them, however it ends.

All children of one `ProcessGroup` share one POSIX process group, led by a small guardian: a shell that reads
from a pipe which only our program holds open. When our program ends, even by SIGKILL, the kernel closes the
pipe, the read returns, and the guardian kills its whole group, itself included. That works on Linux and macOS
alike, and, unlike Linux's parent-death signal, does not fire when merely the *thread* that started the child
ends.

Being in a group of their own, the children do not get the terminal's Ctrl-C: their owner stops them in its
own order.
"""

import os
import signal
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

_GUARDIAN = ("/bin/sh", "-c", "trap '' HUP INT TERM; read -r _; kill -KILL 0")
_REAP_SECONDS = 10.0
_TAIL_LINES = 15
_TAIL_BYTES = 16_384


class LocalServerError(Exception):
    """A local server did not start, or died. The text is for a person: what, the log's path and its last
    lines.
    """


@dataclass(frozen=True, slots=True)
class Child:
    """One running program and where its output goes."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The process id, valid until the child has been reaped."""
        return self.popen.pid

    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self.popen.poll()

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken the process away."""
        self.popen.kill()
        self.popen.wait(_REAP_SECONDS)

    def terminate(self, *, limit_seconds: float) -> None:
        """SIGTERM, then SIGKILL when the program has not ended within ``limit_seconds``."""
        self.popen.terminate()
        try:
            self.popen.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def failure(self, happened: str) -> LocalServerError:
        """An error that says what ``happened``, and shows the end of the log."""
        return LocalServerError(
            f"{self.name} {happened}. Its log is {self.log}; it ends with:\n{tail(self.log)}"
        )


class ProcessGroup:
    """The children of one purpose: started together, and gone together at the latest when our program is
    gone.

    A context manager; `kill` may be called any number of times.
    """

    def __init__(self) -> None:
        self._guardian = subprocess.Popen(
            _GUARDIAN,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._children: list[Child] = []
        self._finalizer = weakref.finalize(self, _kill_all, os.getpid(), self._guardian, self._children)

    @property
    def children(self) -> tuple[Child, ...]:
        """All that was started in this group, in order, whether it still runs or not."""
        return tuple(self._children)

    @property
    def guardian_pid(self) -> int:
        """The process id of the guardian, which is also the id of the process group."""
        return self._guardian.pid

    def start(
        self,
        command: Sequence[str | Path],
        *,
        name: str,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Start ``command`` in this group, its output appended to ``log``.

        Raises `LocalServerError` when the program cannot be executed.
        """
        with log.open("ab") as output:
            popen = self._spawn(command, name=name, output=output, cwd=cwd, env=env)
        child = Child(name, popen, log)
        self._children.append(child)
        return child

    def _spawn(
        self,
        command: Sequence[str | Path],
        *,
        name: str,
        output: IO[bytes],
        cwd: Path,
        env: Mapping[str, str] | None,
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=env,
                process_group=self.guardian_pid,
            )
        except OSError as error:
            raise LocalServerError(f"{name} cannot be started: {command[0]}: {error.strerror}.") from error

    def kill(self) -> None:
        """SIGKILL to every process of the group, and wait until all that we started are reaped."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()


def _kill_all(owner_pid: int, guardian: subprocess.Popen[bytes], children: Sequence[Child]) -> None:
    # A fork of our program inherits this finalizer; only the program itself may act on it.
    if os.getpid() != owner_pid:
        return
    if guardian.poll() is None:
        os.killpg(guardian.pid, signal.SIGKILL)
    for child in children:
        if child.exit_status() is None:
            child.kill()
    guardian.wait(_REAP_SECONDS)
    if guardian.stdin is not None:
        guardian.stdin.close()


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The last ``lines`` lines of a log file, or a remark in brackets when there are none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "(the log was not written)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
