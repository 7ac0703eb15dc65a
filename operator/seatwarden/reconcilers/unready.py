"""Reports that are the same for every kind: an object that is suspended, and one whose stored spec cannot be read."""

from collections.abc import Sequence

from seatwarden.domain import findings
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import Entry, Resource, Unreadable
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.resources.conditions import ConditionType, Finding, merge_conditions
from seatwarden.resources.reasons import Reason

_ALWAYS_RESTATED = {ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED}


async def report_suspended(status: StatusWriter, key: ObjectKey, resource: Resource) -> float | None:
    """Show that the operator keeps its hands off."""
    return await _report(status, key, resource, findings.suspended())


async def report_unreadable(status: StatusWriter, key: ObjectKey, entry: Unreadable) -> float | None:
    """Show which field of the stored spec breaks which rule."""
    return await _report(status, key, entry, findings.not_ready(Reason.INVALID_SPEC, entry.error))


async def _report(
    status: StatusWriter, key: ObjectKey, entry: Entry, told: Sequence[Finding]
) -> float | None:
    """Replace what is said of readiness; all other conditions and numbers stay as they were."""
    meta = entry.metadata
    restated = merge_conditions(entry.status.conditions, told, generation=meta.generation, now=status.now())
    kept = tuple(condition for condition in entry.status.conditions if condition.type not in _ALWAYS_RESTATED)
    update = {
        "observed_generation": meta.generation,
        "conditions": (*restated, *kept),
        "last_handled_reconcile_at": meta.reconcile_requested_at,
    }
    await status.write(key, entry, entry.status.model_copy(update=update))
    return None
