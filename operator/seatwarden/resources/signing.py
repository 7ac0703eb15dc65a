"""How a Tenant's licences are signed: what is wanted of its root keys, and where each is in its life."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from seatwarden.resources.base import Bool, Count, Instant, Model, SpecModel
from seatwarden.resources.rules import DurationBetween, ListSet, Matches

_KeyId = Annotated[
    str, Field(max_length=16), Matches("^[0-9a-f]{16}$", "must be the id of a key, 16 hex characters")
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


class SigningKeyState(StrEnum):
    """Where a signing key is in its life: Pending, Published, Signing, Retiring, Retired, in this order."""

    PENDING = "Pending"
    PUBLISHED = "Published"
    SIGNING = "Signing"
    RETIRING = "Retiring"
    RETIRED = "Retired"


class Signing(SpecModel):
    """Where the customer's root keys live, which sign licences, and how they are replaced."""

    provider: SigningProvider = SigningProvider.LOCAL
    """Who keeps the root keys. Local keeps them in a Secret of this namespace, named after the Tenant. Default
    Local."""
    algorithm: RootAlgorithm = RootAlgorithm.RS256
    """How root keys sign: RS256 or PS512 with 4096 bits, ES256, or EdDSA. Another one replaces the key that signs.
    Default RS256."""
    rotation_period: Annotated[timedelta, DurationBetween("168h", "87600h")] | None = None
    """After how long a root key is replaced by itself, such as 2160h, which are 90 days. Without it, on request only, by
    the annotation seatwarden.dev/rotate-signing-key-requested-at."""
    compromised: Annotated[tuple[_KeyId, ...], Field(max_length=16), ListSet()] = ()
    """Ids of keys that somebody else may have. They sign no more and are believed no more, at once."""


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
