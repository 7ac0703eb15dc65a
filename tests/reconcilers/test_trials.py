"""What the admin is told of a trial while its days pass."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.licences import Licences
from seatwarden.reconcilers.local_root_keys import LocalRootKeys
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import Finalizers, OwnedSecrets
from seatwarden.reconcilers.paths import object_path
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.root_key_places import RootKeyPlaces
from seatwarden.reconcilers.root_keyring import RootKeyrings
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.subscription import SubscriptionReconciler
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, NOON, Body, subscription_body, tenant_body
from tests.reconcilers.documents_in_memory import DocumentsInMemory
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory
from tests.reconcilers.no_billing import no_billing

TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")
DAY = timedelta(days=1)


async def _confirm_term(stale: StaleTerm) -> None:
    raise stale


@dataclass
class Trial:
    """A Subscription that was created at noon, and the reconciler of it."""

    api: KubernetesInMemory = field(default_factory=KubernetesInMemory)
    store: ObjectStore = field(default_factory=ObjectStore)
    now: datetime = NOON

    def __post_init__(self) -> None:
        status = StatusWriter(
            api=self.api,
            store=self.store,
            now=lambda: self.now,
            instance="operator-0",
            written=lambda _: None,
        )
        said = SaidDocuments(DocumentsInMemory(), lambda: 1, _confirm_term)
        local = LocalRootKeys(self.store, OwnedSecrets(self.api), None)
        places = RootKeyPlaces(local, KmsConnection(), lambda: 0.0)
        licences = Licences(
            store=self.store,
            secrets=OwnedSecrets(api=self.api),
            keyrings=RootKeyrings(places, PublishedKeys(self.api, said), lambda: self.now),
            said=said,
            installation=None,
        )
        self.reconciler = SubscriptionReconciler(
            store=self.store,
            status=status,
            licences=licences,
            paid=no_billing(self.api, self.store, lambda: self.now),
            finalizers=Finalizers(api=self.api, store=self.store, gone=lambda _: None),
            pools_affected=lambda _: None,
            now=lambda: self.now,
        )
        self.store.put(Kind.TENANT, tenant_body())

    def declare(self, **spec: object) -> None:
        """Somebody writes the Subscription."""
        before = self.api.objects.get(object_path(TEAM), {})
        self.api.put(object_path(TEAM), before | subscription_body(spec=spec))
        self.store.put(Kind.SUBSCRIPTION, self.api.objects[object_path(TEAM)])

    async def after(self, days: float) -> float | None:
        """The reconciler runs so many days after noon. How long it then waits."""
        self.now = NOON + days * DAY
        return await self.reconciler.reconcile(TEAM, frozenset({Cause.RELATED}))

    @property
    def status(self) -> Body:
        status: Body = self.api.objects[object_path(TEAM)]["status"]
        return status

    def told(self) -> list[tuple[str, str]]:
        """The Events: type and reason."""
        events = [body for path, body in self.api.objects.items() if "/events" in path]
        return [(event["type"], event["reason"]) for event in events]


async def test_a_trial_warns_once_before_its_end_and_again_when_it_is_over() -> None:
    trial = Trial()
    trial.declare(trial={"days": 14})
    assert await trial.after(0) is not None
    assert (trial.status["phase"], trial.status["trialEndsAt"]) == ("Trialing", "2027-03-15T12:00:00Z")
    assert trial.told() == []
    await trial.after(10.9)
    assert trial.told() == []
    for days in (11, 12, 13.9):
        await trial.after(days)
        assert trial.told() == [("Warning", "TrialEnding")]
    assert await trial.after(14) is None
    assert trial.status["phase"] == "Expired"
    assert trial.told() == [("Warning", "TrialEnding"), ("Warning", "TrialEnded")]


async def test_a_trial_that_is_bought_is_active_and_has_no_end() -> None:
    trial = Trial()
    trial.declare(trial={"days": 14})
    await trial.after(12)
    trial.declare()
    assert await trial.after(13) is None
    assert trial.status["phase"] == "Active"
    assert "trialEndsAt" not in trial.status
    assert [condition["type"] for condition in trial.status["conditions"]] == ["Ready", "LicenceReady"]


async def test_nothing_is_written_while_nothing_changes() -> None:
    trial = Trial()
    trial.declare(trial={"endsAt": "2027-03-15T12:00:00.5Z"})
    await trial.after(1)
    writes = len(trial.api.writes)
    await trial.after(2)
    assert len(trial.api.writes) == writes
