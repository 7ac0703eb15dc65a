"""The installation's keys, and what is derived from them: nothing that signs has to be stored.

One secret of 32 random bytes belongs to an installation. From it and the uid of a pool HKDF-SHA256 (RFC 5869) gives the
Ed25519 key that signs the pool's leases, and the secret of which its lease ids are made. So Redis holds neither, both are
the same again after Redis was lost, and a pool that is made anew under its old name has others. To replace the
installation's key, the new one is put in front: it signs, the ones behind it are still believed.
"""

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from seatwarden.domain.compact_jws import signed_token
from seatwarden.domain.seats import PoolUid, SignedLease
from seatwarden.domain.signed_lease import read_token, signing_input

KEY_BYTES = 32
KEYS_LIMIT = 8
_CACHED_POOLS = 8192
_NONCE_BYTES = 12
_SEALED = "sealed:v1:"
_HEX_KEY = re.compile(f"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")


class UnusableKeys(ValueError):
    """There are no keys where they should be; the message says what should be there and quotes nothing."""


class InstallationKeys:
    """The keys of an installation, newest first. They are never shown by ``repr``."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take ``keys`` of 32 bytes each.

        Raises:
            UnusableKeys: there is none, there are too many, or one has another length.
        """
        if not 1 <= len(keys) <= KEYS_LIMIT or any(len(key) != KEY_BYTES for key in keys):
            raise UnusableKeys(f"an installation has 1 to {KEYS_LIMIT} keys of {KEY_BYTES} bytes each")
        self._keys = tuple(keys)
        self._lease_key = lru_cache(maxsize=_CACHED_POOLS)(self._derive_lease_key)

    def sign(self, lease: SignedLease) -> str:
        """The token of ``lease``."""
        key, kid = self._lease_key(0, lease.pool)
        signed = signing_input(lease, kid)
        return signed_token(signed, key.sign(signed))

    def verify(self, text: str, pool: PoolUid) -> SignedLease | None:
        """The lease that ``text`` proves to be one of ``pool``, or None. Whether it still counts is not looked at."""
        token = read_token(text)
        if token is None or token.lease.pool != pool:
            return None
        for index in range(len(self._keys)):
            key, kid = self._lease_key(index, pool)
            if kid != token.kid:
                continue
            try:
                key.public_key().verify(token.signature, token.signed)
            except InvalidSignature:
                return None
            return token.lease
        return None

    def lease_id_secret(self, pool: PoolUid) -> str:
        """What the ids of the leases of ``pool`` are made from: 64 hex characters."""
        return self._derive(0, "lease ids", pool).hex()

    def lease_keys(self, pool: PoolUid) -> tuple[tuple[str, bytes], ...]:
        """Id and public half (32 bytes) of each key that signs leases of ``pool``, or did, or will."""
        keys = [self._lease_key(index, pool) for index in range(len(self._keys))]
        return tuple((kid, key.public_key().public_bytes_raw()) for key, kid in keys)

    def seal(self, secret: bytes, name: str) -> str:
        """``secret`` as text that only an installation with the same key can read, and only under the same ``name``.

        AES-256-GCM with a random nonce (NIST SP 800-38D section 8.2.2).
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._derive(0, "seal", name)).encrypt(nonce, secret, None)
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def unseal(self, text: str, name: str) -> tuple[bytes, bool]:
        """What was sealed under ``name``, and whether that was with the installation's first key.

        Raises:
            UnusableKeys: it was sealed by another installation, or for something else, or was changed.
        """
        try:
            raw = base64.b64decode(text.removeprefix(_SEALED), validate=True)
        except ValueError:
            raise UnusableKeys("it is no sealed text") from None
        for index in range(len(self._keys)):
            try:
                key = AESGCM(self._derive(index, "seal", name))
                return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None), index == 0
            except (InvalidTag, ValueError):
                continue
        raise UnusableKeys("none of the installation's keys opens it")

    def _derive_lease_key(self, index: int, pool: PoolUid) -> tuple[Ed25519PrivateKey, str]:
        key = Ed25519PrivateKey.from_private_bytes(self._derive(index, "lease signature", pool))
        return key, hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]

    def _derive(self, index: int, purpose: str, subject: str) -> bytes:
        info = f"seatwarden {purpose} {subject}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._keys[index])


def is_sealed(text: str) -> bool:
    """Was ``text`` written by `InstallationKeys.seal`?"""
    return text.startswith(_SEALED)


def read_installation_keys(path: Path) -> InstallationKeys:
    """The keys in a file: one in hex a line, the one that signs first; empty lines do not count.

    Raises:
        UnusableKeys: the file cannot be read, or holds something else.
    """
    try:
        lines = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableKeys(f"the installation keys in {path} cannot be read: {error}") from None
    if not lines or not all(_HEX_KEY.fullmatch(line) for line in lines):
        raise UnusableKeys(
            f"{path} must hold the installation's key as {2 * KEY_BYTES} hex characters, one key a line; "
            f"make one with: openssl rand -hex {KEY_BYTES}"
        )
    return InstallationKeys([bytes.fromhex(line) for line in lines])
