"""What a Tenant's root key must look like, and what is said about it in public."""

import hashlib
from dataclasses import dataclass

ROOT_KEY_BITS = 4096
ROOT_KEY_ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True)
class PublicRootKey:
    """The public half of a root key. ``kid`` is derived from the key itself, so it names the same key everywhere."""

    kid: str
    public_pem: str


def public_root_key(public_der: bytes, public_pem: str) -> PublicRootKey:
    """Name a key by its SubjectPublicKeyInfo (DER): the first 16 hex characters of its SHA-256."""
    return PublicRootKey(kid=hashlib.sha256(public_der).hexdigest()[:16], public_pem=public_pem)
