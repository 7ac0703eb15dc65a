"""Writes status, only where it changed, and tells about transitions of ``Ready`` in Events."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from seatwarden.backends.kubernetes_api import KubernetesApi, KubernetesError, KubernetesUnavailable
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import Entry, ObjectStore, Status
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.conditions import Condition, ConditionStatus, ConditionType, find_condition
from seatwarden.resources.names import API_VERSION, FIELD_MANAGER
from seatwarden.resources.reasons import Reason

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
        before = find_condition(resource.status.conditions, ConditionType.READY)
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
        after = find_condition(status.conditions, ConditionType.READY)
        if after is not None and _worth_an_event(before, after):
            await self.event(
                key, resource, after.reason, after.message, warning=after.status is ConditionStatus.FALSE
            )

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


def _worth_an_event(before: Condition | None, after: Condition) -> bool:
    """Trouble, and the end of trouble. That a new object became ready is what its status says; no Event repeats it."""
    if after.status is ConditionStatus.FALSE:
        if before is not None and before.status is after.status and before.reason == after.reason:
            return False
        return after.reason != Reason.PROGRESSING
    return before is not None and before.status is ConditionStatus.FALSE
