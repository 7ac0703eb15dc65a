"""What a Tenant's root key must look like, and what is said about it in public."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from seatwarden.resources.signing import RootAlgorithm

__all__ = ["RSA_BITS", "RSA_EXPONENT", "PublicRootKey", "RootAlgorithm", "kid_of"]

RSA_BITS = 4096
RSA_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class PublicRootKey:
    """The public half of a root key. ``kid`` is derived from the key itself, so it names the same key everywhere.

    ``jwk`` has the members of RFC 7517 that tell the key, with ``alg``, ``kid`` and ``use``.
    """

    kid: str
    algorithm: RootAlgorithm
    public_pem: str
    jwk: Mapping[str, str]


def kid_of(public_der: bytes) -> str:
    """The id of a key, by its SubjectPublicKeyInfo (DER): the first 16 hex characters of its SHA-256."""
    return hashlib.sha256(public_der).hexdigest()[:16]
