"""A Tenant with its root keys, its Subscription and its pool, and reconcilers that are asked at instants of the test's choice."""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.issuer_keys import IssuerKeys
from seatwarden.backends.private_root_key import PrivateRootKey, generate
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.identities import Identities
from seatwarden.reconcilers.licences import Licences
from seatwarden.reconcilers.local_root_keys import LocalRootKeys
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import Finalizers, OwnedSecrets
from seatwarden.reconcilers.paths import config_map_path, object_path, secret_path
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.revocation_lists import RevocationLists
from seatwarden.reconcilers.root_key_places import RootKeyPlaces
from seatwarden.reconcilers.root_keyring import RootKeyrings
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.subscription import SubscriptionReconciler
from seatwarden.reconcilers.tenant import TenantReconciler
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, NOON, Body, pool_body, subscription_body, tenant_body
from tests.reconcilers.documents_in_memory import DocumentsInMemory
from tests.reconcilers.identities_in_memory import IdentitiesInMemory
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory
from tests.reconcilers.no_billing import no_billing, no_customers

ACME, TEAM, DEV = (
    ObjectKey(kind, NAMESPACE, name)
    for kind, name in ((Kind.TENANT, "acme"), (Kind.SUBSCRIPTION, "team"), (Kind.SEAT_POOL, "dev"))
)
ED = {"signing": {"algorithm": "EdDSA"}}


@dataclass
class Vault:
    """``made`` are all keys that were ever made."""

    api: KubernetesInMemory = field(default_factory=KubernetesInMemory)
    store: ObjectStore = field(default_factory=ObjectStore)
    documents: DocumentsInMemory = field(default_factory=DocumentsInMemory)
    installation: InstallationKeys | None = field(default_factory=lambda: InstallationKeys([bytes(32)]))
    google: KmsConnection = field(default_factory=KmsConnection)
    now: datetime = NOON
    made: list[PrivateRootKey] = field(default_factory=list)
    sign_anew: list[ObjectKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()
        self.declare(Kind.TENANT, tenant_body(spec=ED))
        self.declare(Kind.SUBSCRIPTION, subscription_body())
        self.declare(Kind.SEAT_POOL, pool_body())

    def restart(self) -> None:
        """Another operator process with an empty memory; what the API server has stays."""
        said = SaidDocuments(self.documents, lambda: 1, _confirm_term)
        secrets = OwnedSecrets(api=self.api)
        status = StatusWriter(
            api=self.api,
            store=self.store,
            now=lambda: self.now,
            instance="operator-0",
            written=lambda _: None,
        )
        self.local = LocalRootKeys(self.store, secrets, self.installation, self._new_key)
        self.keyrings = RootKeyrings(
            RootKeyPlaces(self.local, self.google, self._clock),
            PublishedKeys(self.api, said),
            lambda: self.now,
        )
        identities = Identities(IssuerKeys(self.api), IdentitiesInMemory(), lambda: 1, _confirm_term)
        self.tenants = TenantReconciler(
            store=self.store,
            keyrings=self.keyrings,
            revocations=RevocationLists(self.keyrings.published, self.keyrings),
            finalizers=Finalizers(api=self.api, store=self.store, gone=lambda _: None),
            status=status,
            identities=identities,
            customers=no_customers(self.api, self.store),
            signer_changed=self.sign_anew.append,
            now=lambda: self.now,
        )
        licences = Licences(
            store=self.store,
            secrets=secrets,
            keyrings=self.keyrings,
            said=said,
            installation=self.installation,
        )
        self.subscriptions = SubscriptionReconciler(
            store=self.store,
            status=status,
            licences=licences,
            paid=no_billing(self.api, self.store, lambda: self.now),
            finalizers=Finalizers(api=self.api, store=self.store, gone=lambda _: None),
            pools_affected=lambda _: None,
            now=lambda: self.now,
        )
        self.said = said

    def _clock(self) -> float:
        return self.now.timestamp()

    async def _new_key(self, algorithm: RootAlgorithm) -> PrivateRootKey:
        self.made.append(await generate(algorithm))
        return self.made[-1]

    def declare(self, kind: Kind, body: Body) -> None:
        """Somebody writes an object; its status stays."""
        path = object_path(ObjectKey(kind, NAMESPACE, body["metadata"]["name"]))
        before = self.api.objects.get(path, {})
        merged = before.get("metadata", {}) | body["metadata"]
        self.api.put(path, before | body | {"metadata": merged})
        self.store.put(kind, self.api.objects[path])

    async def tenant(self) -> float | None:
        """The Tenant is reconciled."""
        return await self.tenants.reconcile(ACME, frozenset({Cause.CHANGED}))

    async def subscription(self, cause: Cause = Cause.CHANGED) -> float | None:
        """The Subscription is reconciled."""
        return await self.subscriptions.reconcile(TEAM, frozenset({cause}))

    def status(self, key: ObjectKey) -> Body:
        """What people see."""
        status: Body = self.api.objects[object_path(key)]["status"]
        return status

    def states(self) -> list[tuple[str, str]]:
        """The number of each key, in the order in which they were made, and its state."""
        numbers = {key.public.kid: f"key {number}" for number, key in enumerate(self.made)}
        return [(numbers[key["kid"]], key["state"]) for key in self.status(ACME)["signingKeys"]]

    def states_told(self) -> list[str]:
        """The state of each key, wherever it was made."""
        return [key["state"] for key in self.status(ACME)["signingKeys"]]

    def forget(self, key: ObjectKey) -> None:
        """The object is gone, and with it what the API server had of it."""
        del self.api.objects[object_path(key)]
        self.store.drop(key)

    def condition(self, key: ObjectKey, kind: str) -> tuple[str, str]:
        """The status and reason of a condition."""
        return next(
            (it["status"], it["reason"]) for it in self.status(key)["conditions"] if it["type"] == kind
        )

    def reasons_told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for body in self.api.bodies if body.get("kind") == "Event"]

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        data = self.api.objects[secret_path(NAMESPACE, name)].get("data", {})
        return {field: base64.b64decode(text).decode() for field, text in data.items()}

    def jwks(self) -> list[str]:
        """The ids of the keys in the ConfigMap, which Redis has too."""
        text = self.api.objects[config_map_path(NAMESPACE, "acme-jwks")]["data"]["jwks.json"]
        assert self.documents.away or list(self.documents.sets.values()) == [text]
        return [key["kid"] for key in json.loads(text)["keys"]]

    def licence(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of the document in the Secret, which Redis has too."""
        text = self.secret("team-licence-document")["licence.jws"]
        assert self.documents.away or list(self.documents.licences.values()) == [text]
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2])
        return header, claims


async def _confirm_term(stale: StaleTerm) -> None:
    raise stale
