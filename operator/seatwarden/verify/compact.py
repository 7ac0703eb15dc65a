"""A compact JWS (RFC 7515 section 7.1), read without any leniency and in an order in which nothing unproven is interpreted.

First the length, then the form, then the header, then the signature, and only then the claims. The header says ``alg``, ``kid``
and ``typ`` and nothing else: no ``crit``, no key of its own (``jwk``, ``jku``, ``x5c``), so a token cannot bring along what it is
verified with. ``alg`` chooses nothing: it must be what the key named by ``kid`` is for (RFC 8725 section 3.1).
"""

import re
from dataclasses import dataclass
from typing import Protocol

from seatwarden.verify.claims import Claims
from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.strict_json import from_base64url, read_object

KID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""How ids of keys are spelled: nothing in them means anything to a file system, a database or a terminal."""
LONGEST_HEADER = 256
_HEADER = {"alg", "kid", "typ"}


class VerifyingKey(Protocol):
    """A public key that is for one algorithm only."""

    @property
    def algorithm(self) -> str:
        """The name of the algorithm, as ``alg`` has it."""

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Is ``signature`` one of ``signed`` by this key's owner?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of token. ``noun`` is how people call it, ``longest`` is in characters."""

    token_type: str
    noun: str
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """A token that is well formed up to its claims. Nothing in it is proven yet."""

    kind: Kind
    algorithm: str
    kid: str
    signed: bytes
    payload: bytes
    signature: bytes


def read_compact(text: str, kind: Kind) -> Compact:
    """The form and the header of ``text``, which is to be of that ``kind``.

    Raises:
        NotValid: it is malformed, or of another kind.
    """
    if len(text) > kind.longest:
        raise NotValid(Code.MALFORMED, f"The {kind.noun} is longer than {kind.longest} characters.")
    parts = text.split(".")
    if len(parts) != 3 or len(parts[0]) > LONGEST_HEADER:  # noqa: PLR2004  header, claims, signature
        raise NotValid(Code.MALFORMED, f"The {kind.noun} does not have the three parts of a compact JWS.")
    try:
        header, payload, signature = (from_base64url(part) for part in parts)
        found = read_object(header)
    except ValueError as error:
        raise NotValid(Code.MALFORMED, f"The {kind.noun} is no compact JWS: {error}.") from None
    algorithm, kid = _header(found, kind)
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    return Compact(
        kind=kind, algorithm=algorithm, kid=kid, signed=signed, payload=payload, signature=signature
    )


def proven_claims(token: Compact, key: VerifyingKey) -> Claims:
    """What ``token`` says, once ``key`` has proven that its owner said it.

    Raises:
        NotValid: the algorithm is not the key's, the signature is wrong, or the claims are no JSON object.
    """
    noun = token.kind.noun
    if token.algorithm != key.algorithm:
        raise NotValid(
            Code.WRONG_ALGORITHM, f"The {noun} names another algorithm than the {key.algorithm} of its key."
        )
    if not key.verifies(token.signed, token.signature):
        raise NotValid(Code.WRONG_SIGNATURE, f"The signature of the {noun} is wrong.")
    try:
        return Claims(read_object(token.payload), noun)
    except ValueError as error:
        raise NotValid(Code.MALFORMED, f"The claims of the {noun} cannot be read: {error}.") from None


def _header(found: dict[str, object], kind: Kind) -> tuple[str, str]:
    match found:
        case {"alg": str(algorithm), "kid": str(kid), "typ": str(token_type)} if found.keys() == _HEADER:
            if token_type != kind.token_type:
                raise NotValid(Code.MALFORMED, f"This is no {kind.noun}: it is of another type.")
            if KID.fullmatch(kid):
                return algorithm, kid
    raise NotValid(Code.MALFORMED, f"The header of the {kind.noun} is not as it must be.")
