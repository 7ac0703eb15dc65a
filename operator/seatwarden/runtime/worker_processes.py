"""Several worker processes under one parent, which starts them, starts them again, and stops them.

The parent does nothing else: it has no event loop and no threads, so it can fork at any time, and it waits for
signals one at a time. Whatever a worker needs was imported before the fork and is shared memory.

A worker says through a pipe that it serves; the same pipe tells it when the parent is gone, however that
ended, so that no worker is left behind. One that dies is started again after a pause that grows as long as
workers die early. When several in a row die before they serve, something is wrong that a restart does not
mend: the parent stops the others and fails, so that whoever started it can see it.
"""

import contextlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

import structlog

from seatwarden.domain.backoff import Backoff

FAILED_STARTS_LIMIT = 3
_PAUSES = Backoff(first=0.2, longest=10.0)
_HEALTHY_SECONDS = 10.0
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_SERVES = b"s"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerSide:
    """What a worker knows: its number, how to say that it serves, and what is readable once the parent is gone."""

    number: int
    _tell: int
    parent_gone: int

    def serves(self) -> None:
        """Tell the parent that this worker answers requests."""
        with contextlib.suppress(BrokenPipeError):  # it is gone; `parent_gone` tells that
            os.write(self._tell, _SERVES)


class _Phase(Enum):
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int
    listen: int
    hold: int
    began: float


class WorkerProcesses:
    """``count`` processes that each run ``work`` and end with what it returns."""

    def __init__(
        self,
        count: int,
        work: Callable[[WorkerSide], int],
        *,
        forget: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._work = work
        self._forget = forget
        self._clock = clock
        self._jitter = jitter
        self._workers: dict[int, _Worker] = {}
        self._due = dict.fromkeys(range(1, count + 1), 0.0)
        self._phase = _Phase.RUNNING
        self._early_deaths = 0
        self._failed_starts = 0
        self._status = 0

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT, or until workers cannot start; return the exit status."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            while self._workers or self._due:
                self._start_due(mask)
                self._wait()
                self._reap()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return self._status

    def _start_due(self, mask: set[int | signal.Signals]) -> None:
        now = self._clock()
        for number, at in list(self._due.items()):
            if at <= now:
                del self._due[number]
                self._fork(number, mask)

    def _wait(self) -> None:
        soonest = min(self._due.values(), default=None)
        seconds = 3600.0 if soonest is None else max(0.0, soonest - self._clock())
        told = signal.sigtimedwait(_SIGNALS, seconds)
        if told is not None and told.si_signo != signal.SIGCHLD:
            self._stop()

    def _stop(self) -> None:
        # The second time too: a worker takes a second signal as "at once".
        self._phase = _Phase.STOPPING
        self._due.clear()
        for worker in self._workers.values():
            os.kill(worker.pid, signal.SIGTERM)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if (worker := self._workers.pop(pid, None)) is not None:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: _Worker, status: int) -> None:
        served = os.read(worker.listen, 1) == _SERVES
        os.close(worker.listen)
        os.close(worker.hold)
        self._forget(worker.pid)
        if self._phase is _Phase.STOPPING:
            self._status = self._status or (1 if status else 0)
            return
        self._failed_starts = 0 if served else self._failed_starts + 1
        lived = self._clock() - worker.began
        self._early_deaths = 0 if served and lived > _HEALTHY_SECONDS else self._early_deaths + 1
        if self._failed_starts >= FAILED_STARTS_LIMIT:
            log.error("workers cannot start", status=status, tries=self._failed_starts)
            self._status = 1
            self._stop()
            return
        pause = _PAUSES.delay(max(0, self._early_deaths - 1), self._jitter())
        log.warning("a worker ended and is started again", worker=worker.number, status=status, seconds=pause)
        self._due[worker.number] = self._clock() + pause

    def _fork(self, number: int, mask: set[int | signal.Signals]) -> None:
        listen, tell = os.pipe()
        parent_gone, hold = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            os.close(tell)
            os.close(parent_gone)
            self._workers[pid] = _Worker(number, pid, listen, hold, self._clock())
            return
        os.close(listen)
        os.close(hold)
        for sibling in self._workers.values():
            os.close(sibling.listen)
            os.close(sibling.hold)
        # Ctrl-C reaches the whole process group; the parent passes it on, once.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._be_worker(WorkerSide(number, tell, parent_gone))

    def _be_worker(self, side: WorkerSide) -> NoReturn:
        status = 1
        try:
            random.seed()  # the parent's state would give each worker the same numbers
            status = self._work(side)
        except SystemExit as ending:
            status = ending.code if isinstance(ending.code, int) else 1
        except BaseException:  # noqa: BLE001  # nothing of a worker may run on as a second parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
