"""A Tenant as a customer of the payment provider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from seatwarden.backends.billing import Billing, BillingAway, BillingRefused
from seatwarden.domain.billing.customers import (
    CustomerSeen,
    CustomerStep,
    CustomerWanted,
    customer_farewell,
    customer_step,
    customer_wanted,
    rivals_of,
)
from seatwarden.domain.pauses import soonest
from seatwarden.reconcilers.billing_looks import BillingLooks, is_about
from seatwarden.reconcilers.billing_place import (
    AGAIN_SECONDS,
    MOST_STEPS,
    REFUSED_AGAIN_SECONDS,
    BillingPlace,
    away_seconds,
    billing_problem,
    do_for_customer,
    is_locked_out,
)
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem
from seatwarden.resources.conditions import (
    ConditionStatus,
    ConditionType,
    Finding,
    is_true,
)
from seatwarden.resources.names import PORTAL_LINK_FIELD, Kind, portal_link_secret
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import BillingProvider, StripeCustomerStatus, Tenant

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRun:
    """What the status is to tell. ``handled_link`` is the request for a link to the portal that was met last."""

    told: StripeCustomerStatus | None
    found: Finding
    handled_link: str | None = None
    again_in: float | None = None
    look: int | None = None
    """The look that found this, None where there was none."""
    away: bool = False
    """Whether nothing answered."""


@dataclass(slots=True)
class Customers:
    """Makes customers, and keeps their names. A customer that another Tenant has is never written to."""

    place: BillingPlace
    store: ObjectStore
    secrets: OwnedSecrets
    looks: BillingLooks
    changed: Callable[[ObjectKey], None]
    """Told of a Tenant that is another customer than before."""

    async def ensure(self, key: ObjectKey, tenant: Tenant) -> CustomerRun | None:
        """Have the Tenant be a customer; None where nobody takes its money."""
        if tenant.spec.billing.provider is not BillingProvider.STRIPE:
            return None
        as_told = _as_told(tenant)
        if as_told is not None and not self._is_news(tenant):
            return as_told
        begun = self.looks.begin(tenant.metadata.uid)
        run = await self._look(key, tenant)
        return run if run.away else replace(run, look=begun)

    def noted(self, key: ObjectKey, tenant: Tenant, run: CustomerRun) -> None:
        """What ``run`` found is in the status; ``tenant`` is as it was before."""
        if run.look is not None:
            self.looks.done(tenant.metadata.uid, run.look)
        before, after = (
            it.customer_id if it is not None else None for it in (tenant.status.stripe, run.told)
        )
        if before != after:
            self.changed(key)

    async def _look(self, key: ObjectKey, tenant: Tenant) -> CustomerRun:
        told = tenant.status.stripe or StripeCustomerStatus()
        link = tenant.status.last_handled_portal_link_at
        try:
            billing, cluster = await self.place.open()
            wanted = customer_wanted(tenant, cluster)
            assert wanted is not None
            step = await self._bring_about(billing, tenant, wanted)
            if step.customer is not None:
                told = told.model_copy(update={"customer_id": step.customer})
                link = await self._link(key, tenant, billing, step.customer)
        except BillingAway as error:
            found = _finding(billing_problem(error))
            return CustomerRun(
                told=told, found=found, handled_link=link, again_in=away_seconds(error), away=True
            )
        except BillingRefused as error:
            if not is_locked_out(error):
                told = told.model_copy(update={"refusals": (told.refusals or 0) + 1})
            found = _finding(billing_problem(error))
            return CustomerRun(told=told, found=found, handled_link=link, again_in=REFUSED_AGAIN_SECONDS)
        except Problem as problem:
            found = _finding((problem.reason, problem.message))
            return CustomerRun(told=told, found=found, handled_link=link, again_in=AGAIN_SECONDS)
        problem_told = step.problem or (
            (Reason.PROGRESSING, "More has to be done at Stripe.") if step.call is not None else None
        )
        return CustomerRun(
            told=told,
            found=_finding(problem_told, customer=told.customer_id),
            handled_link=link,
            again_in=soonest(
                AGAIN_SECONDS if step.call is not None else None,
                REFUSED_AGAIN_SECONDS if step.problem is not None else None,
            ),
        )

    async def farewell(self, tenant: Tenant) -> None:
        """Delete or release the customer of a Tenant that goes.

        Raises:
            RetryLater: the provider does not answer.
        """
        try:
            billing, cluster = await self.place.open()
            wanted = customer_wanted(tenant, cluster)
            if wanted is None:
                return
            seen = await self._see(billing, tenant, wanted)
            call = customer_farewell(wanted, tenant.spec.deletion_policy, seen)
            if call is not None:
                await do_for_customer(billing, call)
        except BillingAway as error:
            raise RetryLater(str(error)) from error
        except (BillingRefused, Problem) as error:
            log.warning("the tenant's customer stays as it is at the payment provider", reason=str(error))
        self.looks.forget(tenant.metadata.uid)

    def _is_news(self, tenant: Tenant) -> bool:
        asked = tenant.metadata.portal_link_requested_at
        wants_link = asked is not None and asked != tenant.status.last_handled_portal_link_at
        return wants_link or self.looks.is_due(tenant.metadata.uid)

    async def _bring_about(self, billing: Billing, tenant: Tenant, wanted: CustomerWanted) -> CustomerStep:
        step = customer_step(wanted, await self._see(billing, tenant, wanted))
        for _ in range(MOST_STEPS):
            if step.call is None:
                break
            made = await do_for_customer(billing, step.call)
            if made is not None:
                # A search does not find it yet.
                wanted = replace(wanted, remembered=made.id)
            step = customer_step(wanted, await self._see(billing, tenant, wanted))
        return step

    async def _see(self, billing: Billing, tenant: Tenant, wanted: CustomerWanted) -> CustomerSeen:
        looked_at = wanted.looked_at
        read = await billing.read_customer(looked_at) if looked_at is not None else None
        is_there = read is not None and not read.deleted
        searches = not is_there and wanted.named is None
        found = await billing.find_customers(wanted.owner, wanted.cluster) if searches else ()
        return CustomerSeen(read=read, found=found, rivals=rivals_of(tenant, self._others()))

    def _others(self) -> Sequence[Tenant]:
        entries = (self.store.entry(key) for key in self.store.keys(Kind.TENANT))
        return [entry for entry in entries if isinstance(entry, Tenant)]

    async def _link(self, key: ObjectKey, tenant: Tenant, billing: Billing, customer: str) -> str | None:
        """Put a new link into the Secret where one was asked for; the request that is met now."""
        asked = tenant.metadata.portal_link_requested_at
        if asked is None or asked == tenant.status.last_handled_portal_link_at:
            return tenant.status.last_handled_portal_link_at
        name = portal_link_secret(key.name)
        secret = await self.secrets.read(key, tenant, name)
        data = {PORTAL_LINK_FIELD: await billing.portal_link(customer)}
        await self.secrets.put(key, tenant, secret, name, data, collected=True)
        return asked


def _as_told(tenant: Tenant) -> CustomerRun | None:
    """As the status has it; None where it does not say that all is well with this spec."""
    status = tenant.status
    settled = is_true(status.conditions, ConditionType.BILLING_READY)
    if not settled or status.stripe is None or not is_about(status, tenant.metadata):
        return None
    return CustomerRun(
        told=status.stripe,
        found=_finding(None, customer=status.stripe.customer_id),
        handled_link=status.last_handled_portal_link_at,
    )


def _finding(problem: tuple[Reason, str] | None, *, customer: str | None = None) -> Finding:
    if problem is None:
        message = f"The Tenant is customer {customer} at Stripe."
        problem = (Reason.SUCCEEDED, message)
        status = ConditionStatus.TRUE
    else:
        status = ConditionStatus.FALSE
    return Finding(type=ConditionType.BILLING_READY, status=status, reason=problem[0], message=problem[1])
