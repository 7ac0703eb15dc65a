"""Where the root keys of Tenants live: one interface, and what is true of every place.

A place keeps private keys and signs with them; it never gives one away. Which of them signs, and when one ends, is decided
elsewhere, see `seatwarden.domain.root_rotation`.
"""

from dataclasses import dataclass
from typing import Protocol

from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOwner:
    """The Tenant that keys are kept for."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKey:
    """A key of a Tenant. ``reference`` is how its place calls it, such as the resource name of a version in a KMS.

    ``trouble`` says why the key cannot sign now and what would change that, or None where it can. It ``ends``
    where its destruction has been scheduled already.
    """

    reference: str
    public: PublicRootKey
    trouble: str | None = None
    ends: bool = False


class RootKeysAway(Exception):
    """The place does not answer, or asks to be left alone for a while. The text is for a person; trying again helps."""


class RootKeyRefused(Exception):
    """The place answered no, and trying again does not help. The text says what is missing, such as a right, and who can
    give it."""


class RootKeys(Protocol):
    """A place for root keys. Each call has a time limit and may be repeated at any time, also after a crash in the middle of it.

    Every call raises `RootKeysAway` and `RootKeyRefused`.
    """

    async def kept(self, owner: KeyOwner) -> tuple[KeptKey, ...]:
        """All keys of ``owner`` that have not been destroyed, the oldest first. No key at all is an empty tuple."""

    async def make(self, owner: KeyOwner, algorithm: RootAlgorithm) -> KeptKey:
        """Make another key. Whoever crashes behind it finds it in `kept`."""

    async def sign(self, owner: KeyOwner, key: KeptKey, signed: bytes) -> bytes:
        """The signature of ``signed`` as a JWS wants it (RFC 7515): for ES256 the two numbers of 32 bytes each."""

    async def destroy(self, owner: KeyOwner, reference: str) -> None:
        """Have the private half of a key ended. That it is gone already is no error."""

    async def forget(self, owner: KeyOwner, *, destroys: bool) -> None:
        """The Tenant goes. Its keys go too where it ``destroys`` them; otherwise a later Tenant of its name finds them."""
