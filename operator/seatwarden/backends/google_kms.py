"""Root keys in Google Cloud KMS: one CryptoKey for each Tenant, and one version of it for each root key.

Private halves never leave Google. The labels of a CryptoKey say whose it is, see `seatwarden.backends.google_kms_names`. All else
is read from Google each time, so a crash between any two calls leaves nothing that the next run does not see. Only public halves
are remembered, as they never change.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.google_kms_model import (
    ALGORITHMS,
    SIGNING_PURPOSE,
    KmsKey,
    KmsVersion,
    VersionState,
)
from seatwarden.backends.google_kms_names import (
    Claim,
    anothers_sentence,
    checked_crypto_key,
    checked_key_ring,
    claim_on,
    key_id_of,
    labels_of,
    labels_without_owner,
)
from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeyRefused, RootKeys, RootKeysAway
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm
from seatwarden.resources.signing import ProtectionLevel

if TYPE_CHECKING:
    from seatwarden.backends.google_kms_calls import KmsCalls

_KEPT = (VersionState.ENABLED, VersionState.DISABLED, VersionState.DESTROY_SCHEDULED)
_MAY_SIGN_AGAIN = (VersionState.ENABLED, VersionState.DISABLED)
_ALIVE = (*_MAY_SIGN_AGAIN, VersionState.PENDING_GENERATION)


@dataclass(slots=True, kw_only=True)
class GoogleCloudKms(RootKeys):
    """Keys in ``key_ring``, ``projects/…/locations/…/keyRings/…``. ``adopts`` is the full name of a CryptoKey to use instead of
    one of our own name; it has to exist.

    Raises:
        ValueError: one of the names is none.
    """

    key_ring: str
    protection_level: ProtectionLevel = ProtectionLevel.SOFTWARE
    adopts: str | None = None
    connection: KmsConnection = field(default_factory=KmsConnection)

    def __post_init__(self) -> None:
        """Check the names before anything is asked with them."""
        checked_key_ring(self.key_ring)
        if self.adopts is not None:
            checked_crypto_key(self.adopts)

    def key_name_of(self, owner: KeyOwner) -> str:
        """The full resource name of a Tenant's CryptoKey."""
        return self.adopts or f"{self.key_ring}/cryptoKeys/{key_id_of(owner)}"

    def remember(self, reference: str, public: PublicRootKey) -> None:
        """Note a key that `kept` once returned. Google does not tell the public half of a version that is not enabled."""
        self.connection.remember(reference, public)

    async def kept(self, owner: KeyOwner) -> tuple[KeptKey, ...]:
        """See `RootKeys`. A disabled version whose public half nobody has told is left out, and so are other algorithms'."""
        async with self._limited() as calls:
            key = await self._taken(calls, owner)
            if key is None:
                return ()
            self._check_fits(key)
            found = [
                await self._kept(calls, version)
                for version in await self._settled(calls, key.name)
                if version.state in _KEPT
            ]
            return tuple(each for each in found if each is not None)

    async def make(self, owner: KeyOwner, algorithm: RootAlgorithm) -> KeptKey:
        """See `RootKeys`."""
        async with self._limited() as calls:
            key, made = await self._taken(calls, owner), None
            if key is None:
                key = await self._created(calls, owner, algorithm)
                made = await self._newest(calls, key)
            self._check_fits(key)
            made = made or await self._another(calls, key, algorithm)
            return await self._finished(calls, key, made.name)

    async def sign(self, owner: KeyOwner, key: KeptKey, signed: bytes) -> bytes:
        """See `RootKeys`. The signature has been verified."""
        self._check_reference(owner, key.reference)
        async with self._limited() as calls:
            return await calls.sign(key.reference, key.public, signed)

    async def destroy(self, owner: KeyOwner, reference: str) -> None:
        """See `RootKeys`. Google destroys it after the key's own delay, 30 days where nobody chose another."""
        self._check_reference(owner, reference)
        async with self._limited() as calls:
            if await self._taken(calls, owner) is not None:
                await self._end(calls, reference)

    async def forget(self, owner: KeyOwner, *, destroys: bool) -> None:
        """See `RootKeys`. A CryptoKey that is not this Tenant's is left as it is."""
        async with self._limited() as calls:
            key = await calls.key(self.key_name_of(owner))
            if key is None or claim_on(key.labels, owner) is not Claim.OURS:
                return
            for version in await self._settled(calls, key.name) if destroys else []:
                if version.state in _MAY_SIGN_AGAIN:
                    await self._end(calls, version.name)
            # Last, since who comes back after a crash looks at this label.
            await calls.set_labels(key, labels_without_owner(key.labels))

    async def restore(self, owner: KeyOwner, reference: str) -> KeptKey:
        """Take back a key that is scheduled for destruction, and enable it. Nothing does this by itself.

        Raises:
            RootKeysAway: as everywhere.
            RootKeyRefused: as everywhere, and where the private half is gone.
        """
        self._check_reference(owner, reference)
        async with self._limited() as calls:
            key = await self._taken(calls, owner)
            await calls.restore(reference)
            version = await calls.version(reference)
            if key is None or version is None or version.state not in _MAY_SIGN_AGAIN:
                raise RootKeyRefused(f"{reference} cannot be restored: its private half is gone.")
            await calls.set_enabled(reference, enabled=True)
            return await self._finished(calls, key, reference)

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator["KmsCalls"]:
        seconds = self.connection.limits.whole_seconds
        try:
            async with asyncio.timeout(seconds):
                yield await self.connection.calls()
        except TimeoutError:
            raise RootKeysAway(f"Google Cloud KMS did not finish within {seconds:.0f} s.") from None

    async def _taken(self, calls: "KmsCalls", owner: KeyOwner) -> KmsKey | None:
        """The Tenant's CryptoKey, taken into its possession if it is nobody's; None where there is none yet."""
        name = self.key_name_of(owner)
        key = await calls.key(name)
        if key is None:
            if self.adopts is not None:
                raise RootKeyRefused(f"There is no {name}. Make it, or name one that exists.")
            return None
        match claim_on(key.labels, owner):
            case Claim.OURS:
                return key
            case Claim.FREE:
                return await calls.set_labels(key, {**key.labels, **labels_of(owner)})
            case Claim.ANOTHERS:
                raise RootKeyRefused(anothers_sentence(key))

    async def _created(self, calls: "KmsCalls", owner: KeyOwner, algorithm: RootAlgorithm) -> KmsKey:
        """The Tenant's CryptoKey. There may be one after all: of an answer that got lost, or made by somebody else meanwhile."""
        name = self.key_name_of(owner)
        await calls.create_key(name, algorithm, self.protection_level, labels_of(owner))
        key = await self._taken(calls, owner)
        if key is None:
            raise RootKeyRefused(
                f"There is no {name}, and none can be made: somebody deleted it, and Google gives no name out twice. "
                "Name another key ring, or adopt another key."
            )
        return key

    def _check_fits(self, key: KmsKey) -> None:
        if key.purpose != SIGNING_PURPOSE:
            raise RootKeyRefused(
                f"{key.name} has the purpose {key.purpose}, and {SIGNING_PURPOSE} is wanted."
            )
        if key.protection_level != self.protection_level:
            raise RootKeyRefused(
                f"{key.name} has the protection level {key.protection_level}, and {self.protection_level} is wanted. That of "
                "a key never changes: name another key ring or another key."
            )

    def _check_reference(self, owner: KeyOwner, reference: str) -> None:
        if not reference.startswith(f"{self.key_name_of(owner)}/cryptoKeyVersions/"):
            raise RootKeyRefused(f"{reference} is no version of the Tenant's key {self.key_name_of(owner)}.")

    async def _settled(self, calls: "KmsCalls", key_name: str) -> list[KmsVersion]:
        """The versions, none of which is still being generated: one that was left out would be made a second time."""
        limits = self.connection.limits
        for _ in range(limits.looks):
            versions = await calls.versions(key_name)
            if all(version.state is not VersionState.PENDING_GENERATION for version in versions):
                return versions
            await self.connection.sleep(limits.look_again_seconds)
        raise RootKeysAway(f"Google Cloud KMS is still generating a version of {key_name}.")

    async def _newest(self, calls: "KmsCalls", key: KmsKey) -> KmsVersion | None:
        alive = [version for version in await calls.versions(key.name) if version.state in _ALIVE]
        return alive[-1] if alive else None

    async def _another(self, calls: "KmsCalls", key: KmsKey, algorithm: RootAlgorithm) -> KmsVersion:
        if key.algorithm != ALGORITHMS[algorithm]:
            await calls.set_algorithm(key, algorithm)
        before = {version.name for version in await calls.versions(key.name)}
        try:
            return await calls.create_version(key.name)
        except RootKeysAway:
            made = [version for version in await calls.versions(key.name) if version.name not in before]
            if not made:
                raise
            return made[-1]

    async def _finished(self, calls: "KmsCalls", key: KmsKey, reference: str) -> KeptKey:
        versions = await self._settled(calls, key.name)
        version = next((each for each in versions if each.name == reference), None)
        kept = await self._kept(calls, version) if version is not None else None
        if kept is None:
            state = version.state if version is not None else "gone"
            raise RootKeysAway(f"Google Cloud KMS made {reference}, and it cannot be used: {state}.")
        return kept

    async def _kept(self, calls: "KmsCalls", version: KmsVersion) -> KeptKey | None:
        algorithm = version.root_algorithm
        if algorithm is None:
            return None
        public = self.connection.public_key(version.name)
        if public is None and version.state is VersionState.ENABLED:
            public = await calls.public_key(version, algorithm)
            if public is not None:
                self.connection.remember(version.name, public)
        if public is None:
            return None
        return KeptKey(
            reference=version.name,
            public=public,
            trouble=version.trouble,
            ends=version.state is VersionState.DESTROY_SCHEDULED,
        )

    async def _end(self, calls: "KmsCalls", reference: str) -> None:
        if await calls.destroy(reference):
            return
        version = await calls.version(reference)
        if version is None or version.state not in _ALIVE:
            return
        if version.state is VersionState.PENDING_GENERATION:
            raise RootKeysAway(f"Google Cloud KMS is still generating {reference}.")
        # An organisation may demand this first: the constraint cloudkms.disableBeforeDestroy.
        await calls.set_enabled(reference, enabled=False)
        if not await calls.destroy(reference):
            raise RootKeyRefused(
                f"Google Cloud KMS does not let {reference} be destroyed, though it is disabled."
            )
