"""Has a signed revocation list for each Tenant, also where it names nothing."""

from dataclasses import dataclass
from datetime import datetime

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.domain.revocation_list import REVOCATIONS, RevocationTerms
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.root_keyring import KeyringRun, RootKeyrings, told_keys
from seatwarden.resources.names import REVOCATIONS_FIELD
from seatwarden.resources.tenant import Tenant


@dataclass(frozen=True, slots=True)
class RevocationRun:
    """Until when the list counts that there is. ``is_said``: Redis has it."""

    expires_at: datetime
    is_said: bool

    @property
    def renewed_at(self) -> datetime:
        """When the next one is signed, if nothing else changes."""
        return self.expires_at - REVOCATIONS.renewed_before


@dataclass(slots=True)
class RevocationLists:
    """The list is kept beside the public keys, and believed to be the one that was signed last."""

    published: PublishedKeys
    keyrings: RootKeyrings

    async def ensure(self, key: ObjectKey, tenant: Tenant, run: KeyringRun) -> RevocationRun | None:
        """Have a list that says what is revoked; None where no key signs.

        Raises:
            Problem: the key cannot sign, or the ConfigMap is somebody else's.
        """
        signs = run.signs
        if signs is None:
            return None
        [signer] = told_keys([signs])
        wanted = tenant.spec.signing
        told = (each.kid for each in run.records if each.compromised)
        claims = RevocationTerms(
            tenant_uid=tenant.metadata.uid,
            keys=[*wanted.compromised, *told],
            leases=wanted.revoked_leases,
        ).claims()
        before = await self.published.read(key, REVOCATIONS_FIELD) or ""
        text, written = await self.keyrings.document(tenant, signer, REVOCATIONS, claims, before=before)
        try:
            await self.published.publish_revocations(key, tenant, text, before=before)
        except AuthorityUnavailable:
            return RevocationRun(written.expires_at, is_said=False)
        return RevocationRun(written.expires_at, is_said=True)
