"""A lease as a program proves it offline: the signed text that came with its seat, and the document that certifies its key.

A lease is good by four rules (docs/adr/0028-licence-documents-certify-lease-keys.md), in this order:

1. its document is genuine, which `seatwarden.verify.licence` has seen to;
2. it is signed by a lease key of that document, and that key is one of the lease's own pool;
3. it was not signed after the end of the document, although maybe before its beginning, and not for longer than it allows;
4. its own time is not over. That the document's time is over meanwhile does not matter.

Besides, it is the lease of the machine that shows it, and nothing in its chain is revoked.
"""

import re
from dataclasses import dataclass

from seatwarden.verify.claims import Claims
from seatwarden.verify.compact import Kind, proven_claims, read_compact
from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.licence import Licence
from seatwarden.verify.lifetime import SKEW_SECONDS, check_lifetime
from seatwarden.verify.revocations import Revocations, check_not_revoked

LEASE = Kind(token_type="seat-lease+jwt", noun="lease", longest=1024)  # noqa: S106
MOST_SEATS = 1000
_GROUP = re.compile(r"(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)?")
_CLAIMS = ("aud", "sub", "jti", "nonce", "fence", "quantity", "group", "iat", "exp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a good lease says. Instants are in seconds of Unix time.

    ``pool`` is the uid of the pool, ``holder`` the id of the machine, ``fence`` grows with each lease of the pool,
    ``quantity`` is how many seats it is, and ``group`` is empty where the seat is of none. ``kid`` names the lease key.
    """

    kid: str
    lease_id: str
    pool: str
    holder: str
    nonce: str
    fence: int
    quantity: int
    group: str
    issued_at: int
    expires_at: int


def verify_lease(
    text: str,
    licence: Licence,
    *,
    holder: str,
    now: int,
    pool: str | None = None,
    revoked: Revocations | None = None,
    skew: int = SKEW_SECONDS,
) -> Lease:
    """The lease ``text``, which is good at ``now`` for ``holder``.

    Args:
        text: the compact JWS that came with the seat.
        licence: the document that certifies its key, from `verify_licence` or `authentic_licence`.
        holder: who shows it: the 64 lower-case hex characters that the seat was taken with as `hardware_id`.
        now: the instant, in whole seconds of Unix time.
        pool: the uid of the pool that it must be of; None takes any of the document.
        revoked: the revocation list of the Tenant, where there is one.
        skew: by how many seconds the clock may be wrong. Whether the lease was signed before the end of the document
            is not a matter of this machine's clock, so it has no part in that.

    Raises:
        NotValid: see `Code`.
    """
    token = read_compact(text, LEASE)
    key = licence.lease_keys.get(token.kid)
    if key is None:
        raise NotValid(Code.UNKNOWN_KEY, "The licence document does not list the key that signed the lease.")
    lease = _lease(token.kid, proven_claims(token, key.public))
    if lease.pool != key.pool or pool not in (None, lease.pool):
        raise NotValid(Code.WRONG_POOL, "The lease is of another pool.")
    _check_against(licence, lease)
    check_lifetime(
        noun=LEASE.noun, issued_at=lease.issued_at, expires_at=lease.expires_at, now=now, skew=skew
    )
    if lease.holder != holder:
        raise NotValid(Code.WRONG_HOLDER, "The lease is of another machine.")
    check_not_revoked(
        revoked,
        noun=LEASE.noun,
        tenant_uid=licence.tenant_uid,
        keys=[licence.kid, lease.kid],
        leases=[lease.lease_id],
    )
    return lease


def _check_against(licence: Licence, lease: Lease) -> None:
    if lease.issued_at > licence.expires_at:
        raise NotValid(Code.LICENCE_TOO_OLD, "The lease was signed after the end of the licence document.")
    if lease.expires_at - lease.issued_at > licence.longest_lease:
        raise NotValid(
            Code.LEASE_TOO_LONG,
            f"The lease is for longer than the {licence.longest_lease} s that are allowed.",
        )


def _lease(kid: str, claims: Claims) -> Lease:
    claims.only(*_CLAIMS)
    lease = Lease(
        kid=kid,
        lease_id=_hex(claims, "jti", 32),
        pool=claims.text("aud"),
        holder=_hex(claims, "sub", 64),
        nonce=_hex(claims, "nonce", 16),
        fence=claims.number("fence", least=1),
        quantity=claims.number("quantity", least=1, most=MOST_SEATS),
        group=claims.text("group", empty=True),
        issued_at=claims.instant("iat"),
        expires_at=claims.instant("exp"),
    )
    if not _GROUP.fullmatch(lease.group):
        raise claims.wrong("group")
    if not lease.issued_at < lease.expires_at:
        raise claims.wrong("exp")
    return lease


def _hex(claims: Claims, name: str, length: int) -> str:
    text = claims.text(name)
    if re.fullmatch(f"[0-9a-f]{{{length}}}", text):
        return text
    raise claims.wrong(name)
