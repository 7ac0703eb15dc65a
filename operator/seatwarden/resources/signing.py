"""How a Tenant's licences are signed: what is wanted of its root keys, and where each is in its life."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from seatwarden.resources.base import Bool, Count, Instant, Model, SpecModel
from seatwarden.resources.rules import DurationBetween, ListSet, Matches, Rule

_KeyId = Annotated[
    str, Field(max_length=16), Matches("^[0-9a-f]{16}$", "must be the id of a key, 16 hex characters")
]


_LeaseId = Annotated[
    str, Field(max_length=32), Matches("^[0-9a-f]{32}$", "must be the id of a lease, 32 hex characters")
]


class RootAlgorithm(StrEnum):
    """How a root key signs: a name of RFC 7518 section 3.1, or of RFC 8037 for Ed25519. RSA keys have 4096 bits."""

    RS256 = "RS256"
    PS512 = "PS512"
    ES256 = "ES256"
    EDDSA = "EdDSA"


class SigningProvider(StrEnum):
    """Where a root key lives."""

    LOCAL = "Local"
    GOOGLE_CLOUD_KMS = "GoogleCloudKMS"


class ProtectionLevel(StrEnum):
    """Where Google keeps the private half of a key."""

    SOFTWARE = "SOFTWARE"
    HSM = "HSM"


class SigningKeyState(StrEnum):
    """Where a signing key is in its life: Pending, Published, Signing, Retiring, Retired, in this order."""

    PENDING = "Pending"
    PUBLISHED = "Published"
    SIGNING = "Signing"
    RETIRING = "Retiring"
    RETIRED = "Retired"


class GoogleKeys(SpecModel):
    """Root keys in Google Cloud KMS."""

    key_ring: Annotated[
        str,
        Field(max_length=512),
        Matches(
            "^projects/[^/]+/locations/[^/]+/keyRings/[A-Za-z0-9_-]{1,63}$",
            'must be the full name of a key ring, such as "projects/p/locations/europe-west3/keyRings/licences"',
        ),
    ]
    """The key ring, projects/…/locations/…/keyRings/…. It has to exist."""
    protection_level: ProtectionLevel = ProtectionLevel.SOFTWARE
    """SOFTWARE or HSM. That of a key cannot be changed. Default SOFTWARE."""
    key: (
        Annotated[
            str,
            Field(max_length=63),
            Matches("^[A-Za-z0-9_-]{1,63}$", "must be the name of a key in the key ring"),
        ]
        | None
    ) = None
    """Name of a key in the key ring to use. Without it, a key is made and named after the Tenant."""


class Signing(SpecModel):
    """Where the customer's root keys live, which sign licences, and how they are replaced."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.provider) || self.provider != 'GoogleCloudKMS' || has(self.googleCloudKMS)",
            message="must say which key ring to use, where provider is GoogleCloudKMS",
            at="googleCloudKMS",
            holds=lambda it: (
                it.provider is not SigningProvider.GOOGLE_CLOUD_KMS or it.google_cloud_kms is not None
            ),
        ),
    )

    provider: SigningProvider = SigningProvider.LOCAL
    """Who keeps the root keys. Local keeps them in a Secret of this namespace, named after the Tenant; GoogleCloudKMS
    keeps them in Google Cloud. Default Local."""
    google_cloud_kms: Annotated[GoogleKeys | None, Field(alias="googleCloudKMS")] = None
    """Where in Google Cloud KMS. Needed where provider is GoogleCloudKMS."""
    algorithm: RootAlgorithm = RootAlgorithm.RS256
    """How root keys sign: RS256 or PS512 with 4096 bits, ES256, or EdDSA. Another one replaces the key that signs.
    Default RS256."""
    rotation_period: Annotated[timedelta, DurationBetween("168h", "87600h")] | None = None
    """After how long a root key is replaced by itself, such as 2160h, which are 90 days. Without it, on request only, by
    the annotation seatwarden.dev/rotate-signing-key-requested-at."""
    compromised: Annotated[tuple[_KeyId, ...], Field(max_length=16), ListSet()] = ()
    """Ids of keys that somebody else may have, root keys or lease keys. Root keys sign no more and are believed no more, at
    once; all are in the revocation list."""
    revoked_leases: Annotated[tuple[_LeaseId, ...], Field(max_length=256), ListSet()] = ()
    """Ids of leases that count no more for programs that verify offline, such as those of seats that were borrowed and are
    lost; up to 256."""


class SigningKey(Model):
    """The public half of a key that signs, or has signed, this customer's licences."""

    kid: Annotated[str, Field(max_length=64)]
    """Id of the key, as in the header of what it signed."""
    state: SigningKeyState
    """Where the key is in its life. Only the one that is Signing signs."""
    state_since: Instant
    """Since when it is there."""
    algorithm: RootAlgorithm
    """How it signs."""
    reference: Annotated[str, Field(max_length=512)]
    """What its private half is called where it is kept."""
    longest_lease_seconds: Count = 0
    """The longest time for which a lease may count that one of its documents certifies. Default 0."""
    compromised: Bool = False
    """Whether spec.signing.compromised names it. Default false."""
    public_key: Annotated[str, Field(max_length=4096)]
    """The public key in PEM."""
