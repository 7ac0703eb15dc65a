"""The operator's process as far as money goes: its memory, its queue, and the reconcilers. It can die at any call.

The time of all is Stripe's. Nothing runs by itself: `Process.settle` does all that is to be done now.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.issuer_keys import IssuerKeys
from seatwarden.backends.stripe_billing import StripeBilling
from seatwarden.backends.stripe_pace import Pace, Pacer
from seatwarden.reconcilers.billing_looks import BillingLooks
from seatwarden.reconcilers.billing_news import BillingNews
from seatwarden.reconcilers.billing_place import CLUSTER_PATH, BillingConnection, BillingPlace
from seatwarden.reconcilers.customers import Customers
from seatwarden.reconcilers.engine import Cause, NoSuchObject, ObjectKey, RetryLater
from seatwarden.reconcilers.identities import Identities
from seatwarden.reconcilers.licences import Licences
from seatwarden.reconcilers.local_root_keys import LocalRootKeys
from seatwarden.reconcilers.object_store import ObjectStore, key_of
from seatwarden.reconcilers.ownership import Finalizers, OwnedSecrets
from seatwarden.reconcilers.paid_subscriptions import PaidSubscriptions
from seatwarden.reconcilers.paths import object_path
from seatwarden.reconcilers.plan_tables import PlanTables
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.revocation_lists import RevocationLists
from seatwarden.reconcilers.root_key_places import RootKeyPlaces
from seatwarden.reconcilers.root_keyring import RootKeyrings
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.subscription import SubscriptionReconciler
from seatwarden.reconcilers.tenant import TenantReconciler
from seatwarden.resources.names import Kind
from tests.billing.mortal_kubernetes import Died, MortalKubernetes
from tests.billing.shop import Shop
from tests.reconcilers.documents_in_memory import DocumentsInMemory
from tests.reconcilers.identities_in_memory import IdentitiesInMemory

T = TypeVar("T")
RESYNC_SECONDS = 3600.0
ENGINE_SECONDS = 600.0
"""So often an object is reconciled at least."""
BESIDE = timedelta(microseconds=123_456)
"""The operator's clock is not at a whole second, as Stripe's always is."""
_MOST_RUNS = 60
"""Of one object until all is quiet; more is an endless loop."""


@dataclass(slots=True)
class Unpaced:
    """The connection, without the pace: the stand-in takes all that comes."""

    shop: Shop

    def billing(self) -> StripeBilling:
        """See `StripeConnection`."""
        billing = self.shop.connection.billing()
        clock = billing.clock
        return replace(
            billing, calls=replace(billing.calls, pacer=Pacer(Pace(1e6, 1e6), clock)), clock=self._clock
        )

    def _clock(self) -> float:
        return float(self.shop.server.clock.now)


@dataclass(slots=True)
class Process:
    """``due`` is when each object comes back by itself, ``operators`` has the numbers of the calls that the operator made, and
    ``deaths`` how often it has died."""

    shop: Shop
    has_key: bool = True
    api: MortalKubernetes = field(default_factory=MortalKubernetes)
    documents: DocumentsInMemory = field(default_factory=DocumentsInMemory)
    due: dict[ObjectKey, datetime] = field(default_factory=dict)
    operators: list[int] = field(default_factory=list)
    deaths: int = 0
    store: ObjectStore = field(init=False)
    looks: BillingLooks = field(init=False)
    news: BillingNews = field(init=False)
    plans: PlanTables = field(init=False)
    tenants: TenantReconciler = field(init=False)
    subscriptions: SubscriptionReconciler = field(init=False)
    _queue: dict[ObjectKey, set[Cause]] = field(default_factory=dict)
    _run: "asyncio.Task[Any] | None" = None

    def __post_init__(self) -> None:
        self.api.put(CLUSTER_PATH, {"metadata": {"name": "kube-system", "uid": "cluster-1"}})
        self.restart()

    def now(self) -> datetime:
        """The operator's time."""
        return self.shop.now + BESIDE

    def restart(self) -> None:
        """Another operator process with an empty memory. All objects are listed, and each is looked at."""
        self.store, self.due, self._queue = ObjectStore(), {}, {}
        self._assemble()
        for body in self.api.objects.values():
            kind = next((each for each in Kind if each == body.get("kind")), None)
            if kind is not None and "spec" in body:
                self.store.put(kind, body)
                self.add(key_of(kind, body), Cause.CHANGED)

    def _assemble(self) -> None:
        connection: BillingConnection | None = Unpaced(self.shop) if self.has_key else None
        said = SaidDocuments(self.documents, lambda: 1, _confirm_term)
        secrets = OwnedSecrets(api=self.api)
        place = BillingPlace(connection, self.api)
        self.looks = BillingLooks(lambda: self.now().timestamp(), lambda: 0.5, 24 * RESYNC_SECONDS)
        self.news = BillingNews(place, self.store, self.looks, self.look, RESYNC_SECONDS, lambda: 0.5)
        self.plans = PlanTables(self.api, self.store, self.look, 10.0)
        status = StatusWriter(
            api=self.api, store=self.store, now=self.now, instance="operator-0", written=self._sums_above
        )
        keyrings = RootKeyrings(
            RootKeyPlaces(
                LocalRootKeys(self.store, secrets, InstallationKeys([bytes(32)])),
                KmsConnection(),
                lambda: self.now().timestamp(),
            ),
            PublishedKeys(self.api, said),
            self.now,
        )
        finalizers = Finalizers(api=self.api, store=self.store, gone=self._gone)
        self.tenants = TenantReconciler(
            store=self.store,
            keyrings=keyrings,
            revocations=RevocationLists(keyrings.published, keyrings),
            finalizers=finalizers,
            status=status,
            identities=Identities(IssuerKeys(self.api), IdentitiesInMemory(), lambda: 1, _confirm_term),
            customers=Customers(place, self.store, secrets, self.looks, self._look_below),
            signer_changed=self._below,
            now=self.now,
        )
        self.subscriptions = SubscriptionReconciler(
            store=self.store,
            status=status,
            licences=Licences(
                store=self.store, secrets=secrets, keyrings=keyrings, said=said, installation=None
            ),
            paid=PaidSubscriptions(place, self.store, self.looks, self.now),
            finalizers=finalizers,
            pools_affected=lambda _: None,
            now=self.now,
        )

    def add(self, key: ObjectKey, cause: Cause) -> None:
        """Have an object reconciled at the next `settle`."""
        self._queue.setdefault(key, set()).add(cause)

    def look(self, key: ObjectKey) -> None:
        """Something of it may be otherwise at Stripe."""
        entry = self.store.entry(key)
        if entry is not None:
            self.looks.ask(entry.metadata.uid)
            self.add(key, Cause.RELATED)

    def _look_below(self, tenant: ObjectKey) -> None:
        for key in self.store.below(tenant):
            self.look(key)

    def _below(self, tenant: ObjectKey) -> None:
        for key in self.store.below(tenant):
            self.add(key, Cause.RELATED)

    def _sums_above(self, key: ObjectKey) -> None:
        parent = self.store.parent(key)
        if parent is not None and self.store.entry(parent) is not None:
            self.add(parent, Cause.COUNTS)

    def _gone(self, key: ObjectKey) -> None:
        self.api.objects.pop(object_path(key), None)
        self.store.drop(key)
        self.due.pop(key, None)
        self._queue.pop(key, None)

    async def settle(self) -> None:
        """Do all that is to be done now. Who dies comes back."""
        runs: dict[ObjectKey, int] = {}
        while self._queue:
            key = next(iter(self._queue))
            causes = frozenset(self._queue.pop(key))
            runs[key] = runs.get(key, 0) + 1
            assert runs[key] <= _MOST_RUNS, f"{key.name} is never done"
            try:
                await self._reconcile(key, causes)
            except RetryLater:
                self.add(key, Cause.RETRY)
            except NoSuchObject:
                pass
            except Died:
                self.deaths += 1
                self.restart()

    async def _reconcile(self, key: ObjectKey, causes: frozenset[Cause]) -> None:
        reconciler = self.tenants if key.kind is Kind.TENANT else self.subscriptions
        again = await self.mortally(reconciler.reconcile(key, causes))
        if self.store.entry(key) is not None:
            pause = timedelta(seconds=min(again or ENGINE_SECONDS, ENGINE_SECONDS))
            self.due[key] = min(self.due.get(key) or self.now() + pause, self.now() + pause)

    async def mortally(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what the operator can be killed in."""
        before = len(self.shop.server.heard)
        self._run = run = asyncio.ensure_future(work)
        try:
            return await run
        except asyncio.CancelledError:
            # Whoever waits for the office itself was not meant.
            if not run.cancelled():
                raise
            raise Died from None
        finally:
            self._run = None
            self.operators += range(before + 1, len(self.shop.server.heard) + 1)

    def kill(self) -> None:
        """The operator dies where it is."""
        assert self._run is not None, "only who works can be killed"
        self._run.cancel()


async def _confirm_term(stale: StaleTerm) -> None:
    raise stale
