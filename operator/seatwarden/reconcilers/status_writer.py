"""Writes status, only where it changed, and tells in Events what `worth_telling` finds in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from seatwarden.backends.kubernetes_api import KubernetesApi, KubernetesError, KubernetesUnavailable
from seatwarden.domain.transitions import worth_telling
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import Entry, ObjectStore, Status
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import API_VERSION, FIELD_MANAGER

log = structlog.get_logger(__name__)

_NOTE_MAX_LENGTH = 1024


@dataclass(slots=True)
class StatusWriter:
    """``instance`` names this operator process in the Events that it posts; ``written`` is told of every status written."""

    api: KubernetesApi
    store: ObjectStore
    now: Callable[[], datetime]
    instance: str
    written: Callable[[ObjectKey], None]

    async def write(self, key: ObjectKey, resource: Entry, status: Status) -> None:
        """Make ``status`` the status of ``resource``; nothing is sent where it is so already.

        Raises:
            NotFound: the object is gone.
            Conflict: it was deleted and made again under the same name.
        """
        if status == resource.status:
            return
        before = resource.status.conditions
        meta = resource.metadata
        body = {
            "apiVersion": API_VERSION,
            "kind": key.kind.value,
            "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "status": status.wire(),
        }
        written = await self.api.apply(f"{object_path(key)}/status", body)
        metrics.STATUS_WRITES.labels(kind=key.kind).inc()
        self.store.put_answer(key.kind, written)
        self.written(key)
        for told in worth_telling(before, status.conditions):
            await self.event(key, resource, told.reason, told.note, warning=told.warning)

    async def event(self, key: ObjectKey, resource: Entry, reason: str, note: str, *, warning: bool) -> None:
        """Post an Event about ``resource``. An Event that cannot be posted is logged and not tried again."""
        meta = resource.metadata
        kind = "Warning" if warning else "Normal"
        instant = self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{meta.name[:200].rstrip('-.')}-", "namespace": meta.namespace},
            "eventTime": instant,
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self.instance,
            "action": "Reconcile",
            "type": kind,
            "reason": reason,
            "note": note[:_NOTE_MAX_LENGTH],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": key.kind.value,
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
            },
        }
        try:
            await self.api.create(f"/apis/events.k8s.io/v1/namespaces/{meta.namespace}/events", body)
        except (KubernetesError, KubernetesUnavailable) as error:
            log.warning("could not post an event", reason=reason, error=str(error))
        else:
            metrics.EVENTS.labels(type=kind).inc()
