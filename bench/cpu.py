"""CPU time of processes, from the kernel."""

import os
from pathlib import Path

from bench.rows import Row


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class CpuUsed:
    """What this process and its children use from now on, by the name of the program."""

    def __init__(self) -> None:
        self._before = _by_program()

    def rows(self, count: int, each: str) -> list[Row]:
        """A row for each program, in milliseconds for one of ``count``; ``each`` says of what."""
        return [
            Row(
                name=f"{program}_cpu_for_{each}",
                value=(seconds - self._before.get(program, 0.0)) * 1000 / count,
                unit="ms",
            )
            for program, seconds in sorted(_by_program().items())
        ]


def _by_program() -> dict[str, float]:
    own = os.getpid()
    used = {"bench": cpu_seconds(own)}
    for child in children(own):
        command = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        # Some servers write where they listen behind their name.
        program = "operator" if "operator" in command else Path(command[0].split(" ")[0]).name
        used[program] = used.get(program, 0.0) + cpu_seconds(child)
    return used
