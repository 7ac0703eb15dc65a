"""What a stand-in of Google Cloud KMS knows and does: key rings, keys, versions and their states, as the service documents them.

It speaks the service's own messages. Which code is answered when was taken from the contract tests of Google's fakekms
(github.com/GoogleCloudPlatform/kms-integrations), which its authors also run against the service. Texts of errors are its own.
"""

import datetime as dt
import re
from dataclasses import dataclass, field

import google_crc32c
import grpc
from google.cloud.kms_v1 import types

from tests.kms.fake_keys import PrivateKey, hash_of, is_known, new_private_key, public_pem, signature_of

State = types.CryptoKeyVersion.CryptoKeyVersionState
Purpose = types.CryptoKey.CryptoKeyPurpose
_ID = re.compile(r"[A-Za-z0-9_-]{1,63}")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64
DEFAULT_DELAY = dt.timedelta(days=30)
"""How long a version is scheduled for destruction, unless its key says otherwise."""


class Refusal(Exception):
    """An answer that is a code and a text."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class StoredVersion:
    """A version with its private half, which is None once that is destroyed. ``looks_left`` until it has been generated."""

    told: types.CryptoKeyVersion
    private: PrivateKey | None
    looks_left: int = 0


@dataclass(slots=True)
class FakeKms:
    """One method for each call, by its name; the rest is for tests. ``looks`` is how often a new version is seen pending,
    ``retired`` are names of keys that were deleted."""

    rings: set[str] = field(default_factory=set)
    keys: dict[str, types.CryptoKey] = field(default_factory=dict)
    versions: dict[str, StoredVersion] = field(default_factory=dict)
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    retired: set[str] = field(default_factory=set)
    looks: int = 0
    largest_page: int = 1000
    disables_before_destroying: bool = False

    def versions_of(self, key_name: str) -> list[StoredVersion]:
        """The versions of a key, sorted as texts are."""
        return [self.versions[name] for name in sorted(self.versions) if name.startswith(f"{key_name}/")]

    def set_state(self, version: str, state: int) -> None:
        """Somebody else changes a version."""
        self.versions[version].told.state = State(state)

    def pass_time(self, time: dt.timedelta) -> None:
        """What is due by then is destroyed."""
        self.now += time
        for version in self.versions.values():
            if version.told.state == State.DESTROY_SCHEDULED and version.told.destroy_time <= self.now:
                version.told.state, version.private = State(State.DESTROYED), None
                version.told.destroy_event_time = version.told.destroy_time

    def get_crypto_key(self, request: types.GetCryptoKeyRequest) -> types.CryptoKey:
        """Without a primary version, as keys that sign have none."""
        return self._key(request.name)

    def create_crypto_key(self, request: types.CreateCryptoKeyRequest) -> types.CryptoKey:
        """With its first version, unless that is not wanted."""
        if not _ID.fullmatch(request.crypto_key_id):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "crypto_key_id")
        if request.crypto_key.purpose != Purpose.ASYMMETRIC_SIGN:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "crypto_key.purpose")
        if request.parent not in self.rings:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"KeyRing {request.parent} not found.")
        name = f"{request.parent}/cryptoKeys/{request.crypto_key_id}"
        if name in self.keys or name in self.retired:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"CryptoKey {name} already exists.")
        _check_labels(dict(request.crypto_key.labels))
        _check_algorithm(request.crypto_key.version_template.algorithm.name)
        self.keys[name] = types.CryptoKey(
            name=name,
            purpose=request.crypto_key.purpose,
            create_time=self.now,
            version_template=request.crypto_key.version_template,
            labels=request.crypto_key.labels,
            destroy_scheduled_duration=request.crypto_key.destroy_scheduled_duration or DEFAULT_DELAY,
        )
        if not request.skip_initial_version_creation:
            self._new_version(self.keys[name])
        return self.keys[name]

    def update_crypto_key(self, request: types.UpdateCryptoKeyRequest) -> types.CryptoKey:
        """Only what the mask names, and only what may change."""
        key = self._key(request.crypto_key.name)
        for path in _paths(request.update_mask.paths, {"labels", "version_template.algorithm"}):
            if path == "labels":
                _check_labels(dict(request.crypto_key.labels))
                key.labels = request.crypto_key.labels
            else:
                _check_algorithm(request.crypto_key.version_template.algorithm.name)
                key.version_template.algorithm = request.crypto_key.version_template.algorithm
        return key

    def list_crypto_key_versions(
        self, request: types.ListCryptoKeyVersionsRequest
    ) -> types.ListCryptoKeyVersionsResponse:
        """A page of them; its token is where the next one begins."""
        versions = self.versions_of(self._key(request.parent).name)
        for version in versions:
            self._look_at(version)
        start, size = int(request.page_token or 0), min(request.page_size or 100, self.largest_page)
        more = start + size < len(versions)
        return types.ListCryptoKeyVersionsResponse(
            crypto_key_versions=[version.told for version in versions[start : start + size]],
            next_page_token=str(start + size) if more else "",
            total_size=len(versions),
        )

    def get_crypto_key_version(self, request: types.GetCryptoKeyVersionRequest) -> types.CryptoKeyVersion:
        """One of them."""
        version = self._version(request.name)
        self._look_at(version)
        return version.told

    def create_crypto_key_version(
        self, request: types.CreateCryptoKeyVersionRequest
    ) -> types.CryptoKeyVersion:
        """By the key's template. A second call makes a second one."""
        return self._new_version(self._key(request.parent)).told

    def update_crypto_key_version(
        self, request: types.UpdateCryptoKeyVersionRequest
    ) -> types.CryptoKeyVersion:
        """Enabled or disabled, from either of the two."""
        version, wanted = self._version(request.crypto_key_version.name), request.crypto_key_version.state
        _paths(request.update_mask.paths, {"state"})
        if wanted not in (State.ENABLED, State.DISABLED):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "crypto_key_version.state")
        self._must_be(version, State.ENABLED, State.DISABLED)
        version.told.state = wanted
        return version.told

    def destroy_crypto_key_version(
        self, request: types.DestroyCryptoKeyVersionRequest
    ) -> types.CryptoKeyVersion:
        """Later, after the key's delay."""
        version = self._version(request.name)
        allowed = (State.DISABLED,) if self.disables_before_destroying else (State.ENABLED, State.DISABLED)
        self._must_be(version, *allowed)
        key = self._key(request.name.split("/cryptoKeyVersions/")[0])
        version.told.state = State(State.DESTROY_SCHEDULED)
        version.told.destroy_time = self.now + key.destroy_scheduled_duration
        return version.told

    def restore_crypto_key_version(
        self, request: types.RestoreCryptoKeyVersionRequest
    ) -> types.CryptoKeyVersion:
        """Disabled, as long as it has not been destroyed."""
        version = self._version(request.name)
        self._must_be(version, State.DESTROY_SCHEDULED)
        told = version.told
        version.told = types.CryptoKeyVersion(
            name=told.name,
            algorithm=told.algorithm,
            protection_level=told.protection_level,
            create_time=told.create_time,
            state=State.DISABLED,
        )
        return version.told

    def get_public_key(self, request: types.GetPublicKeyRequest) -> types.PublicKey:
        """Only of a version that is enabled."""
        version = self._version(request.name)
        self._must_be(version, State.ENABLED)
        assert version.private is not None
        pem = public_pem(version.private)
        return types.PublicKey(
            name=request.name,
            pem=pem,
            pem_crc32c=google_crc32c.value(pem.encode()),
            algorithm=version.told.algorithm,
            protection_level=version.told.protection_level,
        )

    def asymmetric_sign(self, request: types.AsymmetricSignRequest) -> types.AsymmetricSignResponse:
        """A digest, or data, whichever the algorithm takes here: with its checksum verified where that is told."""
        version = self._version(request.name)
        self._must_be(version, State.ENABLED)
        assert version.private is not None
        algorithm = version.told.algorithm.name
        content, checksum = _content_of(request, hash_of(algorithm))
        if checksum is not None and checksum != google_crc32c.value(content):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "checksum")
        signature = signature_of(version.private, algorithm, content)
        return types.AsymmetricSignResponse(
            name=request.name,
            signature=signature,
            signature_crc32c=google_crc32c.value(signature),
            verified_digest_crc32c=request.digest_crc32c is not None,
            verified_data_crc32c=request.data_crc32c is not None,
            protection_level=version.told.protection_level,
        )

    def _new_version(self, key: types.CryptoKey) -> StoredVersion:
        number = len(self.versions_of(key.name)) + 1
        told = types.CryptoKeyVersion(
            name=f"{key.name}/cryptoKeyVersions/{number}",
            state=State.PENDING_GENERATION if self.looks else State.ENABLED,
            algorithm=key.version_template.algorithm,
            protection_level=key.version_template.protection_level,
            create_time=self.now,
        )
        private = new_private_key(key.version_template.algorithm.name)
        self.versions[told.name] = StoredVersion(told, private, self.looks)
        return self.versions[told.name]

    def _look_at(self, version: StoredVersion) -> None:
        if version.told.state == State.PENDING_GENERATION:
            version.looks_left -= 1
            if version.looks_left < 0:
                version.told.state = State(State.ENABLED)

    def _key(self, name: str) -> types.CryptoKey:
        if name not in self.keys:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"CryptoKey {name} not found.")
        return self.keys[name]

    def _version(self, name: str) -> StoredVersion:
        if name not in self.versions:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"CryptoKeyVersion {name} not found.")
        return self.versions[name]

    @staticmethod
    def _must_be(version: StoredVersion, *states: int) -> None:
        if version.told.state not in states:
            text = f"{version.told.name} is {version.told.state.name}."
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, text)


def _content_of(request: types.AsymmetricSignRequest, hashed: str | None) -> tuple[bytes, int | None]:
    if hashed is None:
        if "digest" in request or not request.data:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "This algorithm takes data.")
        return request.data, request.data_crc32c
    digest: bytes = getattr(request.digest, hashed)
    if not digest or request.data:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"The stand-in wants a digest.{hashed}.")
    return digest, request.digest_crc32c


def _paths(paths: list[str], allowed: set[str]) -> list[str]:
    if not paths or not set(paths) <= allowed:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "update_mask")
    return list(paths)


def _check_algorithm(name: str) -> None:
    if not is_known(name):
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"no algorithm {name}")


def _check_labels(labels: dict[str, str]) -> None:
    fits = all(_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value) for key, value in labels.items())
    if len(labels) > _MOST_LABELS or not fits:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "labels")
