"""What is said to Google Cloud KMS and heard from it, in words of our own. Nothing of Google's package is needed for this."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from seatwarden.domain.root_key import RootAlgorithm

ALGORITHMS: Mapping[RootAlgorithm, str] = {
    RootAlgorithm.RS256: "RSA_SIGN_PKCS1_4096_SHA256",
    RootAlgorithm.PS512: "RSA_SIGN_PSS_4096_SHA512",
    RootAlgorithm.ES256: "EC_SIGN_P256_SHA256",
    RootAlgorithm.EDDSA: "EC_SIGN_ED25519",
}
"""Names of ``CryptoKeyVersionAlgorithm`` (cloud.google.com/kms/docs/algorithms)."""
SIGNING_PURPOSE = "ASYMMETRIC_SIGN"


class KmsMethod(StrEnum):
    """The calls that are made, by their names in ``google.cloud.kms.v1``.

    `ASYMMETRIC_SIGN` and `GET_PUBLIC_KEY` count as cryptographic operations, `GET_CRYPTO_KEY`, `GET_CRYPTO_KEY_VERSION` and
    `LIST_CRYPTO_KEY_VERSIONS` as reads, the others as writes (cloud.google.com/kms/quotas).
    """

    GET_CRYPTO_KEY = "GetCryptoKey"
    CREATE_CRYPTO_KEY = "CreateCryptoKey"
    UPDATE_CRYPTO_KEY = "UpdateCryptoKey"
    LIST_CRYPTO_KEY_VERSIONS = "ListCryptoKeyVersions"
    GET_CRYPTO_KEY_VERSION = "GetCryptoKeyVersion"
    CREATE_CRYPTO_KEY_VERSION = "CreateCryptoKeyVersion"
    UPDATE_CRYPTO_KEY_VERSION = "UpdateCryptoKeyVersion"
    DESTROY_CRYPTO_KEY_VERSION = "DestroyCryptoKeyVersion"
    RESTORE_CRYPTO_KEY_VERSION = "RestoreCryptoKeyVersion"
    GET_PUBLIC_KEY = "GetPublicKey"
    ASYMMETRIC_SIGN = "AsymmetricSign"


ADMIN_ROLE = "roles/cloudkms.admin"
SIGNING_ROLE = "roles/cloudkms.signerVerifier"
PERMISSIONS: Mapping[KmsMethod, tuple[str, str]] = {
    KmsMethod.GET_CRYPTO_KEY: ("cloudkms.cryptoKeys.get", ADMIN_ROLE),
    KmsMethod.CREATE_CRYPTO_KEY: ("cloudkms.cryptoKeys.create", ADMIN_ROLE),
    KmsMethod.UPDATE_CRYPTO_KEY: ("cloudkms.cryptoKeys.update", ADMIN_ROLE),
    KmsMethod.LIST_CRYPTO_KEY_VERSIONS: ("cloudkms.cryptoKeyVersions.list", ADMIN_ROLE),
    KmsMethod.GET_CRYPTO_KEY_VERSION: ("cloudkms.cryptoKeyVersions.get", ADMIN_ROLE),
    KmsMethod.CREATE_CRYPTO_KEY_VERSION: ("cloudkms.cryptoKeyVersions.create", ADMIN_ROLE),
    KmsMethod.UPDATE_CRYPTO_KEY_VERSION: ("cloudkms.cryptoKeyVersions.update", ADMIN_ROLE),
    KmsMethod.DESTROY_CRYPTO_KEY_VERSION: ("cloudkms.cryptoKeyVersions.destroy", ADMIN_ROLE),
    KmsMethod.RESTORE_CRYPTO_KEY_VERSION: ("cloudkms.cryptoKeyVersions.restore", ADMIN_ROLE),
    KmsMethod.GET_PUBLIC_KEY: ("cloudkms.cryptoKeyVersions.viewPublicKey", SIGNING_ROLE),
    KmsMethod.ASYMMETRIC_SIGN: ("cloudkms.cryptoKeyVersions.useToSign", SIGNING_ROLE),
}
"""What each call needs, and the role of Google's that has it (cloud.google.com/iam/docs/roles-permissions/cloudkms)."""


class VersionState(StrEnum):
    """``CryptoKeyVersionState``. `OTHER` are those of imported and external keys, with which nothing is done here."""

    PENDING_GENERATION = "PENDING_GENERATION"
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROY_SCHEDULED = "DESTROY_SCHEDULED"
    DESTROYED = "DESTROYED"
    GENERATION_FAILED = "GENERATION_FAILED"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsLimits:
    """How long and how often is tried. Times are seconds.

    ``whole_seconds`` is for one call of `RootKeys`, which makes several calls of Google's, each ``attempts`` times at most. A new
    version is looked at ``looks`` times until it has been generated: an RSA key in an HSM takes some seconds.
    """

    attempt_seconds: float = 10.0
    attempts: int = 4
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 4.0
    look_again_seconds: float = 0.5
    looks: int = 30
    whole_seconds: float = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsKey:
    """A CryptoKey. ``algorithm`` and ``protection_level`` are those of its next version."""

    name: str
    purpose: str
    algorithm: str
    protection_level: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsVersion:
    """A version of a CryptoKey: one key pair."""

    name: str
    state: VersionState
    algorithm: str
    ends_at: str | None = None
    """When its private half is destroyed, as a person reads it, where that is planned."""

    @property
    def number(self) -> int:
        """They are counted from 1, in the order in which they were made."""
        return int(self.name.rsplit("/", 1)[-1])

    @property
    def root_algorithm(self) -> RootAlgorithm | None:
        """How it signs, or None where it is not one of `ALGORITHMS`."""
        return next((ours for ours, theirs in ALGORITHMS.items() if theirs == self.algorithm), None)

    @property
    def trouble(self) -> str | None:
        """Why it cannot sign and who can change that, or None where it can."""
        if self.state is VersionState.ENABLED:
            return None
        if self.state is VersionState.DISABLED:
            return f"Somebody disabled {self.name}. Who administers Cloud KMS can enable it again."
        return (
            f"{self.name} is scheduled for destruction at {self.ends_at}. Until then who administers Cloud KMS can restore "
            "it and enable it."
        )
