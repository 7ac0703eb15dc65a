"""What the payment provider tells of by itself, and what is found by looking at everything there at long intervals.

Both end in the same: a resource is looked at again. An event says where, and nothing else of it is believed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from seatwarden.backends.billing import BillingAway, BillingRefused
from seatwarden.backends.kubernetes_api import KubernetesError, KubernetesUnavailable
from seatwarden.domain.backoff import spread
from seatwarden.domain.billing.applied import ends_at
from seatwarden.domain.billing.facts import SubscriptionFacts
from seatwarden.domain.billing.standing import is_paid_at_stripe
from seatwarden.domain.billing.subscriptions import is_alive
from seatwarden.domain.stripe_events import Change, ObjectKind
from seatwarden.reconcilers.billing_looks import BillingLooks
from seatwarden.reconcilers.billing_place import BillingPlace
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import Problem
from seatwarden.resources.conditions import ConditionType, find_condition, is_true
from seatwarden.resources.names import Kind
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant

log = structlog.get_logger(__name__)

FIRST_SECONDS = 5.0


@dataclass(slots=True)
class BillingNews:
    """``look`` has a resource looked at; ``seconds`` is from one look at everything to the next."""

    place: BillingPlace
    store: ObjectStore
    looks: BillingLooks
    look: Callable[[ObjectKey], None]
    seconds: float
    jitter: Callable[[], float]
    _seen: dict[str, SubscriptionFacts] = field(default_factory=dict)
    """By id: what the last look at everything has shown. It has more than the status tells of."""

    async def handle(self, change: Change) -> None:
        """Have everything looked at that ``change`` may be about; return when it was, and the status says so."""
        if change.object.kind is ObjectKind.PRICE:
            self.place.forget_prices()
        uids = []
        for key in list(self._meant(change)):
            entry = self.store.entry(key)
            if entry is not None:
                self.look(key)
                uids.append(entry.metadata.uid)
        for uid in uids:
            await self.looks.looked_at(uid)

    async def run(self) -> None:
        """Look at everything soon, and then again and again, until cancelled."""
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(spread(min(pause, self.seconds), self.jitter()))
            pause = self.seconds
            try:
                await self.resync()
            except (BillingAway, BillingRefused, Problem, KubernetesUnavailable, KubernetesError) as error:
                log.warning("the payment provider could not be looked through", reason=str(error))

    async def resync(self) -> None:
        """Read all subscriptions page by page, and have those looked at that are not as the status has them.

        Raises:
            BillingAway, BillingRefused: as the provider's calls do.
            Problem: there is no key.
            KubernetesUnavailable, KubernetesError: the cluster could not be asked for its id.
        """
        paid = [found for _, found in self._paid() if found.status.stripe is not None]
        if not paid:
            return
        billing, cluster = await self.place.open()
        there: dict[str, list[SubscriptionFacts]] = defaultdict(list)
        async for one in billing.unhurried().all_subscriptions():
            if one.owner is not None and one.cluster == cluster:
                there[one.owner].append(one)
        before, self._seen = self._seen, {one.id: one for each in there.values() for one in each}
        for key, found in list(self._paid()):
            own = there[found.metadata.uid]
            changed = any(before.get(one.id, one) != one for one in own)
            if found.status.stripe is not None and (changed or not is_as_told(found, own)):
                log.info("found otherwise than it was told", namespace=key.namespace, name=key.name)
                self.look(key)

    def _meant(self, change: Change) -> Iterator[ObjectKey]:
        tenants = {(key.namespace, key.name) for key in self._customers(change.customer)}
        if change.object.kind is ObjectKind.CUSTOMER:
            yield from self._customers(change.object.id)
        for key, found in self._paid():
            told = found.status.stripe
            ids = {told.subscription_id, told.price_id} if told is not None else set()
            of_customer = (key.namespace, found.spec.tenant_ref.name) in tenants
            is_synced = is_true(found.status.conditions, ConditionType.BILLING_SYNCED)
            if change.object.kind is ObjectKind.CUSTOMER and is_synced:
                # What the customer is called, or pays with, matters to what could not be paid.
                continue
            if of_customer or (ids & {change.subscription, change.object.id}) - {None, ""}:
                yield key

    def _customers(self, customer: str) -> Iterator[ObjectKey]:
        for key in self.store.keys(Kind.TENANT):
            found = self.store.entry(key)
            told = found.status.stripe if isinstance(found, Tenant) else None
            if customer and told is not None and told.customer_id == customer:
                yield key

    def _paid(self) -> Iterator[tuple[ObjectKey, Subscription]]:
        for key in self.store.keys(Kind.SUBSCRIPTION):
            found = self.store.entry(key)
            if not isinstance(found, Subscription):
                continue
            if is_paid_at_stripe(self.store.tenant(key.namespace, found.spec.tenant_ref.name)):
                yield key, found


def is_as_told(found: Subscription, there: Sequence[SubscriptionFacts]) -> bool:
    """Whether the status of ``found`` tells the one subscription that counts of those that it has ``there``."""
    told, period = found.status.stripe, found.status.current_period
    alive = [each for each in there if is_alive(each)]
    if told is None or len(alive) > 1:
        return False
    latest = max(there, key=lambda each: (each.created, each.id), default=None)
    counts = alive[0] if alive else latest
    if counts is None:
        return told.subscription_id is None
    drifted = find_condition(found.status.conditions, ConditionType.DRIFTED)
    if counts.collection_paused and is_alive(counts) and drifted is None:
        return False
    return (
        told.subscription_id,
        told.state,
        told.price_id,
        told.quantity,
        told.ends_at,
        period.end if period is not None else None,
        told.paid_seats,
    ) == (
        counts.id,
        counts.status.value,
        counts.price.id,
        counts.quantity,
        ends_at(counts),
        counts.period_end,
        counts.paid_seats,
    )
