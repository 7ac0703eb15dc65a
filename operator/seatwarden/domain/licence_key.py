"""Licence keys: ``LIC-<pool>-<secret>``.

The pool part is the pool's whole UUID in base32 (26 characters), so nothing has to be looked up to find the pool, and the
secret part is 160 random bits (32 characters). Both use RFC 4648 base32 in lower case without padding. 63 characters in all.
Only the SHA-256 of the whole key is ever stored outside the key's own Secret.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

from seatwarden.domain.seats import PoolUid

SECRET_BYTES = 20
KEY_ID_LENGTH = 10
_KEY = re.compile(r"LIC-([a-z2-7]{26})-([a-z2-7]{32})")


@dataclass(frozen=True, slots=True)
class LicenceKey:
    """A well-formed key. ``text`` is the secret itself and never shown by ``repr``."""

    pool: PoolUid
    text: str

    def __repr__(self) -> str:
        return f"LicenceKey(pool={self.pool!r}, key_id={self.key_id!r})"

    @property
    def sha256(self) -> str:
        """64 hex characters: what the authority compares."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def key_id(self) -> str:
        """A public name of the key, for logs, metrics and status: the first 10 characters of its hash."""
        return key_id_of(self.sha256)


def key_id_of(sha256: str) -> str:
    """The public name of the key that has this hash."""
    return sha256[:KEY_ID_LENGTH]


def new_licence_key(pool: PoolUid, secret: bytes) -> LicenceKey:
    """The key of ``pool`` made of `SECRET_BYTES` random bytes.

    Raises:
        ValueError: ``pool`` is no UUID, or ``secret`` has another length.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a licence key takes {SECRET_BYTES} random bytes, not {len(secret)}")
    return LicenceKey(pool, f"LIC-{_base32(UUID(pool).bytes)}-{_base32(secret)}")


def parse_licence_key(text: str) -> LicenceKey | None:
    """The key that ``text`` spells, or None where it is not well formed (then no pool can have issued it)."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    raw = base64.b32decode(match[1].upper() + "=" * 6)
    uid = PoolUid(str(UUID(bytes=raw)))
    return LicenceKey(uid, text) if _base32(raw) == match[1] else None


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
