"""Tenant: its root keys, the issuers that it trusts, and the sums over its Subscriptions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.root_keys import RootKeyRefused, RootKeysAway
from seatwarden.domain import findings
from seatwarden.domain.bought import declared_seats
from seatwarden.domain.pauses import pause_until, soonest
from seatwarden.domain.root_rotation import RootKeyRecord, signing
from seatwarden.reconcilers.customers import CustomerRun, Customers
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.identities import Identities, IdentityRun
from seatwarden.reconcilers.licences import longest_lease
from seatwarden.reconcilers.object_store import Entry, ObjectStore, Unreadable
from seatwarden.reconcilers.ownership import Finalizers, Problem
from seatwarden.reconcilers.revocation_lists import RevocationLists, RevocationRun
from seatwarden.reconcilers.root_keyring import (
    NOT_PUBLISHED_AGAIN_SECONDS,
    KeyringRun,
    RootKeyrings,
    told_keys,
)
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.conditions import Finding, merge_conditions
from seatwarden.resources.names import FINALIZER, jwks_config_map, root_key_secret
from seatwarden.resources.reasons import Outlook, Reason
from seatwarden.resources.signing import SigningProvider
from seatwarden.resources.tenant import Access, DeletionPolicy, Tenant, TenantStatus

log = structlog.get_logger(__name__)

STALLED_RECHECK_SECONDS = 30.0


@dataclass(slots=True)
class TenantReconciler:
    """Looks at the keys themselves at every run: what status remembers of a key is never trusted over the key."""

    store: ObjectStore
    keyrings: RootKeyrings
    revocations: RevocationLists
    finalizers: Finalizers
    status: StatusWriter
    identities: Identities
    customers: Customers
    signer_changed: Callable[[ObjectKey], None]
    now: Callable[[], datetime]

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
        run: KeyringRun | None = None
        revoked: RevocationRun | None = None
        try:
            await self.finalizers.ensure(key, tenant)
            run = await self.keyrings.turn(key, tenant, longest_lease(self.store, key))
            if run.trouble is not None:
                problem = (Reason.SIGNING_KEY_REFUSED, run.trouble)
            else:
                revoked = await self.revocations.ensure(key, tenant, run)
        except Problem as found:
            problem = (found.reason, found.message)
        identity = await self.identities.ensure(tenant)
        customer = await self.customers.ensure(key, tenant)
        current = self.store.entry(key)
        if not isinstance(current, Tenant):
            return None
        wanted = self._wanted_status(key, current, tenant, run, problem, identity, customer)
        if revoked is not None:
            wanted = wanted.model_copy(update={"revocations_expire_at": revoked.expires_at})
        await self.status.write(key, current, wanted)
        if customer is not None:
            self.customers.noted(key, current, customer)
        if _signing_kid(current.status) != _signing_kid(wanted):
            self.signer_changed(key)
        if run is not None:
            await self._tell(key, tenant, current.status, run)
        again = self._again(problem, identity, run, revoked)
        return soonest(again, customer.again_in if customer is not None else None)

    def _again(
        self,
        problem: tuple[Reason, str] | None,
        identity: IdentityRun,
        run: KeyringRun | None,
        revoked: RevocationRun | None,
    ) -> float | None:
        stalled = problem is not None and problem[0].outlook is Outlook.TERMINAL
        unpublished = (run is not None and not run.is_published) or (
            revoked is not None and not revoked.is_said
        )
        return soonest(
            STALLED_RECHECK_SECONDS if stalled else identity.again_in,
            NOT_PUBLISHED_AGAIN_SECONDS if unpublished else None,
            pause_until(run.changes_at if run is not None else None, self.now()),
            pause_until(revoked.renewed_at if revoked is not None else None, self.now()),
        )

    async def _tell(self, key: ObjectKey, tenant: Tenant, before: TenantStatus, run: KeyringRun) -> None:
        """Events of what has become of the keys since the status that was there before this run."""
        then = _signing_kid(before)
        signs = run.signs
        if then is not None and signs is not None and signs.kid != then:
            note = f"Root key {signs.kid} signs from now on, and {then} does no more."
            await self.status.event(key, tenant, Reason.SIGNING_KEY_ROTATED, note, warning=False)
        known = {each.kid for each in before.signing_keys if each.compromised}
        for record in run.records:
            if record.compromised and record.kid not in known:
                note = f"Root key {record.kid} is compromised: it signs no more, and what it signed is believed no more."
                await self.status.event(key, tenant, Reason.SIGNING_KEY_COMPROMISED, note, warning=True)

    async def _finalize(self, key: ObjectKey, entry: Entry) -> float | None:
        if FINALIZER not in entry.metadata.finalizers:
            return None
        if isinstance(entry, Tenant):
            await self.customers.farewell(entry)
            await self._forget_keys(entry)
            await self.identities.forget(entry)
        await self.finalizers.remove(key, entry)
        return None

    async def _forget_keys(self, tenant: Tenant) -> None:
        destroys = tenant.spec.deletion_policy is DeletionPolicy.DELETE
        try:
            await self.keyrings.forget(tenant, destroys=destroys)
        except (AuthorityUnavailable, RootKeysAway, RootKeyRefused) as error:
            log.warning("something of the tenant's root keys stays behind", reason=str(error))

    async def _publish_counts(self, key: ObjectKey, tenant: Tenant) -> float | None:
        await self.status.write(key, tenant, tenant.status.model_copy(update=self._sums(key)))
        return None

    def _sums(self, key: ObjectKey) -> dict[str, Any]:
        subscriptions = self.store.subscriptions_of(key.namespace, key.name)
        return {
            "subscriptions": len(subscriptions),
            "seats": sum(declared_seats(found) for found in subscriptions),
            "seats_in_use": sum(found.status.seats_in_use or 0 for found in subscriptions),
        }

    def _wanted_status(
        self,
        key: ObjectKey,
        current: Tenant,
        reconciled: Tenant,
        run: KeyringRun | None,
        problem: tuple[Reason, str] | None,
        identity: IdentityRun,
        customer: CustomerRun | None,
    ) -> TenantStatus:
        before = current.status
        generation = reconciled.metadata.generation
        told = self._findings(reconciled, run, problem, identity)
        if customer is not None:
            told = (*told, customer.found)
        return TenantStatus(
            observed_generation=generation,
            conditions=merge_conditions(before.conditions, told, generation=generation, now=self.now()),
            signing_keys=before.signing_keys if run is None else told_keys(run.records),
            key_secret=_key_secret(reconciled),
            revocations_expire_at=before.revocations_expire_at,
            jwks=before.jwks if run is None else jwks_config_map(key.name),
            stripe=customer.told if customer is not None else None,
            last_handled_portal_link_at=customer.handled_link if customer is not None else None,
            last_handled_reconcile_at=reconciled.metadata.reconcile_requested_at,
            last_handled_rotate_signing_key_at=before.last_handled_rotate_signing_key_at
            if run is None
            else run.met_request,
            **self._sums(key),
        )

    def _findings(
        self,
        tenant: Tenant,
        run: KeyringRun | None,
        problem: tuple[Reason, str] | None,
        identity: IdentityRun,
    ) -> tuple[Finding, ...]:
        in_the_way = problem or identity.problem
        access = (
            ""
            if tenant.spec.access is Access.ACTIVE
            else " Its access is suspended: no seat is granted or renewed."
        )
        ready = (
            findings.ready(f"The tenant has a key to sign with.{access}")
            if in_the_way is None
            else findings.not_ready(*in_the_way)
        )
        signs = signing(run.records) if run is not None else None
        key_ready = findings.signing_key(problem=problem, message=_said_of(signs))
        waiting = findings.signing_key_waiting(run.waits_until if run is not None else None)
        return (*ready, key_ready, *waiting, *identity.found)


def _signing_kid(status: TenantStatus) -> str | None:
    return status.signer.kid if status.signer is not None else None


def _said_of(signs: RootKeyRecord | None) -> str:
    return f"Key {signs.kid} signs." if signs is not None else "No key signs."


def _key_secret(tenant: Tenant) -> str | None:
    local = tenant.spec.signing.provider is SigningProvider.LOCAL
    return root_key_secret(tenant.metadata.name) if local else None
