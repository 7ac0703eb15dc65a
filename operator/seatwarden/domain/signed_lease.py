"""A lease as its holder can prove it: a compact JWS (RFC 7515) signed with Ed25519 (RFC 8037).

The authority knows best who holds what. This is for the time after it has forgotten: whoever shows a signed lease that is
not too old is let back in, up to the cap. It is signed with a key that is derived for its pool alone, so a token of one
pool says nothing in another.

Reading is strict. One algorithm, one type, each claim once and of its own type: whatever else a token says, it is none.
"""

import binascii
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass

import orjson

from seatwarden.domain.compact_jws import base64url, signing_bytes
from seatwarden.domain.seats import GROUP_NAME, MOST_SEATS_OF_A_LEASE, Fence, Millis, PoolUid, SignedLease

ALGORITHM = "EdDSA"
TOKEN_TYPE = "seat-lease+jwt"  # noqa: S105  a media type, as RFC 8725 section 3.11 wants one of its own
LONGEST_TOKEN = 1024
_PART = re.compile(r"[A-Za-z0-9_-]+")
_FENCE_LIMIT = 1 << 53
# `"iat":1800000000,"exp":1800086400}` has 46, and instants may grow by some digits.
_INSTANTS_LENGTH = 64
_HEX = {"jti": 32, "sub": 64, "nonce": 16}


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is well formed; whether ``signature`` is right for ``signed`` is for the owner of key ``kid`` to say."""

    lease: SignedLease
    kid: str
    signed: bytes
    signature: bytes


def signing_input(lease: SignedLease, kid: str) -> bytes:
    """What is to be signed. The same lease and key give the same bytes."""
    header = {"alg": ALGORITHM, "kid": kid, "typ": TOKEN_TYPE}
    claims = {
        "aud": lease.pool,
        "sub": lease.holder,
        "jti": lease.lease_id,
        "nonce": lease.nonce,
        "fence": lease.fence,
        "quantity": lease.quantity,
        "group": lease.group,
        "iat": lease.issued_at // 1000,
        "exp": lease.valid_until // 1000,
    }
    return signing_bytes(header, claims)


def read_token(text: str) -> Token | None:
    """The token that ``text`` is, or None where it is none."""
    parts = text.split(".") if len(text) <= LONGEST_TOKEN else []
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):  # noqa: PLR2004  header, claims, signature
        return None
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None or header.keys() != {"alg", "kid", "typ"}:
        return None
    if (header["alg"], header["typ"]) != (ALGORITHM, TOKEN_TYPE) or not isinstance(header["kid"], str):
        return None
    lease = _lease(claims)
    signature = _decode(parts[2])
    if lease is None or signature is None:
        return None
    return Token(lease, header["kid"], f"{parts[0]}.{parts[1]}".encode(), signature)


def may_be_past_half(text: str, now: Millis) -> bool:
    """Does ``text`` say of itself that it is a token past half of its time?

    Cheap and gullible: most heartbeats show a token that is good for long, and need no more than this. Whoever is to act
    upon it reads it with `read_token` and has its signature verified. Only the end of the claims is decoded, where
    `signing_input` puts the two instants: a token that has them elsewhere is none of ours.
    """
    begin, end = text.find(".") + 1, text.rfind(".")
    # From a place where four characters stand for three bytes.
    begin += max(0, end - begin - _INSTANTS_LENGTH) // 4 * 4
    try:
        # The characters in which the URL's alphabet differs stand for none that claims are made of.
        instants = binascii.a2b_base64(text[begin:end] + "==").rpartition(b'"iat":')[2]
        issued_at, expires_at = instants.removesuffix(b"}").split(b',"exp":')
        return _is_past_half(int(issued_at) * 1000, int(expires_at) * 1000, now)
    except ValueError:
        return False


def past_half(lease: SignedLease, now: Millis) -> bool:
    """Is more than half of the time over for which the signed lease counts? Then its holder gets a new one."""
    return _is_past_half(lease.issued_at, lease.valid_until, now)


def _is_past_half(issued_at: int, valid_until: int, now: int) -> bool:
    return now - issued_at > valid_until - now


def _lease(claims: dict[str, object]) -> SignedLease | None:
    match claims:
        case {
            "aud": str(pool),
            "sub": str(holder),
            "jti": str(lease_id),
            "nonce": str(nonce),
            "fence": int(fence),
            "quantity": int(quantity),
            "group": str(group),
            "iat": int(issued_at),
            "exp": int(valid_until),
        } if len(claims) == 9 and 0 < fence < _FENCE_LIMIT and 0 < issued_at < valid_until < _FENCE_LIMIT:  # noqa: PLR2004  no others
            if not 0 < quantity <= MOST_SEATS_OF_A_LEASE or not GROUP_NAME.fullmatch(group or "none"):
                return None
            texts = {"jti": lease_id, "sub": holder, "nonce": nonce}
            if not all(re.fullmatch(f"[0-9a-f]{{{_HEX[name]}}}", text) for name, text in texts.items()):
                return None
            return SignedLease(
                pool=PoolUid(pool),
                lease_id=lease_id,
                holder=holder,
                nonce=nonce,
                fence=Fence(fence),
                issued_at=Millis(issued_at * 1000),
                valid_until=Millis(valid_until * 1000),
                quantity=quantity,
                group=group,
            )
        case _:
            return None


def _object(part: str) -> dict[str, object] | None:
    raw = _decode(part)
    try:
        value = orjson.loads(raw) if raw is not None else None
    except orjson.JSONDecodeError:
        return None
    # Written the way we write: a name that is there twice, or a space, would be lost in reading.
    return value if isinstance(value, dict) and orjson.dumps(value) == raw else None


def _decode(part: str) -> bytes | None:
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None
    # Base64 has several spellings of the same bytes; only ours counts.
    return raw if base64url(raw).decode() == part else None
