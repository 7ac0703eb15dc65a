"""The licence document of a Subscription: what was bought, and which lease keys speak for it.

A compact JWS (RFC 7515) signed by the Tenant's root key. It is signed anew where it says something else, where another key
signs, and `RENEWED_BEFORE` its end.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from seatwarden.domain.root_key import RootAlgorithm

TOKEN_TYPE = "seat-licence+jwt"  # noqa: S105  a media type, as RFC 8725 section 3.11 wants one of its own
DOCUMENT_LIFE = timedelta(days=30)
RENEWED_BEFORE = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class LeaseKey:
    """The public key that signs the leases of a pool. ``x`` is as in RFC 8037: 32 bytes in base64url."""

    kid: str
    x: str
    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceTerms:
    """What a document says, but for when it says so."""

    tenant_uid: str
    subscription_uid: str
    tenant: str
    namespace: str
    subscription: str
    plan: str
    seats: int
    entitlements: Mapping[str, object]
    offline_grace: timedelta
    longest_lease: timedelta
    valid_until: datetime | None
    lease_keys: Sequence[LeaseKey]

    def claims(self) -> dict[str, object]:
        """As they are written, in one order."""
        claims: dict[str, object] = {
            "iss": self.tenant_uid,
            "sub": self.subscription_uid,
            "tenant": self.tenant,
            "namespace": self.namespace,
            "subscription": self.subscription,
            "plan": self.plan,
            "seats": self.seats,
            "entitlements": dict(sorted(self.entitlements.items())),
            "offline_grace": int(self.offline_grace.total_seconds()),
            "longest_lease": int(self.longest_lease.total_seconds()),
            "lease_keys": [
                {"kid": each.kid, "x": each.x, "pool": each.pool}
                for each in sorted(self.lease_keys, key=lambda each: (each.pool, each.kid))
            ],
        }
        if self.valid_until is not None:
            claims["valid_until"] = int(self.valid_until.timestamp())
        return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """What a document that we wrote ourselves says. ``claims`` are all but the instants."""

    kid: str
    issued_at: datetime
    expires_at: datetime
    claims: Mapping[str, object]

    def is_as(self, terms: LicenceTerms, kid: str, now: datetime) -> bool:
        """Does it say what is to be said, by the key that signs, and for long enough?"""
        counts = self.issued_at <= now < self.expires_at - RENEWED_BEFORE
        return counts and self.kid == kid and self.claims == terms.claims()


def document_input(terms: LicenceTerms, *, algorithm: RootAlgorithm, kid: str, now: datetime) -> bytes:
    """What is to be signed for a document that counts from ``now`` on."""
    issued_at = int(now.timestamp())
    until = issued_at + int(DOCUMENT_LIFE.total_seconds())
    header = {"alg": algorithm.value, "kid": kid, "typ": TOKEN_TYPE}
    return _encode(header) + b"." + _encode({**terms.claims(), "iat": issued_at, "exp": until})


def signed_document(signed: bytes, signature: bytes) -> str:
    """The document of `document_input` and its signature."""
    return (signed + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


def read_written(text: str) -> WrittenDocument | None:
    """What ``text`` says, or None where it is no document. Its signature is not looked at: only its writer may use this."""
    header, _, rest = text.partition(".")
    match _decoded(header), _decoded(rest.partition(".")[0]):
        case {"kid": str(kid)}, {"iat": int(issued_at), "exp": int(expires_at), **others}:
            return WrittenDocument(
                kid=kid,
                issued_at=datetime.fromtimestamp(issued_at, UTC),
                expires_at=datetime.fromtimestamp(expires_at, UTC),
                claims={str(name): value for name, value in others.items()},
            )
    return None


def _encode(value: object) -> bytes:
    return urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=")


def _decoded(part: str) -> object:
    try:
        return orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
