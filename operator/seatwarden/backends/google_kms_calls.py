"""The calls of Google Cloud KMS that are needed, each made with a time limit, repeated where that is safe, and counted.

This is where Google's package is imported, so nothing else imports this module at its top: see `KmsConnection`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import google_crc32c
from google.api_core import exceptions as refusals
from google.cloud.kms_v1 import KeyManagementServiceAsyncClient, types

from seatwarden.backends.google_kms_model import (
    ALGORITHMS,
    SIGNING_PURPOSE,
    KmsKey,
    KmsLimits,
    KmsMethod,
    KmsVersion,
    VersionState,
)
from seatwarden.backends.google_kms_refusals import away_sentence, refused_sentence
from seatwarden.backends.google_kms_wire import (
    Damaged,
    check_transport,
    key_in,
    sign_request,
    version_in,
    versions_in,
)
from seatwarden.backends.private_root_key import UnusableKey, read_public
from seatwarden.backends.root_keys import RootKeyRefused, RootKeysAway
from seatwarden.backends.root_signatures import is_signed_by, numbers_of
from seatwarden.domain.backoff import Backoff
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm
from seatwarden.resources.signing import ProtectionLevel

T = TypeVar("T")

_PAGE_SIZE = 200
_MOST_PAGES = 50
_PASSING = (
    refusals.ServiceUnavailable,
    refusals.DeadlineExceeded,
    refusals.ResourceExhausted,
    refusals.InternalServerError,
    refusals.Aborted,
    refusals.Cancelled,
    refusals.Unknown,
)
_WITHOUT_EFFECT = (refusals.ResourceExhausted,)
"""After these it is certain that nothing was done."""


@dataclass(slots=True, kw_only=True)
class KmsCalls:
    """Every call raises `RootKeysAway` when its attempts are used up, and `RootKeyRefused` for a no that it does not speak of."""

    client: KeyManagementServiceAsyncClient
    limits: KmsLimits
    counted: Callable[[KmsMethod], None]
    jitter: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    async def close(self) -> None:
        """Close the channel."""
        closing: Awaitable[None] = self.client.transport.close()  # type: ignore[no-untyped-call]  # it has no annotations
        await closing

    async def key(self, name: str) -> KmsKey | None:
        """The CryptoKey, or None where there is none. Whether there is its key ring, this does not tell."""
        try:
            return await self._ask(
                KmsMethod.GET_CRYPTO_KEY, name, {"name": name}, key_in, expects=(refusals.NotFound,)
            )
        except refusals.NotFound:
            return None

    async def create_key(
        self, name: str, algorithm: RootAlgorithm, level: ProtectionLevel, labels: dict[str, str]
    ) -> None:
        """Create a CryptoKey with its first version, unless there is one of this name."""
        ring, key_id = name.split("/cryptoKeys/")
        template = {"algorithm": ALGORITHMS[algorithm], "protection_level": level.value}
        key = {"purpose": SIGNING_PURPOSE, "version_template": template, "labels": labels}
        request = {"parent": ring, "crypto_key_id": key_id, "crypto_key": key}
        try:
            await self._ask(
                KmsMethod.CREATE_CRYPTO_KEY, ring, request, key_in, expects=(refusals.AlreadyExists,)
            )
        except refusals.AlreadyExists:
            return

    async def set_labels(self, key: KmsKey, labels: dict[str, str]) -> KmsKey:
        """Replace all labels of a key."""
        request = {"crypto_key": {"name": key.name, "labels": labels}, "update_mask": {"paths": ["labels"]}}
        return await self._ask(KmsMethod.UPDATE_CRYPTO_KEY, key.name, request, key_in)

    async def set_algorithm(self, key: KmsKey, algorithm: RootAlgorithm) -> None:
        """Have the next versions of a key made for another algorithm; those that there are stay as they are."""
        changed = {"name": key.name, "version_template": {"algorithm": ALGORITHMS[algorithm]}}
        request = {"crypto_key": changed, "update_mask": {"paths": ["version_template.algorithm"]}}
        await self._ask(KmsMethod.UPDATE_CRYPTO_KEY, key.name, request, key_in)

    async def versions(self, key_name: str) -> list[KmsVersion]:
        """All versions of a key, the oldest first, also those that are destroyed."""
        found: list[KmsVersion] = []
        token = ""
        for _ in range(_MOST_PAGES):
            request = {"parent": key_name, "page_size": _PAGE_SIZE, "page_token": token}
            page, token = await self._ask(KmsMethod.LIST_CRYPTO_KEY_VERSIONS, key_name, request, versions_in)
            found += page
            if not token:
                # They come sorted as texts are, 10 before 2.
                return sorted(found, key=lambda version: version.number)
        raise RootKeyRefused(
            f"{key_name} has more than {_MOST_PAGES} pages of versions. Give the Tenant another key ring."
        )

    async def version(self, name: str) -> KmsVersion | None:
        """A version, or None where there is none."""
        try:
            return await self._ask(
                KmsMethod.GET_CRYPTO_KEY_VERSION,
                name,
                {"name": name},
                version_in,
                expects=(refusals.NotFound,),
            )
        except refusals.NotFound:
            return None

    async def create_version(self, key_name: str) -> KmsVersion:
        """Make another version. It is tried once, since a second try may make two; after `RootKeysAway` there may be one."""
        return await self._ask(
            KmsMethod.CREATE_CRYPTO_KEY_VERSION,
            key_name,
            {"parent": key_name},
            version_in,
            passing=_WITHOUT_EFFECT,
        )

    async def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Enable or disable a version. Disabling may take up to a minute until it is so everywhere, rarely hours."""
        state = VersionState.ENABLED if enabled else VersionState.DISABLED
        changed = {"name": name, "state": state.value}
        request = {"crypto_key_version": changed, "update_mask": {"paths": ["state"]}}
        await self._ask(KmsMethod.UPDATE_CRYPTO_KEY_VERSION, name, request, version_in)

    async def destroy(self, name: str) -> bool:
        """Schedule a version for destruction. False says that its state forbids it, or that there is no such version."""
        return await self._moved(KmsMethod.DESTROY_CRYPTO_KEY_VERSION, name)

    async def restore(self, name: str) -> bool:
        """Take a version back that is scheduled for destruction; it is disabled then. False as in `destroy`."""
        return await self._moved(KmsMethod.RESTORE_CRYPTO_KEY_VERSION, name)

    async def public_key(self, version: KmsVersion, algorithm: RootAlgorithm) -> PublicRootKey | None:
        """The public half, or None where the version is not enabled any more: then Google does not tell it."""

        def read(answer: types.PublicKey) -> str:
            pem: str = answer.pem
            if answer.name != version.name or answer.pem_crc32c != google_crc32c.value(pem.encode()):
                raise Damaged("its checksum or its name is wrong")
            return pem

        try:
            pem = await self._ask(
                KmsMethod.GET_PUBLIC_KEY,
                version.name,
                {"name": version.name},
                read,
                expects=(refusals.FailedPrecondition,),
            )
            return read_public(pem, algorithm)
        except refusals.FailedPrecondition:
            return None
        except UnusableKey as unfit:
            raise RootKeyRefused(f"The public key of {version.name} cannot be used: {unfit}.") from None

    async def sign(self, name: str, public: PublicRootKey, signed: bytes) -> bytes:
        """The signature as a JWS has it. None leaves here that does not verify under ``public``."""

        def read(answer: types.AsymmetricSignResponse) -> bytes:
            check_transport(answer, name, public.algorithm)
            signature: bytes = answer.signature
            if public.algorithm is RootAlgorithm.ES256:
                try:
                    signature = numbers_of(signature)
                except ValueError:
                    raise Damaged("it is no ECDSA signature") from None
            if not is_signed_by(public, signature, signed):
                raise Damaged("the signature does not verify under the key's public half")
            return signature

        request = sign_request(name, public.algorithm, signed)
        return await self._ask(KmsMethod.ASYMMETRIC_SIGN, name, request, read)

    async def _moved(self, method: KmsMethod, name: str) -> bool:
        expects = (refusals.FailedPrecondition, refusals.NotFound)
        try:
            await self._ask(method, name, {"name": name}, version_in, expects=expects)
        except expects:
            return False
        return True

    async def _ask(
        self,
        method: KmsMethod,
        resource: str,
        request: dict[str, Any],
        read: Callable[[Any], T],
        *,
        expects: tuple[type[Exception], ...] = (),
        passing: tuple[type[Exception], ...] = _PASSING,
    ) -> T:
        """Ask until ``read`` takes an answer. ``passing`` refusals are asked again about, ``expects`` go to the caller."""
        pauses = Backoff(first=self.limits.first_pause_seconds, longest=self.limits.longest_pause_seconds)
        send = getattr(self.client, _python_name(method))
        last: Exception | None = None
        for attempt in range(self.limits.attempts):
            if attempt:
                await self.sleep(pauses.delay(attempt - 1, self.jitter()))
            self.counted(method)
            try:
                # Google's own retries are off: they do not stop at RESOURCE_EXHAUSTED, and nobody counts them.
                return read(await send(request=request, retry=None, timeout=self.limits.attempt_seconds))
            except Damaged as error:
                last = error
            except expects:
                raise
            except refusals.GoogleAPICallError as error:
                if not isinstance(error, _PASSING):
                    raise RootKeyRefused(refused_sentence(method, resource, error)) from None
                if not isinstance(error, passing):
                    raise RootKeysAway(away_sentence(method, error)) from None
                last = error
        assert last is not None
        raise RootKeysAway(away_sentence(method, last)) from None


def _python_name(method: KmsMethod) -> str:
    return method.name.lower()
