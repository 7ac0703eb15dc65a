"""Subscription: its phase, and the sums over its pools. The seats themselves are written pool by pool."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from seatwarden.domain import findings
from seatwarden.domain.gates import SUBSCRIPTION_GATES, Upstream, first_closed
from seatwarden.domain.pauses import pause_until, soonest
from seatwarden.domain.trials import told_end, trial_changes_at, trialing
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore, Unreadable
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.conditions import merge_conditions
from seatwarden.resources.seatpool import SeatPoolStatus
from seatwarden.resources.subscription import Phase, Subscription, SubscriptionStatus


@dataclass(slots=True)
class SubscriptionReconciler:
    """Nothing outside the cluster belongs to a Subscription without a billing provider, so it has no finalizer."""

    store: ObjectStore
    status: StatusWriter
    now: Callable[[], datetime]

    async def reconcile(self, key: ObjectKey, _causes: frozenset[Cause]) -> float | None:
        """Report the phase, and come back when it changes by itself. See `Reconcile`."""
        entry = self.store.existing(key)
        if entry.metadata.deletion_timestamp is not None:
            return None
        if isinstance(entry, Unreadable):
            return await report_unreadable(self.status, key, entry)
        assert isinstance(entry, Subscription)
        if entry.spec.suspend:
            return await report_suspended(self.status, key, entry)
        now = self.now()
        await self.status.write(key, entry, self._wanted_status(key, entry, now))
        return soonest(
            pause_until(entry.spec.valid_until, now), pause_until(trial_changes_at(entry, now), now)
        )

    def _wanted_status(self, key: ObjectKey, found: Subscription, now: datetime) -> SubscriptionStatus:
        tenant_name = found.spec.tenant_ref.name
        closed = first_closed(
            SUBSCRIPTION_GATES,
            Upstream(
                subscription_name=key.name,
                tenant_name=tenant_name,
                subscription=found,
                tenant=self.store.tenant(key.namespace, tenant_name),
                now=now,
            ),
        )
        pools = [pool.status for pool in self.store.pools_of(key.namespace, key.name)]
        # One that cannot be read has its seats all the same.
        pools += [
            pool.status
            for pool in self.store.unreadable_pools_of(key.namespace, key.name)
            if isinstance(pool.status, SeatPoolStatus)
        ]
        told = (
            findings.ready(
                f"{found.spec.seats} seats of plan {found.spec.plan.name!r} can be given to SeatPools."
            )
            if closed is None
            else findings.not_ready(closed.reason, closed.message)
        )
        meta, on_trial = found.metadata, trialing(found, now)
        return SubscriptionStatus(
            observed_generation=meta.generation,
            conditions=merge_conditions(
                found.status.conditions, (*told, *on_trial), generation=meta.generation, now=now
            ),
            phase=closed.phase if closed is not None else Phase.TRIALING if on_trial else Phase.ACTIVE,
            trial_ends_at=told_end(found),
            allocated_seats=sum(pool.capacity or 0 for pool in pools),
            pools=len(pools),
            seats_in_use=sum(pool.used or 0 for pool in pools),
            last_handled_reconcile_at=meta.reconcile_requested_at,
        )
