"""Which place keeps the root keys of a Tenant, as its spec says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from seatwarden.backends.google_kms import GoogleCloudKms
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.private_root_key import UnusableKey, read_public
from seatwarden.backends.remembered_root_keys import RememberedRootKeys
from seatwarden.backends.root_keys import RootKeys
from seatwarden.resources.signing import GoogleKeys, SigningProvider
from seatwarden.resources.tenant import Tenant


@dataclass(slots=True)
class RootKeyPlaces:
    """``local`` is that of the provider `Local`. ``clock`` is in seconds and only grows."""

    local: RootKeys
    google: KmsConnection
    clock: Callable[[], float]
    _in_google: dict[str, tuple[GoogleKeys, RememberedRootKeys]] = field(default_factory=dict)

    def of(self, tenant: Tenant) -> RootKeys:
        """The place of ``tenant``."""
        signing = tenant.spec.signing
        if signing.provider is SigningProvider.LOCAL or signing.google_cloud_kms is None:
            return self.local
        wanted, known = signing.google_cloud_kms, self._in_google.get(tenant.metadata.uid)
        if known is not None and known[0] == wanted:
            return known[1]
        kms = GoogleCloudKms(
            key_ring=wanted.key_ring,
            protection_level=wanted.protection_level,
            adopts=f"{wanted.key_ring}/cryptoKeys/{wanted.key}" if wanted.key is not None else None,
            connection=self.google,
        )
        # Google does not tell the public half of a version that is not enabled, and the status has it.
        for key in tenant.status.signing_keys:
            try:
                kms.remember(key.reference, read_public(key.public_key, key.algorithm))
            except UnusableKey:
                continue
        place = RememberedRootKeys(kms, self.clock)
        self._in_google[tenant.metadata.uid] = (wanted, place)
        return place

    def forget(self, tenant: Tenant) -> None:
        """The Tenant is gone."""
        self._in_google.pop(tenant.metadata.uid, None)
