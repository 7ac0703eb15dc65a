"""Documents that a root key signs: how they are written, and when one has to be written anew.

A document is a compact JWS (RFC 7515) of a type of its own, as RFC 8725 section 3.11 wants it. It is signed anew where it says
something else, where another key signs, and some time before its end.
"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from seatwarden.domain.compact_jws import signing_bytes
from seatwarden.domain.root_key import RootAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKind:
    """What all documents of a kind have in common: for how long one counts, and how long before its end the next is signed."""

    token_type: str
    life: timedelta
    renewed_before: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """What a document that we wrote ourselves says. ``claims`` are all but the instants."""

    kid: str
    issued_at: datetime
    expires_at: datetime
    claims: Mapping[str, object]

    def is_as(self, kind: DocumentKind, claims: Mapping[str, object], kid: str, now: datetime) -> bool:
        """Does it say what is to be said, by the key that signs, and for long enough?"""
        counts = self.issued_at <= now < self.expires_at - kind.renewed_before
        return counts and self.kid == kid and self.claims == claims


def document_input(
    kind: DocumentKind, claims: Mapping[str, object], *, algorithm: RootAlgorithm, kid: str, now: datetime
) -> bytes:
    """What is to be signed for a document that counts from ``now`` on."""
    issued_at = int(now.timestamp())
    until = issued_at + int(kind.life.total_seconds())
    header = {"alg": algorithm.value, "kid": kid, "typ": kind.token_type}
    return signing_bytes(header, {**claims, "iat": issued_at, "exp": until})


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


def _decoded(part: str) -> object:
    try:
        return orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
