"""Tenant: its root key in a Secret, the issuers that it trusts, and the sums over its Subscriptions.

With `Retain` the Secret carries no owner reference, so that not even a finalizer removed by force takes the key away; a
later Tenant of the same name adopts it. With `Delete` the garbage collector removes it together with the Tenant.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from seatwarden.backends.local_root_key import UnusableKey, generate_private_pem, read_public
from seatwarden.domain import findings
from seatwarden.domain.root_key import PublicRootKey
from seatwarden.reconcilers.engine import Cause, ObjectKey, RetryLater
from seatwarden.reconcilers.identities import Identities, IdentityRun
from seatwarden.reconcilers.object_store import Entry, ObjectStore, Unreadable
from seatwarden.reconcilers.ownership import Finalizers, OwnedSecrets, Problem, Secret
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.conditions import merge_conditions
from seatwarden.resources.names import FINALIZER, ROOT_KEY_FIELD, root_key_secret
from seatwarden.resources.reasons import Outlook, Reason
from seatwarden.resources.tenant import (
    Access,
    DeletionPolicy,
    SigningKey,
    SigningKeyState,
    Tenant,
    TenantStatus,
)

STALLED_RECHECK_SECONDS = 30.0


@dataclass(slots=True)
class TenantReconciler:
    """Reads the Secret at every run: what status remembers of a key is never trusted over the key itself.

    ``new_root_key`` makes a private key in PEM.
    """

    store: ObjectStore
    secrets: OwnedSecrets
    finalizers: Finalizers
    status: StatusWriter
    identities: Identities
    now: Callable[[], datetime]
    new_root_key: Callable[[], Awaitable[bytes]] = generate_private_pem

    async def reconcile(self, key: ObjectKey, causes: frozenset[Cause]) -> float | None:
        """Make the tenant so. See `Reconcile`."""
        entry = self.store.existing(key)
        if entry.metadata.deletion_timestamp is not None:
            return await self._finalize(key, entry)
        if isinstance(entry, Unreadable):
            return await report_unreadable(self.status, key, entry)
        assert isinstance(entry, Tenant)
        if entry.spec.suspend:
            return await report_suspended(self.status, key, entry)
        if causes == {Cause.COUNTS} and entry.status.observed_generation == entry.metadata.generation:
            return await self._publish_counts(key, entry)
        return await self._make_true(key, entry)

    async def _make_true(self, key: ObjectKey, tenant: Tenant) -> float | None:
        problem: tuple[Reason, str] | None = None
        public: PublicRootKey | None = None
        try:
            await self.finalizers.ensure(key, tenant)
            public = await self._ensure_root_key(key, tenant)
        except Problem as found:
            problem = (found.reason, found.message)
        identity = await self.identities.ensure(tenant)
        current = self.store.entry(key)
        if not isinstance(current, Tenant):
            return None
        wanted = self._wanted_status(key, current, tenant, public, problem, identity)
        await self.status.write(key, current, wanted)
        stalled = problem is not None and problem[0].outlook is Outlook.TERMINAL
        return STALLED_RECHECK_SECONDS if stalled else identity.again_in

    async def _ensure_root_key(self, key: ObjectKey, tenant: Tenant) -> PublicRootKey:
        name = root_key_secret(key.name)
        collected = tenant.spec.deletion_policy is DeletionPolicy.DELETE
        secret = await self.secrets.read(key, tenant, name)
        if secret is None:
            pem = await self.new_root_key()
            if not await self.secrets.create(
                key, tenant, name, {ROOT_KEY_FIELD: pem.decode()}, collected=collected
            ):
                raise RetryLater(f"Secret {name!r} has just been made by another")
            return read_public(pem)
        public = _read(secret, name)
        await self.secrets.mark(key, secret, owner=tenant, collected=collected)
        return public

    async def _finalize(self, key: ObjectKey, entry: Entry) -> float | None:
        if FINALIZER not in entry.metadata.finalizers:
            return None
        retain = isinstance(entry, Unreadable) or (
            isinstance(entry, Tenant) and entry.spec.deletion_policy is DeletionPolicy.RETAIN
        )
        if retain:
            try:
                secret = await self.secrets.read(key, entry, root_key_secret(key.name))
            except Problem:
                secret = None
            if secret is not None:
                await self.secrets.mark(key, secret, owner=None, collected=False)
        if isinstance(entry, Tenant):
            await self.identities.forget(entry)
        await self.finalizers.remove(key, entry)
        return None

    async def _publish_counts(self, key: ObjectKey, tenant: Tenant) -> float | None:
        await self.status.write(key, tenant, tenant.status.model_copy(update=self._sums(key)))
        return None

    def _sums(self, key: ObjectKey) -> dict[str, int]:
        subscriptions = self.store.subscriptions_of(key.namespace, key.name)
        return {
            "subscriptions": len(subscriptions),
            "seats": sum(found.spec.seats for found in subscriptions),
            "seats_in_use": sum(found.status.seats_in_use or 0 for found in subscriptions),
        }

    def _wanted_status(
        self,
        key: ObjectKey,
        current: Tenant,
        reconciled: Tenant,
        public: PublicRootKey | None,
        problem: tuple[Reason, str] | None,
        identity: IdentityRun,
    ) -> TenantStatus:
        before = current.status
        generation = reconciled.metadata.generation
        access = (
            ""
            if reconciled.spec.access is Access.ACTIVE
            else " Its access is suspended: no seat is granted or renewed."
        )
        in_the_way = problem or identity.problem
        told = (
            findings.ready(f"The tenant has a key to sign with.{access}")
            if in_the_way is None
            else findings.not_ready(*in_the_way)
        )
        signing = findings.signing_key(problem=problem, message=f"Key {public.kid if public else ''} signs.")
        return TenantStatus(
            observed_generation=generation,
            conditions=merge_conditions(
                before.conditions, (*told, signing, *identity.found), generation=generation, now=self.now()
            ),
            signing_keys=before.signing_keys if public is None else (self._signing_key(before, public),),
            key_secret=root_key_secret(key.name),
            last_handled_reconcile_at=reconciled.metadata.reconcile_requested_at,
            **self._sums(key),
        )

    def _signing_key(self, before: TenantStatus, public: PublicRootKey) -> SigningKey:
        known = next((key for key in before.signing_keys if key.kid == public.kid), None)
        return known or SigningKey(
            kid=public.kid,
            state=SigningKeyState.SIGNING,
            not_before=self.now().replace(microsecond=0),
            public_key=public.public_pem,
        )


def _read(secret: Secret, name: str) -> PublicRootKey:
    try:
        pem = base64.b64decode((secret.get("data") or {})[ROOT_KEY_FIELD], validate=True)
        return read_public(pem)
    except KeyError:
        detail = f"it has no data key {ROOT_KEY_FIELD!r}"
    except binascii.Error:
        detail = "its data is no base64"
    except UnusableKey as error:
        detail = str(error)
    raise Problem(
        Reason.SIGNING_KEY_INVALID,
        f"Secret {name!r} holds no usable signing key: {detail}. Restore it from a backup; "
        "delete it only to have a new key, which ends trust in the old one.",
    )
