"""Puts the reconcilers together: one object that reads all, keeps all true, and stops when it is told to or must."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from seatwarden.backends.authority import PoolAdministration, StaleTerm
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.issuer_keys import IssuerKeys
from seatwarden.backends.kubernetes_api import KubernetesApi, KubernetesError, KubernetesUnavailable
from seatwarden.backends.kubernetes_connection import KubernetesConnection
from seatwarden.backends.private_root_key import PrivateRootKey, generate
from seatwarden.backends.redis_documents import DocumentAdministration
from seatwarden.backends.redis_identities import IdentityAdministration
from seatwarden.domain.backoff import spread
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.authority_watch import AuthorityWatch
from seatwarden.reconcilers.billing_looks import BillingLooks
from seatwarden.reconcilers.billing_news import BillingNews
from seatwarden.reconcilers.billing_place import BillingConnection, BillingPlace
from seatwarden.reconcilers.borrow_mirror import BorrowMirror
from seatwarden.reconcilers.customers import Customers
from seatwarden.reconcilers.engine import Cause, Engine, ObjectKey, add_all
from seatwarden.reconcilers.gauges import count, show_gauges
from seatwarden.reconcilers.identities import Identities
from seatwarden.reconcilers.intake import Intake, watch
from seatwarden.reconcilers.licence_key_secret import LicenceKeySecrets
from seatwarden.reconcilers.licences import Licences
from seatwarden.reconcilers.local_root_keys import LocalRootKeys
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import Finalizers, OwnedSecrets
from seatwarden.reconcilers.paid_subscriptions import PaidSubscriptions
from seatwarden.reconcilers.plan_tables import PlanTables
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.reaper import Reaper, ReaperSettings
from seatwarden.reconcilers.revocation_lists import RevocationLists
from seatwarden.reconcilers.root_key_places import RootKeyPlaces
from seatwarden.reconcilers.root_keyring import RootKeyrings
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.reconcilers.seat_allocator import SeatAllocator
from seatwarden.reconcilers.seatpool import SeatPoolReconciler
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.subscription import SubscriptionReconciler
from seatwarden.reconcilers.tenant import TenantReconciler
from seatwarden.reconcilers.timer_wheel import TimerWheel
from seatwarden.reconcilers.until_stopped import done_before
from seatwarden.resources.names import Kind

log = structlog.get_logger(__name__)

SECOND_LISTING_SECONDS = 5.0
_RANDOM = secrets.SystemRandom()
_LATE_INTERVALS = 6
_LOOKS_APART = 24
"""Looks at everything at Stripe, until each resource is looked at by itself again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """Times are in seconds. ``namespaces`` empty means all."""

    instance: str
    namespaces: tuple[str, ...] = ()
    workers: int = 24
    resync: float = 600.0
    relist: float = 600.0
    status_interval: float = 10.0
    deletion_patience: timedelta = timedelta(minutes=10)
    stripe_resync: float = 3600.0
    cluster_id: str = ""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Controller:
    """``term`` and ``confirm_term`` are the election's, see `SeatAllocator`. ``new_root_key``: see `LocalRootKeys`.

    ``now`` is the time of day; pauses are by the event loop's clock.
    """

    connection: KubernetesConnection
    api: KubernetesApi
    authority: PoolAdministration
    identities: IdentityAdministration
    documents: DocumentAdministration
    settings: ControllerSettings
    term: Callable[[], int]
    confirm_term: Callable[[StaleTerm], Awaitable[None]]
    installation: InstallationKeys | None = None
    google: KmsConnection = field(default_factory=KmsConnection)
    stripe: BillingConnection | None = None
    """None: the operator has no key for the payment provider."""
    new_root_key: Callable[[RootAlgorithm], Awaitable[PrivateRootKey]] = generate
    now: Callable[[], datetime] = _now
    store: ObjectStore = field(default_factory=ObjectStore)
    engine: Engine = field(init=False)
    intake: Intake = field(init=False)
    reaper: Reaper = field(init=False)
    watch_over: AuthorityWatch = field(init=False)
    pools: SeatPoolReconciler = field(init=False)
    said: SaidDocuments = field(init=False)
    place: BillingPlace = field(init=False)
    looks: BillingLooks = field(init=False)
    plans: PlanTables = field(init=False)
    news: BillingNews = field(init=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.engine = Engine(
            reconcilers={},
            wheel=TimerWheel(self._due, clock=loop.time),
            jitter=_RANDOM.random,
            workers=self.settings.workers,
            resync_seconds=self.settings.resync,
        )
        self.reaper = Reaper(
            authority=self.authority,
            settings=ReaperSettings(
                busy=self.settings.status_interval, late=_LATE_INTERVALS * self.settings.status_interval
            ),
            clock=loop.time,
            jitter=_RANDOM.random,
            changed=self._counts_changed,
            lost=self._reconcile_pool,
            went_back=self._pool_went_back,
            unavailable=self._reconcile_all_in_redis,
            restored=self._reconcile_all_in_redis,
        )
        self.watch_over = AuthorityWatch(
            authority=self.authority,
            clock=loop.time,
            reconcile_all=self._reconcile_all_in_redis,
            is_idle=lambda: self.engine.idle,
        )
        self.intake = Intake(
            store=self.store,
            engine=self.engine,
            api=self.api,
            sums_seconds=self.settings.status_interval,
            pool_gone=self._pool_gone,
            namespaces=self.settings.namespaces,
        )
        self.said = SaidDocuments(self.documents, self.term, self.confirm_term)
        self.place = BillingPlace(self.stripe, self.api, self.settings.cluster_id)
        # What changes at Stripe is found by the looks at everything, so a look at each by itself is for what those do not show.
        self.looks = BillingLooks(loop.time, _RANDOM.random, _LOOKS_APART * self.settings.stripe_resync)
        self.news = BillingNews(
            self.place,
            self.store,
            self.looks,
            self.look_at_stripe,
            self.settings.stripe_resync,
            _RANDOM.random,
        )
        self.plans = PlanTables(
            api=self.api,
            store=self.store,
            changed=self._plans_changed,
            seconds=self.settings.status_interval,
            namespaces=self.settings.namespaces,
        )
        self._make_reconcilers()
        show_gauges(self.store, self.reaper.counts, lambda: len(self.engine.queue))

    async def run(self, stop: asyncio.Event) -> None:
        """Keep everything true until ``stop`` is set.

        Raises:
            NotLeading: this process has lost its term of office.
            Exception: a watch or a loop broke for good; the process should end and be started again.
        """
        if not await done_before(stop, self._list_patiently()):
            return
        await self.watch_over.look()
        log.info("listed", **{kind.plural: count(self.store, kind) for kind in Kind})
        loops = (
            *(self.engine.run(), self.engine.wheel.run(), self.reaper.run()),
            *(self.watch_over.run(), self._relist_for_ever(), self.plans.run(), self.news.run()),
        )
        tasks = [asyncio.create_task(loop) for loop in loops]
        watching = asyncio.create_task(watch(self.intake, self.connection, stop))
        try:
            finished, _ = await asyncio.wait([watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            for task in finished:
                _raise_bare(task)
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(watching, *tasks, return_exceptions=True)

    async def _list_patiently(self) -> None:
        while True:
            try:
                await self.intake.list_all()
                return await self.plans.look()
            except (KubernetesUnavailable, KubernetesError) as error:
                log.warning(
                    "cannot list the custom resources; are the CRDs installed, and may I read them?",
                    error=str(error),
                )
                await asyncio.sleep(2.0)

    async def _relist_for_ever(self) -> None:
        # What is deleted between our first listing and the beginning of the watch, nobody tells of.
        pause = min(SECOND_LISTING_SECONDS, self.settings.relist)
        while True:
            await asyncio.sleep(spread(pause, _RANDOM.random()))
            pause = self.settings.relist
            try:
                await self.intake.list_all()
            except (KubernetesUnavailable, KubernetesError) as error:
                log.warning("listing anew failed; the watch goes on", error=str(error))

    def _make_reconcilers(self) -> None:
        status = StatusWriter(
            api=self.api,
            store=self.store,
            now=self.now,
            instance=self.settings.instance,
            written=self.intake.sums_above,
        )
        secrets_of = OwnedSecrets(api=self.api)
        identities = Identities(
            issuers=IssuerKeys(self.api),
            said=self.identities,
            term=self.term,
            confirm_term=self.confirm_term,
        )
        finalizers = Finalizers(api=self.api, store=self.store, gone=self.intake.gone)
        self.pools = SeatPoolReconciler(
            engine=self.engine,
            store=self.store,
            authority=self.authority,
            allocator=SeatAllocator(
                now=self.now,
                authority=self.authority,
                store=self.store,
                term=self.term,
                confirm_term=self.confirm_term,
                capacity_changed=self._reconcile_pool,
            ),
            reaper=self.reaper,
            keys=LicenceKeySecrets(secrets=secrets_of, random_bytes=secrets.token_bytes),
            finalizers=finalizers,
            status=status,
            identities=identities,
            borrows=BorrowMirror(self.authority, self.now),
            said=self.said,
            now=self.now,
            redis_problem=lambda: self.watch_over.problem,
            deletion_patience=self.settings.deletion_patience,
        )
        keyrings = self._keyrings(secrets_of)
        tenants = TenantReconciler(
            store=self.store,
            keyrings=keyrings,
            revocations=RevocationLists(keyrings.published, keyrings),
            finalizers=finalizers,
            status=status,
            identities=identities,
            customers=Customers(self.place, self.store, secrets_of, self.looks, self._look_below),
            signer_changed=self._sign_anew,
            now=self.now,
        )
        licences = Licences(
            store=self.store,
            secrets=secrets_of,
            keyrings=keyrings,
            said=self.said,
            installation=self.installation,
        )
        subscriptions = SubscriptionReconciler(
            store=self.store,
            status=status,
            licences=licences,
            paid=PaidSubscriptions(self.place, self.store, self.looks, self.now),
            finalizers=finalizers,
            pools_affected=self._reconcile_below,
            now=self.now,
        )
        self.engine.reconcilers = {
            Kind.TENANT: tenants.reconcile,
            Kind.SUBSCRIPTION: subscriptions.reconcile,
            Kind.SEAT_POOL: self.pools.reconcile,
        }

    def _keyrings(self, secrets_of: OwnedSecrets) -> RootKeyrings:
        local = LocalRootKeys(
            store=self.store, secrets=secrets_of, installation=self.installation, new_key=self.new_root_key
        )
        return RootKeyrings(
            places=RootKeyPlaces(local, self.google, asyncio.get_running_loop().time),
            published=PublishedKeys(api=self.api, said=self.said),
            now=self.now,
        )

    def _sign_anew(self, tenant: ObjectKey) -> None:
        for key in self.store.below(tenant):
            if key.kind is Kind.SUBSCRIPTION:
                self.engine.add(key, Cause.RELATED)

    def _reconcile_below(self, subscription: ObjectKey) -> None:
        add_all(self.engine, self.store.below(subscription), Cause.RELATED)

    def _look_below(self, tenant: ObjectKey) -> None:
        for key in self.store.below(tenant):
            if key.kind is Kind.SUBSCRIPTION:
                self.look_at_stripe(key)

    def _plans_changed(self, key: ObjectKey) -> None:
        if key.kind is Kind.SUBSCRIPTION:
            self.look_at_stripe(key)
        else:
            self.engine.add(key, Cause.RELATED)

    def look_at_stripe(self, key: ObjectKey) -> None:
        """Something of the object may be otherwise at the payment provider."""
        entry = self.store.entry(key)
        if entry is not None:
            self.looks.ask(entry.metadata.uid)
            self.engine.add(key, Cause.RELATED)

    def _due(self, key: ObjectKey) -> None:
        self.engine.due(key)

    def _counts_changed(self, pool: PoolUid) -> None:
        self.pools.counts_changed(pool)

    def _pool_gone(self, pool: PoolUid) -> None:
        self.pools.forget(pool)

    def _pool_went_back(self, pool: PoolUid, epoch: int) -> None:
        self.pools.allocator.went_back(pool, epoch)
        self._reconcile_pool(pool)

    def _reconcile_pool(self, pool: PoolUid) -> None:
        key = self.pools.key_of(pool)
        if key is not None:
            self.engine.add(key, Cause.RELATED)

    def _reconcile_all_in_redis(self) -> None:
        for key in self.store.keys(Kind.SEAT_POOL):
            self.engine.add(key, Cause.RELATED)
        self.said.forget_all()
        for kind in (Kind.TENANT, Kind.SUBSCRIPTION):
            for key in self.store.keys(kind):
                self.engine.add(key, Cause.RELATED)


def _raise_bare(task: asyncio.Task[None]) -> None:
    """Raise what ended a task; of a group of errors the first one, which is what the caller can act upon."""
    error = task.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error
