"""Subscription: its phase, its licence document, and the sums over its pools. The seats are written pool by pool."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from seatwarden.domain import findings
from seatwarden.domain.bought import declared_seats
from seatwarden.domain.gates import SUBSCRIPTION_GATES, Closed, Upstream, first_closed
from seatwarden.domain.licence_document import LICENCE
from seatwarden.domain.pauses import pause_until, soonest
from seatwarden.domain.trials import told_end, trial_changes_at, trialing
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.licences import SAID_AGAIN_SECONDS, Licences
from seatwarden.reconcilers.object_store import ObjectStore, Unreadable
from seatwarden.reconcilers.ownership import Problem
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.conditions import (
    Condition,
    ConditionType,
    Finding,
    find_condition,
    merge_conditions,
)
from seatwarden.resources.names import licence_secret
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPoolStatus
from seatwarden.resources.subscription import LicenceStatus, Phase, Subscription, SubscriptionStatus

TROUBLED_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Document:
    """The licence document as the status is to tell of it, and when to look at it again."""

    licence: LicenceStatus | None
    said: tuple[Finding, ...]
    again_at: datetime | None = None
    again_in: float | None = None

    @classmethod
    def as_told(cls, found: Subscription) -> "_Document":
        """As the status has it."""
        told = find_condition(found.status.conditions, ConditionType.LICENCE_READY)
        licence = found.status.licence
        return cls(
            licence,
            (_as_found(told),) if told is not None else (),
            licence.expires_at - LICENCE.renewed_before if licence is not None else None,
        )


def _as_found(told: Condition) -> Finding:
    return Finding(
        type=ConditionType.LICENCE_READY,
        status=told.status,
        reason=next((it for it in Reason if it == told.reason), Reason.AWAITING_SIGNING_KEY),
        message=told.message,
    )


@dataclass(slots=True)
class SubscriptionReconciler:
    """Nothing outside the cluster belongs to a Subscription without a billing provider, so it has no finalizer."""

    store: ObjectStore
    status: StatusWriter
    licences: Licences
    now: Callable[[], datetime]

    async def reconcile(self, key: ObjectKey, causes: frozenset[Cause]) -> float | None:
        """Report the phase, have a licence document, and come back when either changes by itself. See `Reconcile`."""
        entry = self.store.existing(key)
        if entry.metadata.deletion_timestamp is not None:
            return None
        if isinstance(entry, Unreadable):
            return await report_unreadable(self.status, key, entry)
        assert isinstance(entry, Subscription)
        if entry.spec.suspend:
            return await report_suspended(self.status, key, entry)
        now = self.now()
        closed = self._closed(key, entry, now)
        counted_only = (
            causes == {Cause.COUNTS} and entry.status.observed_generation == entry.metadata.generation
        )
        as_told = closed is not None or (counted_only and self.licences.says_so(key, entry))
        document = _Document.as_told(entry) if as_told else await self._document(key, entry)
        current = self.store.entry(key)
        if not isinstance(current, Subscription):
            return None
        reported = current.model_copy(update={"spec": entry.spec, "metadata": entry.metadata})
        await self.status.write(key, current, self._wanted_status(key, reported, closed, document, now))
        return soonest(
            pause_until(entry.spec.valid_until, now),
            pause_until(trial_changes_at(entry, now), now),
            pause_until(document.again_at, now),
            document.again_in,
        )

    def _closed(self, key: ObjectKey, found: Subscription, now: datetime) -> Closed | None:
        tenant_name = found.spec.tenant_ref.name
        return first_closed(
            SUBSCRIPTION_GATES,
            Upstream(
                subscription_name=key.name,
                tenant_name=tenant_name,
                subscription=found,
                tenant=self.store.tenant(key.namespace, tenant_name),
                now=now,
            ),
        )

    async def _document(self, key: ObjectKey, found: Subscription) -> "_Document":
        tenant = self.store.tenant(key.namespace, found.spec.tenant_ref.name)
        before = _Document.as_told(found)
        try:
            run = await self.licences.ensure(key, found, tenant) if tenant is not None else None
        except Problem as problem:
            said = findings.licence(problem=(problem.reason, problem.message), message="")
            return replace(before, said=(said,), again_in=TROUBLED_AGAIN_SECONDS)
        if run is None:
            reason, message = Reason.AWAITING_SIGNING_KEY, "The Tenant has no root key that signs yet."
            return replace(before, said=(findings.licence(problem=(reason, message), message=""),))
        written = run.written
        licence = LicenceStatus(
            secret=licence_secret(key.name),
            kid=written.kid,
            issued_at=written.issued_at,
            expires_at=written.expires_at,
        )
        said = findings.licence(
            problem=None, message=f"The licence document is in Secret {licence.secret!r}."
        )
        return _Document(licence, (said,), run.renewed_at, None if run.is_said else SAID_AGAIN_SECONDS)

    def _wanted_status(
        self,
        key: ObjectKey,
        found: Subscription,
        closed: Closed | None,
        document: "_Document",
        now: datetime,
    ) -> SubscriptionStatus:
        pools = [pool.status for pool in self.store.pools_of(key.namespace, key.name)]
        # One that cannot be read has its seats all the same.
        pools += [
            pool.status
            for pool in self.store.unreadable_pools_of(key.namespace, key.name)
            if isinstance(pool.status, SeatPoolStatus)
        ]
        told = (
            findings.ready(
                f"{declared_seats(found)} seats of plan {found.spec.plan.name!r} can be given to SeatPools."
            )
            if closed is None
            else findings.not_ready(closed.reason, closed.message)
        )
        meta, on_trial = found.metadata, trialing(found, now)
        return SubscriptionStatus(
            observed_generation=meta.generation,
            conditions=merge_conditions(
                found.status.conditions,
                (*told, *document.said, *on_trial),
                generation=meta.generation,
                now=now,
            ),
            phase=closed.phase if closed is not None else Phase.TRIALING if on_trial else Phase.ACTIVE,
            trial_ends_at=told_end(found),
            licence=document.licence,
            allocated_seats=sum(pool.capacity or 0 for pool in pools),
            pools=len(pools),
            seats_in_use=sum(pool.used or 0 for pool in pools),
            last_handled_reconcile_at=meta.reconcile_requested_at,
        )
