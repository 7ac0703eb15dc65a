"""An operator as far as money goes: the reconcilers over an API server in memory and the stand-in of Stripe.

The time of all is Stripe's. Nothing runs by itself: `Office.settle` does all that is to be done, `Office.pass_time` lets time
pass. The operator can die at any call, and another one begins with an empty memory.
"""

import asyncio
import base64
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
from seatwarden.domain.stripe_events import StripeEvent, read_event
from seatwarden.reconcilers.billing_looks import BillingLooks
from seatwarden.reconcilers.billing_news import BillingNews
from seatwarden.reconcilers.billing_place import CLUSTER_PATH, BillingConnection, BillingPlace
from seatwarden.reconcilers.customers import Customers
from seatwarden.reconcilers.engine import Cause, NoSuchObject, ObjectKey, RetryLater
from seatwarden.reconcilers.identities import Identities
from seatwarden.reconcilers.licences import Licences
from seatwarden.reconcilers.local_root_keys import LocalRootKeys
from seatwarden.reconcilers.object_store import Change, ObjectStore, key_of
from seatwarden.reconcilers.ownership import Finalizers, OwnedSecrets
from seatwarden.reconcilers.paid_subscriptions import PaidSubscriptions
from seatwarden.reconcilers.paths import object_path, secret_path
from seatwarden.reconcilers.plan_tables import PlanTables
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.revocation_lists import RevocationLists
from seatwarden.reconcilers.root_key_places import RootKeyPlaces
from seatwarden.reconcilers.root_keyring import RootKeyrings
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.subscription import SubscriptionReconciler
from seatwarden.reconcilers.tenant import TenantReconciler
from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.rules import format_instant
from tests.billing.mortal_kubernetes import Died, MortalKubernetes
from tests.billing.shop import Shop
from tests.domain.objects import NAMESPACE, Body, subscription_body, tenant_body
from tests.reconcilers.documents_in_memory import DocumentsInMemory
from tests.reconcilers.identities_in_memory import IdentitiesInMemory

