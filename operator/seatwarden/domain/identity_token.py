"""A program's identity: a token (RFC 7519, a compact JWS) in which an issuer says who it is.

Kubernetes gives each Pod such a token, other platforms give their workloads and people one. Whoever shows it need not
have a licence key. What the token says makes the holder of its seat, so nobody can name the holder of another:

=============================  =========================================================================
the token is                   then the holder is
=============================  =========================================================================
of a Pod's ServiceAccount      that Pod, or that container of it. A restarted container is the same one,
                               so it comes back to its own seat; a Pod made anew is another one
any other                      the issuer's subject, or that machine of it
=============================  =========================================================================
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any

import orjson

from seatwarden.domain.seats import PoolUid
from seatwarden.domain.trust import KEY_ID_LIMIT, Algorithm, Trust, TrustedIssuer

LONGEST_IDENTITY_TOKEN = 8000
IDENTITY_KEY_ID = "identity"
"""What takes the place of a licence key's public id for seats that were taken with a token."""
LEEWAY_SECONDS = 30
_LATEST = 1 << 53
_SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityToken:
    """A token that is well formed; whether ``signature`` is right for ``signed`` is for the issuer's key to say.

    ``pod_uid`` is that of the Pod to which a ServiceAccount's token is bound. Instants are in seconds since the epoch.
    """

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires_at: float
    not_before: float
    pod_uid: str | None
    kid: str
    algorithm: Algorithm
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"IdentityToken(issuer={self.issuer!r}, kid={self.kid!r})"


def read_identity_token(text: str) -> IdentityToken | None:
    """The token that ``text`` is, or None where it is none that could be believed."""
    parts = text.split(".") if len(text) <= LONGEST_IDENTITY_TOKEN else []
    if len(parts) != 3 or not text.isascii():  # noqa: PLR2004  header, claims, signature
        return None
    header, claims, signature = _object(parts[0]), _object(parts[1]), _decode(parts[2])
    match header:
        # What is critical to understand (RFC 7515 section 4.1.11) is not understood here.
        case {"alg": ("RS256" | "ES256") as algorithm, "kid": str(kid), **others} if "crit" not in others:
            pass
        case _:
            return None
    if not 0 < len(kid) <= KEY_ID_LIMIT or not signature or claims is None:
        return None
    return _token(claims, kid, Algorithm(algorithm), text.rpartition(".")[0].encode(), signature)


def is_in_time(token: IdentityToken, now: float) -> bool:
    """Is the token valid at the instant ``now``, give or take `LEEWAY_SECONDS`?"""
    return token.not_before - LEEWAY_SECONDS <= now < token.expires_at + LEEWAY_SECONDS


def believing(token: IdentityToken, trust: Trust) -> TrustedIssuer | None:
    """The issuer whose key is to say whether ``token`` is genuine; None where it would not be accepted anyway."""
    return next(
        (
            trusted
            for trusted in trust
            if trusted.issuer == token.issuer
            and trusted.audience in token.audiences
            and trusted.admits(token.subject)
        ),
        None,
    )


def holder_of(token: IdentityToken, part: str) -> str:
    """The holder, 64 hex characters. ``part`` is the container, or the machine; empty where there is just one."""
    who = ("subject", token.subject) if token.pod_uid is None else ("pod", token.pod_uid)
    return hashlib.sha256(orjson.dumps([*who, token.issuer, part])).hexdigest()


def identity_key_hash(pool: PoolUid) -> str:
    """What stands for all accepted tokens of ``pool`` where the hash of a licence key would: 64 hex characters.

    It is no secret. A licence key that has it as its hash would have to be found, which is as hard as to break SHA-256.
    """
    return hashlib.sha256(f"seatwarden identity {pool}".encode()).hexdigest()


def _token(
    claims: dict[str, Any], kid: str, algorithm: Algorithm, signed: bytes, signature: bytes
) -> IdentityToken | None:
    match claims:
        case {"iss": str(issuer), "sub": str(subject), "aud": audience, "exp": expires_at} if subject:
            pass
        case _:
            return None
    audiences: list[Any] = audience if isinstance(audience, list) else [audience]
    starts = [claims.get(name, 0) for name in ("nbf", "iat")]
    if not all(isinstance(one, str) for one in audiences) or not all(map(_is_instant, [expires_at, *starts])):
        return None
    return IdentityToken(
        issuer=issuer,
        subject=subject,
        audiences=tuple(audiences),
        expires_at=float(expires_at),
        not_before=float(max(starts)),
        pod_uid=_pod_uid(claims) if subject.startswith(_SERVICE_ACCOUNT) else None,
        kid=kid,
        algorithm=algorithm,
        signed=signed,
        signature=signature,
    )


def _is_instant(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def _pod_uid(claims: dict[str, Any]) -> str | None:
    match claims.get("kubernetes.io"):
        case {"pod": {"uid": str(uid)}} if uid:
            return uid
        case _:
            return None


def _object(part: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(_decode(part))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _decode(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4)) if part.isascii() else b""
    except (binascii.Error, ValueError):
        return b""
