"""Whether a request is from Stripe: the header `Stripe-Signature`, as https://docs.stripe.com/webhooks tells it.

The header is `t=TIME,v1=HEX,v1=HEX,…`. Each `v1` is the HMAC-SHA256 of `TIME.BODY` by one of the endpoint's secrets: while a
secret is being rolled, Stripe signs by both. `v0` and whatever else there may be is no signature of a live endpoint, and is
not looked at. A time that is far from ours is refused, so that nobody can send again what was once overheard.

The official SDK has the same check. It takes one secret and text, and is not needed otherwise in a process that faces the
internet and is to be small; so these lines are ours, and are tested against signatures that Stripe's own libraries test with.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum

TOLERANCE_SECONDS = 300
_MOST_SIGNATURES = 8
_LONGEST_HEADER = 4096
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class SignatureFault(StrEnum):
    """Why a request is not taken for Stripe's."""

    MISSING = "signature_missing"
    MALFORMED = "signature_malformed"
    WRONG = "signature_wrong"
    OUT_OF_TIME = "signature_out_of_time"


def signature_fault(
    header: str | None, body: bytes, secrets: Sequence[bytes], now: float
) -> SignatureFault | None:
    """What is wrong with the signature of ``body``; None if it is by one of ``secrets`` and of about ``now``."""
    if not header:
        return SignatureFault.MISSING
    said, signatures = _read(header)
    if said is None or not signatures:
        return SignatureFault.MALFORMED
    signed = said.encode() + b"." + body
    genuine = False
    for secret in secrets:
        expected = hmac.new(secret, signed, hashlib.sha256).hexdigest()
        for signature in signatures:
            genuine |= hmac.compare_digest(expected, signature)
    if not genuine:
        return SignatureFault.WRONG
    # After the signature: before it, the time is anybody's.
    if abs(now - int(said)) > TOLERANCE_SECONDS:
        return SignatureFault.OUT_OF_TIME
    return None


def _read(header: str) -> tuple[str | None, list[str]]:
    """The time and the signatures of a header."""
    said: str | None = None
    signatures: list[str] = []
    if len(header) > _LONGEST_HEADER:
        return None, []
    for item in header.split(","):
        name, _, value = item.strip().partition("=")
        if name == "t":
            if said is not None or not _TIME.fullmatch(value):
                return None, []
            said = value
        elif name == "v1" and _HEX.fullmatch(value) and len(signatures) < _MOST_SIGNATURES:
            signatures.append(value)
    return said, signatures