T = TypeVar("T")
ACME = ObjectKey(Kind.TENANT, NAMESPACE, "acme")
TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")
RESYNC_SECONDS = 3600.0
ENGINE_SECONDS = 600.0
"""So often an object is reconciled at least."""
BESIDE = timedelta(microseconds=123_456)
"""The operator's clock is not at a whole second, as Stripe's always is."""
_MOST_RUNS = 60
"""Of one object until all is quiet; more is an endless loop."""
PAID: Body = {"signing": {"algorithm": "EdDSA"}, "billing": {"provider": "Stripe"}}


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
class Office:
    """``due`` is when each object comes back by itself, ``operators`` has the numbers of the calls that the operator made, and
    ``deaths`` how often it has died."""

    shop: Shop
    has_key: bool = True
    api: MortalKubernetes = field(default_factory=MortalKubernetes)
    documents: DocumentsInMemory = field(default_factory=DocumentsInMemory)
    due: dict[ObjectKey, datetime] = field(default_factory=dict)
    events: list[StripeEvent] = field(default_factory=list)
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
        self.shop.server.account.told.append(self._hear)
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

    def _hear(self, event: Any) -> None:
        read = read_event(event)
        if isinstance(read, StripeEvent):
            self.events.append(read)

    def tenant(self, name: str = "acme", **spec: Any) -> ObjectKey:
        """Somebody writes a Tenant who pays at Stripe."""
        return self.declare(Kind.TENANT, tenant_body(name, spec=PAID | spec))

    def team(self, name: str = "team", **spec: Any) -> ObjectKey:
        """Somebody writes a Subscription of five seats, whose price is paid by the month; None takes a field away."""
        wanted = {"plan": {"name": "team", "priceID": self.shop.prices["month"]}}
        body = subscription_body(name, spec=wanted | spec)
        said = {field: value for field, value in body["spec"].items() if value is not None}
        return self.declare(Kind.SUBSCRIPTION, body | {"spec": said})

    def declare(self, kind: Kind, body: Body) -> ObjectKey:
        """Somebody writes an object; its status stays, and another spec is another generation."""
        key = ObjectKey(kind, NAMESPACE, body["metadata"]["name"])
        before = self.api.objects.get(object_path(key))
        if before is None:
            created = {"creationTimestamp": format_instant(self.now())}
            body = body | {"metadata": body["metadata"] | created}
        else:
            generation = before["metadata"]["generation"] + (before["spec"] != body["spec"])
            body = before | body | {"metadata": before["metadata"] | {"generation": generation}}
        self._put(key, body | {"apiVersion": API_VERSION})
        return key

    def annotate(self, key: ObjectKey, **annotations: str) -> None:
        """Somebody annotates an object; names are without the group, with underscores."""
        body = self.api.objects[object_path(key)]
        told = {f"seatwarden.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
        meta = body["metadata"]
        self._put(key, body | {"metadata": meta | {"annotations": (meta.get("annotations") or {}) | told}})

    def delete(self, key: ObjectKey) -> None:
        """Somebody deletes an object, which goes when its finalizers have."""
        body = self.api.objects[object_path(key)]
        if not body["metadata"].get("finalizers"):
            self._gone(key)
            return
        deleted = body["metadata"] | {"deletionTimestamp": format_instant(self.now())}
        self._put(key, body | {"metadata": deleted})

    def _put(self, key: ObjectKey, body: Body) -> None:
        path = object_path(key)
        self.api.put(path, body)
        if self.store.put(key.kind, self.api.objects[path]) is Change.INTENT:
            self.add(key, Cause.CHANGED)
            self._below(key)

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
        again = await self._mortally(reconciler.reconcile(key, causes))
        if self.store.entry(key) is not None:
            pause = timedelta(seconds=min(again or ENGINE_SECONDS, ENGINE_SECONDS))
            self.due[key] = min(self.due.get(key) or self.now() + pause, self.now() + pause)

    async def _mortally(self, work: Coroutine[Any, Any, T]) -> T:
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

    async def pass_time(self, *, days: float = 0, seconds: int = 0) -> None:
        """Let time pass in one leap, and then do what has come due."""
        self.shop.pass_time(days=days, seconds=seconds)
        for key in [key for key, when in self.due.items() if when <= self.now()]:
            del self.due[key]
            self.add(key, Cause.RESYNC)
        await self.settle()

    async def hear_news(self) -> None:
        """Hand over what Stripe has told of, and have all of it looked at."""
        changes = {event.change: None for event in self.events}
        self.events.clear()
        while True:
            deaths = self.deaths
            waiting = [asyncio.ensure_future(self.news.handle(change)) for change in changes]
            await asyncio.sleep(0)
            await self.settle()
            if deaths == self.deaths:
                await asyncio.wait_for(asyncio.gather(*waiting), 5.0)
                return
            # What was not handed over in the end is told of again.
            for each in waiting:
                each.cancel()

    async def resync(self) -> None:
        """Look through everything at Stripe."""
        try:
            await self._mortally(self.news.resync())
        except Died:
            self.deaths += 1
            self.restart()
            await self._mortally(self.news.resync())
        await self.settle()

    def status(self, key: ObjectKey = TEAM) -> Body:
        """What people see."""
        status: Body = self.api.objects[object_path(key)]["status"]
        return status

    def phase(self, key: ObjectKey = TEAM) -> str:
        """The phase of a Subscription."""
        return str(self.status(key)["phase"])

    def condition(self, kind: str, key: ObjectKey = TEAM) -> tuple[str, str] | None:
        """The status and reason of a condition, None where there is none."""
        found = (it for it in self.status(key)["conditions"] if it["type"] == kind)
        return next(((it["status"], it["reason"]) for it in found), None)

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        data = self.api.objects[secret_path(NAMESPACE, name)].get("data", {})
        return {field: base64.b64decode(text).decode() for field, text in data.items()}

    def status_of_all(self) -> list[Body]:
        """Of all Tenants and Subscriptions that there are."""
        return [body["status"] for body in self.api.objects.values() if body.get("kind") in {*Kind}]

    def reasons_told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for body in self.api.bodies if body.get("kind") == "Event"]


async def _confirm_term(stale: StaleTerm) -> None:
    raise stale
