"""The licence document of a Subscription: what was bought, and which keys may sign leases of it.

It is signed by a root key of the Tenant. It needs no certificate besides, since it lists the lease keys of its pools itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from seatwarden.verify.claims import Claims, is_line
from seatwarden.verify.compact import KID, Kind, proven_claims, read_compact
from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.keys import Keys, PublicKey, ed25519_key
from seatwarden.verify.lifetime import SKEW_SECONDS, check_begun, check_ended
from seatwarden.verify.revocations import Revocations, check_not_revoked

LICENCE = Kind(token_type="seat-licence+jwt", noun="licence document", longest=256 * 1024)  # noqa: S106
MOST_LEASE_KEYS = 1024
MOST_ENTITLEMENTS = 64
_CLAIMS = (
    *("iss", "sub", "iat", "exp", "tenant", "namespace", "subscription", "plan", "seats", "entitlements"),
    *("offline_grace", "longest_lease", "lease_keys"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseKey:
    """A key that may sign leases of the pool whose uid is ``pool``, and of no other."""

    kid: str
    pool: str
    public: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a genuine licence document says. Instants are in seconds of Unix time, lengths in seconds.

    ``kid`` is the root key that signed it. ``valid_until`` is None where the Subscription has no end. An entitlement is true for
    a feature that is just on, and otherwise a number or a word. ``lease_keys`` are by their ids.
    """

    kid: str
    tenant_uid: str
    subscription_uid: str
    issued_at: int
    expires_at: int
    valid_until: int | None
    tenant: str
    namespace: str
    subscription: str
    plan: str
    seats: int
    entitlements: Mapping[str, int | str]
    offline_grace: int
    longest_lease: int
    lease_keys: Mapping[str, LeaseKey]


def verify_licence(
    text: str,
    keys: Keys,
    *,
    now: int,
    tenant: str | None = None,
    revoked: Revocations | None = None,
    skew: int = SKEW_SECONDS,
) -> Licence:
    """The licence document ``text``, which counts at ``now``.

    Args:
        text: the compact JWS, without a line end.
        keys: the public root keys of the Tenant.
        now: the instant, in whole seconds of Unix time.
        tenant: the uid of the Tenant that it must be of; None takes any whose keys these are.
        revoked: the revocation list of the Tenant, where there is one.
        skew: by how many seconds the clock may be wrong.

    Raises:
        NotValid: see `Code`.
    """
    licence = authentic_licence(text, keys, tenant=tenant, revoked=revoked)
    noun = LICENCE.noun
    check_begun(noun=noun, issued_at=licence.issued_at, now=now, skew=skew)
    # Told first, since a newer document does not help there.
    if licence.valid_until is not None and now >= licence.valid_until + skew:
        raise NotValid(Code.LICENCE_ENDED, "The subscription has ended.")
    check_ended(noun=noun, expires_at=licence.expires_at, now=now, skew=skew)
    return licence


def authentic_licence(
    text: str, keys: Keys, *, tenant: str | None = None, revoked: Revocations | None = None
) -> Licence:
    """The licence document ``text``, whether or not its time is over.

    For leases: a lease that was signed before the end of its document is good until its own end, so that a borrowed seat needs no
    new document. The arguments are those of `verify_licence`.

    Raises:
        NotValid: it is malformed or forged, of another Tenant, or revoked.
    """
    token = read_compact(text, LICENCE)
    licence = _licence(token.kid, proven_claims(token, keys.of(token.kid, LICENCE.noun)))
    if tenant is not None and licence.tenant_uid != tenant:
        raise NotValid(Code.WRONG_TENANT, "The licence document is of another tenant.")
    check_not_revoked(revoked, noun=LICENCE.noun, tenant_uid=licence.tenant_uid, keys=[licence.kid])
    return licence


def _licence(kid: str, claims: Claims) -> Licence:
    claims.only(*_CLAIMS, optional="valid_until")
    issued_at, expires_at = claims.instant("iat"), claims.instant("exp")
    if not issued_at < expires_at:
        raise claims.wrong("exp")
    return Licence(
        kid=kid,
        tenant_uid=claims.text("iss"),
        subscription_uid=claims.text("sub"),
        issued_at=issued_at,
        expires_at=expires_at,
        valid_until=claims.instant("valid_until") if "valid_until" in claims.found else None,
        tenant=claims.text("tenant"),
        namespace=claims.text("namespace"),
        subscription=claims.text("subscription"),
        plan=claims.text("plan", empty=True),
        seats=claims.number("seats"),
        entitlements=_entitlements(claims),
        offline_grace=claims.number("offline_grace"),
        longest_lease=claims.number("longest_lease"),
        lease_keys=_lease_keys(claims),
    )


def _entitlements(claims: Claims) -> Mapping[str, int | str]:
    found = claims.found["entitlements"]
    if not isinstance(found, dict) or len(found) > MOST_ENTITLEMENTS:
        raise claims.wrong("entitlements")
    for name, value in found.items():
        is_number = isinstance(value, int) and value is not False and value >= 0
        if not name or not is_line(name) or not (is_number or is_line(value)):
            raise claims.wrong("entitlements")
    return MappingProxyType(found)


def _lease_keys(claims: Claims) -> Mapping[str, LeaseKey]:
    listed = [_lease_key(one) for one in claims.objects("lease_keys", "lease key", most=MOST_LEASE_KEYS)]
    found = {key.kid: key for key in listed}
    if len(found) != len(listed):
        raise claims.wrong("lease_keys")
    return MappingProxyType(found)


def _lease_key(claims: Claims) -> LeaseKey:
    claims.only("kid", "x", "pool")
    kid = claims.text("kid")
    if not KID.fullmatch(kid):
        raise claims.wrong("kid")
    try:
        public = ed25519_key(kid, claims.found["x"])
    except ValueError:
        raise claims.wrong("x") from None
    return LeaseKey(kid=kid, pool=claims.text("pool"), public=public)
