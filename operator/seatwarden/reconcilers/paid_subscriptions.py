"""A Subscription that is paid: brought where the spec wants it at the payment provider, and told of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from seatwarden.backends.billing import Billing, BillingAway, BillingRefused
from seatwarden.domain.billing.applied import ends_at
from seatwarden.domain.billing.calls import CancelSubscription
from seatwarden.domain.billing.facts import PriceFacts
from seatwarden.domain.billing.standing import account_of
from seatwarden.domain.billing.subscriptions import Seen, Step, is_alive, plan, subscription_farewell
from seatwarden.domain.billing.told import BillingTold, billing_findings, billing_told
from seatwarden.domain.billing.wanted import Wanted, wanted
from seatwarden.domain.pauses import soonest
from seatwarden.domain.plans import NoTerms, Terms, terms
from seatwarden.reconcilers.billing_looks import BillingLooks, is_about
from seatwarden.reconcilers.billing_place import (
    AGAIN_SECONDS,
    MOST_STEPS,
    REFUSED_AGAIN_SECONDS,
    BillingPlace,
    away_seconds,
    billing_problem,
    do_for_subscription,
    is_locked_out,
)
from seatwarden.reconcilers.engine import Cause, RetryLater
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import Problem
from seatwarden.reconcilers.paid_status import is_settled, kept, told_before, with_money
from seatwarden.resources.conditions import (
    ConditionStatus,
    ConditionType,
    Finding,
)
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import StripeSubscriptionStatus, Subscription
from seatwarden.resources.tenant import DeletionPolicy, Tenant

log = structlog.get_logger(__name__)

RENEWAL_AGAIN_SECONDS = 900.0
"""Stripe draws the money of a new period about an hour after it began; so often is looked whether it has."""
_BEHIND_SECONDS = 1.0
_OF_MONEY = (ConditionType.BILLING_SYNCED, ConditionType.DRIFTED, ConditionType.PAYMENT_OVERDUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidRun:
    """``told`` are the fields of the status that tell of the provider, None as long as nobody has looked there; ``found`` are the
    conditions beside them."""

    told: BillingTold | None
    found: tuple[Finding, ...]
    again_in: float | None = None
    good_for: float | None = None
    """Seconds until something may be otherwise there by the passing of time; None where nothing will."""
    ended_twin: str | None = None
    """Id of a second subscription of the same resource that was ended."""
    look: int | None = None
    """The look that found this, None where there was none, or nothing answered."""


@dataclass(slots=True)
class PaidSubscriptions:
    """Looks again after each call: what an answer says may be old before it is read."""

    place: BillingPlace
    store: ObjectStore
    looks: BillingLooks
    now: Callable[[], datetime]

    async def ensure(self, found: Subscription, tenant: Tenant, causes: frozenset[Cause]) -> PaidRun:
        """Have the provider have what ``found`` wants, as far as that may be otherwise since the last look."""
        uid = found.metadata.uid
        counted_only = causes <= {Cause.COUNTS} and is_about(found.status, found.metadata)
        if not self.looks.is_due(uid) and (is_settled(found) or counted_only):
            return PaidRun(
                told=told_before(found), found=kept(found, _OF_MONEY), again_in=self.looks.due_in(uid)
            )
        begun = self.looks.begin(uid)
        try:
            run = await self._look(found, tenant)
        except BillingAway as error:
            return replace(self._stuck(found, billing_problem(error)), again_in=away_seconds(error))
        return replace(run, look=begun)

    def untouched(self, found: Subscription) -> PaidRun | None:
        """All as it was told, where nobody may look; None where nothing was."""
        told = told_before(found)
        return PaidRun(told=told, found=kept(found, _OF_MONEY)) if told is not None else None

    def noted(self, found: Subscription, run: PaidRun) -> None:
        """What ``run`` found is in the status."""
        if run.look is not None:
            self.looks.done(found.metadata.uid, run.look, good_for=run.good_for)

    async def _look(self, found: Subscription, tenant: Tenant) -> PaidRun:
        agreed = terms(found, self.store.plan_table(found.metadata.namespace))
        customer = tenant.status.stripe.customer_id if tenant.status.stripe is not None else None
        if isinstance(agreed, NoTerms):
            return self._stuck(found, (agreed.reason, agreed.message))
        if customer is None:
            message = f"Tenant {tenant.metadata.name!r} is no customer at Stripe yet."
            return self._stuck(found, (Reason.AWAITING_CUSTOMER, message))
        try:
            billing, cluster = await self.place.open()
            price = await _price(billing, agreed)
            wants = wanted(found, cluster=cluster, customer=customer, terms=agreed, price=price)
            step, twin = await self._bring_about(billing, wants, found)
        except BillingRefused as error:
            run = self._stuck(found, billing_problem(error), refusals=0 if is_locked_out(error) else 1)
            return replace(run, again_in=REFUSED_AGAIN_SECONDS, good_for=REFUSED_AGAIN_SECONDS)
        except Problem as problem:
            return self._stuck(found, (problem.reason, problem.message))
        return self._run(found, wants, step, twin)

    async def farewell(self, found: Subscription, tenant: Tenant | None) -> None:
        """End or release what the Subscription has, as it goes.

        Raises:
            RetryLater: the provider does not answer.
        """
        told = found.status.stripe
        policy = tenant.spec.deletion_policy if tenant is not None else DeletionPolicy.RETAIN
        try:
            billing, cluster = await self.place.open()
            customer = await _customer_of(billing, found, tenant)
            if customer is None:
                return
            agreed = Terms(plan=found.spec.plan.name, seats=0)
            wants = wanted(found, cluster=cluster, customer=customer, terms=agreed, price=None)
            for _ in range(MOST_STEPS):
                seen = await _see(billing, wants, found)
                call = subscription_farewell(wants, policy, seen, self.now())
                if call is None:
                    break
                await do_for_subscription(billing, call)
        except BillingAway as error:
            raise RetryLater(str(error)) from error
        except (BillingRefused, Problem) as error:
            there = told.subscription_id if told is not None else None
            log.warning(
                "the subscription stays as it is at the payment provider", id=there, reason=str(error)
            )
        self.looks.forget(found.metadata.uid)

    async def _bring_about(
        self, billing: Billing, wants: Wanted, found: Subscription
    ) -> tuple[Step, str | None]:
        twin: str | None = None
        step = plan(wants, await _see(billing, wants, found), self.now())
        for _ in range(MOST_STEPS):
            if step.call is None:
                break
            await do_for_subscription(billing, step.call)
            if isinstance(step.call, CancelSubscription) and step.call.duplicate:
                twin = step.call.subscription
            step = plan(wants, await _see(billing, wants, found), self.now())
        return step, twin

    def _run(self, found: Subscription, wants: Wanted, step: Step, twin: str | None) -> PaidRun:
        told = billing_told(wants, step)
        account = account_of(found.model_copy(update={"status": with_money(found.status, told)}))
        assert account is not None
        good_for = soonest(
            AGAIN_SECONDS if step.call is not None else None,
            REFUSED_AGAIN_SECONDS if step.problem is not None else None,
            self._renewal_in(step),
            self._seconds_until(told.checkout_expires_at),
        )
        return PaidRun(
            told=told,
            found=billing_findings(account, wants, step, self.now(), problem=None),
            again_in=good_for,
            good_for=good_for,
            ended_twin=twin,
        )

    def _renewal_in(self, step: Step) -> float | None:
        if step.subscription is None or not is_alive(step.subscription):
            return None
        now, end, last = self.now(), step.subscription.period_end, ends_at(step.subscription)
        if end <= now:
            return RENEWAL_AGAIN_SECONDS
        return soonest(self._seconds_until(end), self._seconds_until(last))

    def _seconds_until(self, instant: datetime | None) -> float | None:
        """Also of one that is far away, other than `pause_until`: until then a look is good."""
        now = self.now()
        return (
            (instant - now).total_seconds() + _BEHIND_SECONDS
            if instant is not None and instant > now
            else None
        )

    def _stuck(self, found: Subscription, problem: tuple[Reason, str], *, refusals: int = 0) -> PaidRun:
        told = told_before(found)
        if refusals:
            told = told or BillingTold(stripe=StripeSubscriptionStatus())
            counted = (told.stripe.refusals or 0) + refusals
            told = replace(told, stripe=told.stripe.model_copy(update={"refusals": counted}))
        synced = Finding(
            type=ConditionType.BILLING_SYNCED,
            status=ConditionStatus.FALSE,
            reason=problem[0],
            message=problem[1],
        )
        others = kept(found, (ConditionType.DRIFTED, ConditionType.PAYMENT_OVERDUE))
        return PaidRun(told=told, found=(synced, *others), again_in=AGAIN_SECONDS, good_for=AGAIN_SECONDS)


async def _see(billing: Billing, wants: Wanted, found: Subscription) -> Seen:
    subscriptions = await billing.subscriptions_of(wants.customer)
    told = found.status.stripe.subscription_id if found.status.stripe is not None else None
    if told is not None and told not in {each.id for each in subscriptions}:
        # The Tenant is another customer now. Whoever began to pay pays on: beside that nothing may begin.
        earlier = await billing.read_subscription(told)
        subscriptions += (earlier,) if earlier is not None else ()
    return Seen(
        subscriptions=subscriptions,
        checkouts=await billing.checkouts_of(wants.customer),
    )


async def _price(billing: Billing, agreed: Terms) -> PriceFacts | None:
    if agreed.price is None:
        return None
    if agreed.price.price is not None:
        return await billing.read_price(price=agreed.price.price)
    return await billing.read_price(lookup_key=agreed.price.lookup_key)


async def _customer_of(billing: Billing, found: Subscription, tenant: Tenant | None) -> str | None:
    if tenant is not None and tenant.status.stripe is not None:
        return tenant.status.stripe.customer_id
    told = found.status.stripe
    if told is None or told.subscription_id is None:
        return None
    there = await billing.read_subscription(told.subscription_id)
    return there.customer if there is not None else None
