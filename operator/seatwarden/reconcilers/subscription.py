"""Subscription: its phase, its licence document, and the sums over its pools. The seats are written pool by pool."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from seatwarden.domain import findings
from seatwarden.domain.billing.notices import end_to_tell, next_notice_at, notice_due
from seatwarden.domain.billing.notices import told as notice_told
from seatwarden.domain.billing.phases import row_of
from seatwarden.domain.billing.standing import (
    account_of,
    bought_seats,
    is_paid_at_stripe,
    money_changes_at,
    valid_until,
)
from seatwarden.domain.billing.told import paid_trial
from seatwarden.domain.gates import SUBSCRIPTION_GATES, Closed, Upstream, first_closed
from seatwarden.domain.licence_document import LICENCE
from seatwarden.domain.pauses import pause_until, soonest
from seatwarden.domain.plans import NoTerms, terms
from seatwarden.domain.trials import told_end, trial_changes_at, trialing
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.licences import SAID_AGAIN_SECONDS, Licences
from seatwarden.reconcilers.object_store import Entry, ObjectStore, Unreadable
from seatwarden.reconcilers.ownership import Finalizers, Problem
from seatwarden.reconcilers.paid_status import told_fields, with_money
from seatwarden.reconcilers.paid_subscriptions import PaidRun, PaidSubscriptions
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.conditions import (
    ConditionStatus,
    ConditionType,
    Finding,
    merge_conditions,
    restated,
)
from seatwarden.resources.names import FINALIZER, licence_secret
from seatwarden.resources.reasons import Outlook, Reason
from seatwarden.resources.seatpool import SeatPoolStatus
from seatwarden.resources.subscription import LicenceStatus, Notice, Phase, Subscription, SubscriptionStatus
from seatwarden.resources.tenant import Tenant

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
        told = restated(
            found.status.conditions, ConditionType.LICENCE_READY, unknown=Reason.AWAITING_SIGNING_KEY
        )
        licence = found.status.licence
        return cls(
            licence,
            (told,) if told is not None else (),
            licence.expires_at - LICENCE.renewed_before if licence is not None else None,
        )


@dataclass(slots=True)
class SubscriptionReconciler:
    """Nothing outside the cluster belongs to a Subscription for which nobody takes money, so only a paid one has a finalizer.

    ``pools_affected`` is told of one whose pools have to follow what its status says now.
    """

    store: ObjectStore
    status: StatusWriter
    licences: Licences
    paid: PaidSubscriptions
    finalizers: Finalizers
    pools_affected: Callable[[ObjectKey], None]
    now: Callable[[], datetime]

    async def reconcile(self, key: ObjectKey, causes: frozenset[Cause]) -> float | None:
        """Report the phase, have a licence document, and come back when either changes by itself. See `Reconcile`."""
        entry = self.store.existing(key)
        if entry.metadata.deletion_timestamp is not None:
            return await self._finalize(key, entry)
        if isinstance(entry, Unreadable):
            return await report_unreadable(self.status, key, entry)
        assert isinstance(entry, Subscription)
        if entry.spec.suspend:
            return await report_suspended(self.status, key, entry)
        paid = await self._paid(key, entry, causes)
        now = self.now()
        found = self._in_money(key, entry, paid)
        return await self._report(key, found, paid, causes, now) if found is not None else None

    async def _report(
        self,
        key: ObjectKey,
        entry: Subscription,
        paid: PaidRun | None,
        causes: frozenset[Cause],
        now: datetime,
    ) -> float | None:
        closed = self._closed(key, entry, now)
        counted_only = (
            causes == {Cause.COUNTS} and entry.status.observed_generation == entry.metadata.generation
        )
        as_told = closed is not None or (counted_only and self.licences.says_so(key, entry))
        document = _Document.as_told(entry) if as_told else await self._document(key, entry)
        current = self.store.entry(key)
        if not isinstance(current, Subscription):
            return None
        status = current.status if paid is None else with_money(current.status, paid.told)
        reported = entry.model_copy(update={"status": status})
        wanted = self._wanted_status(key, reported, closed, document, paid, now)
        await self.status.write(key, current, wanted)
        if paid is not None:
            self.paid.noted(current, paid)
        if _of_pools(current.status) != _of_pools(wanted):
            self.pools_affected(key)
        await self._tell(key, current, wanted, paid, now)
        return soonest(
            pause_until(entry.spec.valid_until, now),
            pause_until(trial_changes_at(entry, now), now),
            pause_until(self._money_changes_at(key, entry, wanted, now), now),
            pause_until(document.again_at, now),
            document.again_in,
            paid.again_in if paid is not None else None,
        )

    async def _finalize(self, key: ObjectKey, entry: Entry) -> float | None:
        if FINALIZER not in entry.metadata.finalizers:
            return None
        if isinstance(entry, Subscription):
            tenant = self.store.tenant(key.namespace, entry.spec.tenant_ref.name)
            await self.paid.farewell(entry, tenant)
        await self.finalizers.remove(key, entry)
        return None

    async def _paid(self, key: ObjectKey, found: Subscription, causes: frozenset[Cause]) -> PaidRun | None:
        """What is to be told of the payment provider; None where nobody takes money. Where the Tenant is away or suspended, it is
        what was told."""
        tenant = self.store.tenant(key.namespace, found.spec.tenant_ref.name)
        if tenant is None or tenant.spec.suspend:
            return self.paid.untouched(found)
        if not is_paid_at_stripe(tenant):
            return None
        await self.finalizers.ensure(key, found)
        return await self.paid.ensure(found, tenant, causes)

    def _in_money(self, key: ObjectKey, found: Subscription, paid: PaidRun | None) -> Subscription | None:
        """``found`` with what was told of the provider, and what its plan says; None where it went meanwhile."""
        if not isinstance(self.store.entry(key), Subscription):
            return None
        if paid is not None:
            found = found.model_copy(update={"status": with_money(found.status, paid.told)})
        return self.store.in_plan(found)

    def _money_changes_at(
        self, key: ObjectKey, found: Subscription, wanted: SubscriptionStatus, now: datetime
    ) -> datetime | None:
        tenant = self.store.tenant(key.namespace, found.spec.tenant_ref.name)
        standing = found.model_copy(update={"status": wanted})
        changes = (
            money_changes_at(standing, tenant, now),
            next_notice_at(_end_to_tell(standing, tenant), now),
        )
        return min((each for each in changes if each is not None), default=None)

    async def _tell(
        self,
        key: ObjectKey,
        before: Subscription,
        wanted: SubscriptionStatus,
        paid: PaidRun | None,
        now: datetime,
    ) -> None:
        """Events of an end to come, and of a second subscription that was ended."""
        if wanted.notice is not None and wanted.notice != before.status.notice:
            await self.status.event(
                key, before, Reason.ENDING_SOON, notice_told(wanted.notice, now), warning=True
            )
        if paid is not None and paid.ended_twin is not None:
            note = f"Subscription {paid.ended_twin} at Stripe was a second one, and was ended. Pay back what was paid for it."
            await self.status.event(key, before, Reason.DUPLICATE_ENDED, note, warning=True)

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
        paid: PaidRun | None,
        now: datetime,
    ) -> SubscriptionStatus:
        tenant = self.store.tenant(key.namespace, found.spec.tenant_ref.name)
        pools = [pool.status for pool in self.store.pools_of(key.namespace, key.name)]
        # One that cannot be read has its seats all the same.
        pools += [
            pool.status
            for pool in self.store.unreadable_pools_of(key.namespace, key.name)
            if isinstance(pool.status, SeatPoolStatus)
        ]
        in_the_way = self._in_the_way(found, closed, paid)
        told = (
            findings.ready(
                f"{bought_seats(found, tenant, now)} seats of plan {found.spec.plan.name!r} can be given to SeatPools."
            )
            if in_the_way is None
            else findings.not_ready(*in_the_way)
        )
        account = account_of(found) if paid is not None else None
        meta = found.metadata
        on_trial = trialing(found, now) if account is None else paid_trial(account, now)
        phase = Phase.TRIALING if on_trial else Phase.ACTIVE
        if account is not None:
            phase = row_of(account, now).phase
        money = {} if paid is None else told_fields(paid.told)
        return SubscriptionStatus(
            observed_generation=meta.generation,
            conditions=merge_conditions(
                found.status.conditions,
                (*told, *document.said, *on_trial, *(paid.found if paid is not None else ())),
                generation=meta.generation,
                now=now,
            ),
            phase=closed.phase if closed is not None else phase,
            **({"trial_ends_at": told_end(found)} | money),
            valid_until=_whole(valid_until(found, tenant)),
            seats=bought_seats(found, tenant, now) if _seats_are_known(found) else None,
            notice=_notice(found, tenant, now),
            licence=document.licence,
            allocated_seats=sum(pool.capacity or 0 for pool in pools),
            pools=len(pools),
            seats_in_use=sum(pool.used or 0 for pool in pools),
            last_handled_reconcile_at=meta.reconcile_requested_at,
        )

    def _in_the_way(
        self, found: Subscription, closed: Closed | None, paid: PaidRun | None
    ) -> tuple[Reason, str] | None:
        """Why the Subscription is not what its spec asks for; None where it is."""
        agreed = terms(found, self.store.plan_table(found.metadata.namespace))
        if isinstance(agreed, NoTerms):
            return agreed.reason, agreed.message
        synced = (
            next((it for it in paid.found if it.type is ConditionType.BILLING_SYNCED), None)
            if paid is not None
            else None
        )
        failed = synced is not None and synced.status is ConditionStatus.FALSE
        if synced is not None and failed and _tells_more(synced.reason, closed):
            return synced.reason, synced.message
        return (closed.reason, closed.message) if closed is not None else None


def _tells_more(reason: Reason, closed: Closed | None) -> bool:
    """Whether what went wrong at the provider says more than what is closed. What passes by itself does not stand against seats
    that are granted."""
    if closed is not None:
        return closed.reason is Reason.PROGRESSING
    return reason.outlook is Outlook.TERMINAL


def _seats_are_known(found: Subscription) -> bool:
    return found.spec.seats is not None or found.status.seats is not None


def _end_to_tell(found: Subscription, tenant: Tenant | None) -> datetime | None:
    if not is_paid_at_stripe(tenant):
        # Of the end of a trial the condition Trialing warns.
        return found.spec.valid_until
    account = account_of(found)
    return end_to_tell(
        said=found.spec.valid_until,
        ends_at=account.ends_at if account is not None else None,
        grace_end=account.grace_end if account is not None else None,
    )


def _notice(found: Subscription, tenant: Tenant | None, now: datetime) -> Notice | None:
    """The notice that was given last of the end as it is now, or is given now."""
    end, given = _end_to_tell(found, tenant), found.status.notice
    due = notice_due(end, given, now)
    if due is not None or given is None:
        return due
    return given if end is not None and given.ends_at == _whole(end) else None


def _whole(instant: datetime | None) -> datetime | None:
    """In whole seconds, as status is written: what is read back must be equal to what was meant."""
    return None if instant is None else instant.replace(microsecond=0)


def _of_pools(status: SubscriptionStatus) -> tuple[object, ...]:
    """What pools go by."""
    return status.stripe, status.current_period, status.checkout_url, status.valid_until, status.seats
