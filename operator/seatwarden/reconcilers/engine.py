"""The engine: keys come in with causes, reconcilers run, and each run says when the next one is due.

Workers take keys from the work queue; a failed run is repeated with back-off through the timer wheel, a finished one comes
back after the slow resync at the latest. A run that raises `NotLeading` stops the whole engine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import structlog

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.kubernetes_api import KubernetesError, KubernetesUnavailable, NotFound
from seatwarden.domain.backoff import Backoff, spread
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.agenda import Agenda
from seatwarden.reconcilers.timer_wheel import TimerWheel
from seatwarden.reconcilers.work_queue import WorkQueue
from seatwarden.resources.names import Kind

log = structlog.get_logger(__name__)


class ObjectKey(NamedTuple):
    """One custom resource."""

    kind: Kind
    namespace: str
    name: str


class Cause(StrEnum):
    """Why a key is to be reconciled. ``COUNTS`` alone asks only for fresh numbers in status."""

    CHANGED = "changed"
    RELATED = "related"
    COUNTS = "counts"
    RETRY = "retry"
    RESYNC = "resync"


class NotLeading(Exception):
    """This process has lost its term of office and must stop acting."""


class RetryLater(Exception):
    """The run could not finish, its status says why, and it is worth trying again with back-off."""


class NoSuchObject(Exception):
    """There is no object of this key any more, so there is nothing to come back to."""


Reconcile = Callable[[ObjectKey, frozenset[Cause]], Awaitable[float | None]]
"""Makes one object true. Returns the seconds after which it must run again, or None: the slow resync is soon enough.

Raises `NoSuchObject` where there is none.
"""


@dataclass(slots=True)
class Engine:
    """Runs reconcilers. ``jitter`` gives random numbers in [0, 1)."""

    reconcilers: Mapping[Kind, Reconcile]
    wheel: TimerWheel[ObjectKey]
    jitter: Callable[[], float]
    workers: int = 24
    resync_seconds: float = 600.0
    backoff: Backoff = field(default_factory=Backoff)
    queue: WorkQueue[ObjectKey, Cause] = field(default_factory=WorkQueue)
    agenda: Agenda[ObjectKey, Cause] = field(init=False)
    _failures: dict[ObjectKey, int] = field(default_factory=dict)
    _under_work: set[ObjectKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.agenda = Agenda(self.wheel, light=Cause.COUNTS, urgent=Cause.CHANGED)

    @property
    def idle(self) -> bool:
        """Is nothing under work, and nothing waiting for a worker?"""
        return not self._under_work and not len(self.queue)

    def add(self, key: ObjectKey, *causes: Cause) -> None:
        """Reconcile ``key`` as soon as a worker is free."""
        self.queue.add(key, causes)

    def add_later(self, key: ObjectKey, seconds: float, *causes: Cause) -> None:
        """Reconcile ``key`` in ``seconds``; several such wishes become one run at the earliest instant. See `Agenda`."""
        self.agenda.plan(key, seconds, causes)

    def due(self, key: ObjectKey) -> None:
        """The wheel's call when a key's time has come."""
        self.queue.add(key, self.agenda.take(key) or {Cause.RESYNC})

    def forget(self, key: ObjectKey) -> None:
        """Drop what is remembered of a deleted object. A run of it that is under way plans no other."""
        self._under_work.discard(key)
        self.agenda.forget(key)
        self._failures.pop(key, None)

    async def run(self) -> None:
        """Work until cancelled, or until `NotLeading`."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key, causes = await self.queue.take()
            try:
                with structlog.contextvars.bound_contextvars(
                    kind=key.kind, namespace=key.namespace, name=key.name
                ):
                    await self._run_one(key, causes)
            finally:
                self.queue.done(key)

    async def _run_one(self, key: ObjectKey, causes: frozenset[Cause]) -> None:
        self._under_work.add(key)
        try:
            with metrics.RECONCILE_SECONDS.labels(kind=key.kind).time():
                again = await self.reconcilers[key.kind](key, causes)
        except (NotLeading, asyncio.CancelledError):
            raise
        except (NoSuchObject, NotFound) as gone:
            metrics.RECONCILES.labels(kind=key.kind, result="gone").inc()
            log.debug("the object is gone", detail=str(gone))
            self.forget(key)
        except (RetryLater, KubernetesUnavailable, AuthorityUnavailable) as error:
            self._retry(key, "retry", error, getattr(error, "retry_after", None))
        except KubernetesError as error:
            log.warning("the API server refused a call", reason=str(error))
            self._retry(key, "refused", error, None)
        except Exception as error:
            log.exception("reconcile failed")
            self._retry(key, "error", error, None)
        else:
            metrics.RECONCILES.labels(kind=key.kind, result="ok").inc()
            if causes != {Cause.COUNTS}:
                self._failures.pop(key, None)
            pause = self.resync_seconds if again is None else min(again, self.resync_seconds)
            self._plan(key, spread(pause, self.jitter()), Cause.RESYNC)
        finally:
            self._under_work.discard(key)

    def _retry(self, key: ObjectKey, result: str, error: Exception, retry_after: float | None) -> None:
        metrics.RECONCILES.labels(kind=key.kind, result=result).inc()
        if key not in self._under_work:
            return
        attempt = self._failures.get(key, 0)
        self._failures[key] = attempt + 1
        wait = max(self.backoff.delay(attempt, self.jitter()), retry_after or 0.0)
        log.info(
            "reconcile will be tried again", seconds=round(wait, 1), attempt=attempt + 1, reason=str(error)
        )
        if retry_after:
            self.agenda.stay_away(key, wait)
        self._plan(key, wait, Cause.RETRY)

    def _plan(self, key: ObjectKey, seconds: float, cause: Cause) -> None:
        if key in self._under_work:
            self.add_later(key, seconds, cause)


def add_all(engine: Engine, keys: Iterable[ObjectKey], *causes: Cause) -> None:
    """Reconcile every one of ``keys``."""
    for key in keys:
        engine.add(key, *causes)
