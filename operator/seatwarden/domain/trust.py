"""Whom a Tenant trusts to say who a program is: issuers of tokens, their public keys, and the subjects that may take seats.

The operator puts this into Redis and the endpoint reads it there, so both ends of that way are here. What an issuer
publishes is read strictly: a key that is too weak, of another kind or without an id is left out, since whatever is
kept here opens pools.
"""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

import orjson

from seatwarden.domain.seats import PoolUid

KEYS_LIMIT = 32
KEY_ID_LIMIT = 256
CLUSTER = "cluster"
"""The source of the keys of the cluster's own issuer."""
LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 8192
_P256_BYTES = 32


class Algorithm(StrEnum):
    """The signatures that are believed. Which one a token has follows from the key, never from the token."""

    RS256 = "RS256"
    ES256 = "ES256"


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key of an issuer. ``numbers`` are RSA's n and e, or the x and y of a point of P-256, in base64url."""

    kid: str
    algorithm: Algorithm
    numbers: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An issuer with its keys, and what a token of it must say. ``subjects`` are patterns: ``*`` stands for any text.

    ``source`` is where the keys were read: an address, `CLUSTER`, or empty for OpenID Connect Discovery.
    """

    issuer: str
    source: str = ""
    audience: str
    subjects: tuple[str, ...]
    keys: tuple[IssuerKey, ...]

    def key(self, kid: str) -> IssuerKey | None:
        """The key with that id."""
        return next((key for key in self.keys if key.kid == kid), None)

    def admits(self, subject: str) -> bool:
        """Does one of the patterns fit the whole of ``subject``?"""
        return any(_fits(pattern, subject) for pattern in self.subjects)


Trust = tuple[TrustedIssuer, ...]
"""All issuers of one Tenant."""


@dataclass(frozen=True, slots=True)
class Door:
    """Which pool has a name at the moment, and whose it is."""

    pool: PoolUid
    tenant_uid: str


def write_trust(trust: Trust) -> str:
    """``trust`` as text; the same trust gives the same text."""
    return orjson.dumps([asdict(issuer) for issuer in trust]).decode()


def read_trust(text: str | bytes) -> Trust:
    """What `write_trust` wrote.

    Raises:
        ValueError: it is of another version, or no such text.
    """
    try:
        return tuple(
            TrustedIssuer(
                issuer=one["issuer"],
                source=one["source"],
                audience=one["audience"],
                subjects=tuple(one["subjects"]),
                keys=tuple(
                    IssuerKey(key["kid"], Algorithm(key["algorithm"]), (key["numbers"][0], key["numbers"][1]))
                    for key in one["keys"]
                ),
            )
            for one in orjson.loads(text)
        )
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("it is no trust of this version") from error


def write_door(door: Door) -> str:
    """``door`` as text."""
    return f"{door.pool} {door.tenant_uid}"


def read_door(text: str) -> Door:
    """What `write_door` wrote.

    Raises:
        ValueError: it is no such text.
    """
    pool, tenant_uid = text.split(" ")
    return Door(PoolUid(pool), tenant_uid)


def read_key_set(raw: bytes) -> tuple[IssuerKey, ...]:
    """The keys of a JSON Web Key Set (RFC 7517) that can verify tokens here, in the order of their ids.

    Raises:
        ValueError: it is no such set, or has no usable key, or more than `KEYS_LIMIT`. The message does not quote it.
    """
    try:
        found = orjson.loads(raw)["keys"]
        usable = {key.kid: key for key in map(_issuer_key, found) if key is not None}
    except (ValueError, LookupError, TypeError):
        raise ValueError("it is no JSON Web Key Set") from None
    if not usable:
        raise ValueError("it has no key with an id for RS256 (2048 bits or more) or ES256")
    if len(usable) > KEYS_LIMIT:
        raise ValueError(f"it has more than {KEYS_LIMIT} keys")
    return tuple(usable[kid] for kid in sorted(usable))


def _issuer_key(jwk: object) -> IssuerKey | None:
    match jwk:
        case {"use": use} if use != "sig":
            return None
        case {"kty": "RSA", "kid": str(kid), "n": str(n), "e": str(e), **rest}:
            fits = LEAST_RSA_BITS <= _bits(n) <= MOST_RSA_BITS and 2 <= _bits(e) <= 32  # noqa: PLR2004  3 to 2**32
            algorithm, numbers = Algorithm.RS256, (n, e)
        case {"kty": "EC", "crv": "P-256", "kid": str(kid), "x": str(x), "y": str(y), **rest}:
            fits = all(len(_decode(part)) == _P256_BYTES for part in (x, y))
            algorithm, numbers = Algorithm.ES256, (x, y)
        case _:
            return None
    if not fits or not 0 < len(kid) <= KEY_ID_LIMIT or rest.get("alg", algorithm) != algorithm:
        return None
    return IssuerKey(kid, algorithm, numbers)


def number(text: str) -> int:
    """The number that base64url ``text`` is, the highest byte first."""
    return int.from_bytes(_decode(text))


def _bits(text: str) -> int:
    return number(text).bit_length()


def _decode(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _fits(pattern: str, subject: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return subject == pattern
    *middle, last = others
    ends = len(subject) - len(last)
    if ends < len(first) or not (subject.startswith(first) and subject.endswith(last)):
        return False
    return _in_order(middle, subject[len(first) : ends])


def _in_order(texts: Iterable[str], within: str) -> bool:
    # The leftmost place of each leaves most room for the next, so nothing has to be tried twice.
    at = 0
    for text in texts:
        at = within.find(text, at)
        if at < 0:
            return False
        at += len(text)
    return True
