"""The licence document of a Subscription: signed where it has to be, kept in a Secret, said in Redis.

The Secret is what is believed to have been signed. It is read whenever the Subscription is looked at, so that one which was
deleted is made anew.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.billing.standing import valid_until
from seatwarden.domain.bought import declared_seats
from seatwarden.domain.compact_jws import base64url
from seatwarden.domain.licence_document import LICENCE, LeaseKey, LicenceTerms
from seatwarden.domain.seats import PoolUid
from seatwarden.domain.signed_document import WrittenDocument
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import OwnedSecrets, Secret
from seatwarden.reconcilers.root_keyring import RootKeyrings
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.resources.names import LICENCE_FIELD, licence_secret
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant

_USUAL_GRACE = timedelta(hours=24)
SAID_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceRun:
    """The document that there is, and when it is to be looked at again. ``is_said``: Redis has it."""

    written: WrittenDocument
    renewed_at: datetime
    is_said: bool


@dataclass(slots=True)
class Licences:
    """Without an ``installation`` no lease is signed, and documents name no lease keys."""

    store: ObjectStore
    secrets: OwnedSecrets
    keyrings: RootKeyrings
    said: SaidDocuments
    installation: InstallationKeys | None
    _ensured: dict[str, tuple[str, LicenceTerms]] = field(default_factory=dict)

    async def ensure(self, key: ObjectKey, found: Subscription, tenant: Tenant) -> LicenceRun | None:
        """Have a document that says what was bought; None where the Tenant has no key that signs yet.

        Raises:
            Problem: the Secret is somebody else's, or the key cannot sign.
            RetryLater: something was changed meanwhile.
        """
        signer = tenant.status.signer
        if signer is None:
            return None
        pools = self.store.pools_of(key.namespace, key.name)
        terms = self._terms(key, found, tenant, pools)
        secret = await self.secrets.read(key, found, licence_secret(key.name))
        before = _text(secret)
        text, written = await self.keyrings.document(tenant, signer, LICENCE, terms.claims(), before=before)
        if text != before:
            await self._keep(key, found, secret, text)
        self._ensured[found.metadata.uid] = (signer.kid, terms)
        return LicenceRun(
            written=written,
            renewed_at=written.expires_at - LICENCE.renewed_before,
            is_said=await self._say(key, found, text),
        )

    def says_so(self, key: ObjectKey, found: Subscription) -> bool:
        """Does the document that was there last say what is to be said now?"""
        tenant = self.store.tenant(key.namespace, found.spec.tenant_ref.name)
        signer = tenant.status.signer if tenant is not None else None
        if tenant is None or signer is None:
            return False
        terms = self._terms(key, found, tenant, self.store.pools_of(key.namespace, key.name))
        return self._ensured.get(found.metadata.uid) == (signer.kid, terms)

    async def _keep(self, key: ObjectKey, found: Subscription, secret: Secret | None, text: str) -> None:
        name, data = licence_secret(key.name), {LICENCE_FIELD: text}
        await self.secrets.put(key, found, secret, name, data, collected=True)

    async def _say(self, key: ObjectKey, found: Subscription, text: str) -> bool:
        """Have Redis have it, as long as there is a pool with whose key it can be asked for."""
        try:
            if self.store.lease_givers(key):
                await self.said.licence(found.metadata.uid, text)
            # The last pool may have gone meanwhile, and then nobody would take it away.
            if not self.store.lease_givers(key):
                await self.said.licence(found.metadata.uid, "")
        except AuthorityUnavailable:
            return False
        return True

    def _terms(
        self, key: ObjectKey, found: Subscription, tenant: Tenant, pools: Iterable[SeatPool]
    ) -> LicenceTerms:
        bought, pools = found.spec, list(pools)
        return LicenceTerms(
            tenant_uid=tenant.metadata.uid,
            subscription_uid=found.metadata.uid,
            tenant=tenant.spec.display_name or tenant.metadata.name,
            namespace=key.namespace,
            subscription=key.name,
            plan=bought.plan.name,
            seats=declared_seats(found),
            entitlements=entitlements_of(found),
            offline_grace=max((it.spec.lease.offline_grace for it in pools), default=_USUAL_GRACE),
            longest_lease=_longest(pools),
            valid_until=valid_until(found, tenant),
            lease_keys=[each for uid in self.store.lease_givers(key) for each in self._lease_keys(uid)],
        )

    def _lease_keys(self, uid: PoolUid) -> list[LeaseKey]:
        if self.installation is None:
            return []
        return [LeaseKey(kid, base64url(raw).decode(), uid) for kid, raw in self.installation.lease_keys(uid)]


def longest_lease(store: ObjectStore, tenant: ObjectKey) -> timedelta:
    """The longest time for which any pool of a Tenant signs a lease or lends a seat."""
    subscriptions = store.subscriptions_of(tenant.namespace, tenant.name)
    return _longest(
        pool for it in subscriptions for pool in store.pools_of(it.metadata.namespace, it.metadata.name)
    )


def entitlements_of(subscription: Subscription) -> dict[str, object]:
    """What a Subscription allows, as programs are told: a limit, a value, or true."""
    return {
        item.name: item.limit if item.limit is not None else item.value if item.value is not None else True
        for item in subscription.spec.entitlements
    }


def _longest(pools: Iterable[SeatPool]) -> timedelta:
    lengths = [_USUAL_GRACE]
    for pool in pools:
        lengths.append(pool.spec.lease.offline_grace)
        if pool.spec.borrow.max_seats:
            lengths.append(pool.spec.borrow.max_duration)
    return max(lengths)


def _text(secret: Secret | None) -> str:
    try:
        return base64.b64decode(((secret or {}).get("data") or {})[LICENCE_FIELD], validate=True).decode()
    except (KeyError, binascii.Error, UnicodeDecodeError):
        return ""
