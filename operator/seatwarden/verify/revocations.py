"""The revocation list of a Tenant: what counts no more although its time is not over."""

from collections.abc import Iterable
from dataclasses import dataclass

from seatwarden.verify.compact import Kind, proven_claims, read_compact
from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.keys import Keys
from seatwarden.verify.lifetime import SKEW_SECONDS, check_lifetime

REVOCATIONS = Kind(token_type="seat-revocations+jwt", noun="revocation list", longest=1024 * 1024)  # noqa: S106
MOST_REVOKED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """A revocation list that was genuine and current when it was read. Instants are in seconds of Unix time.

    Of several lists the one with the latest ``issued_at`` counts: keep that one, and do not take an earlier one again.
    ``keys`` are ids of root keys and of lease keys, ``leases`` are ids of leases.
    """

    tenant_uid: str
    issued_at: int
    expires_at: int
    keys: frozenset[str]
    leases: frozenset[str]


def read_revocations(
    text: str, keys: Keys, *, now: int, tenant: str, skew: int = SKEW_SECONDS
) -> Revocations:
    """The revocation list ``text`` of the Tenant whose uid is ``tenant``.

    A list may name the key that signed it: only the owner of that key can have said so.

    Raises:
        NotValid: it is malformed or forged, of another Tenant, from the future, or has expired.
    """
    token = read_compact(text, REVOCATIONS)
    claims = proven_claims(token, keys.of(token.kid, REVOCATIONS.noun))
    claims.only("iss", "iat", "exp", "keys", "leases")
    found = Revocations(
        tenant_uid=claims.text("iss"),
        issued_at=claims.instant("iat"),
        expires_at=claims.instant("exp"),
        keys=claims.texts("keys", most=MOST_REVOKED),
        leases=claims.texts("leases", most=MOST_REVOKED),
    )
    if found.tenant_uid != tenant:
        raise NotValid(Code.WRONG_TENANT, "The revocation list is of another tenant.")
    check_lifetime(
        noun=REVOCATIONS.noun,
        issued_at=found.issued_at,
        expires_at=found.expires_at,
        now=now,
        skew=skew,
    )
    return found


def check_not_revoked(
    revoked: Revocations | None,
    *,
    noun: str,
    tenant_uid: str,
    keys: Iterable[str],
    leases: Iterable[str] = (),
) -> None:
    """Refuse what rests on one of these ``keys`` or is one of these ``leases``, where ``revoked`` names it.

    Raises:
        NotValid: with `Code.REVOKED`, or with `Code.WRONG_TENANT` where the list is of another Tenant and so says nothing.
    """
    if revoked is None:
        return
    if revoked.tenant_uid != tenant_uid:
        raise NotValid(Code.WRONG_TENANT, f"The revocation list is not of the tenant of the {noun}.")
    if revoked.keys.intersection(keys) or revoked.leases.intersection(leases):
        raise NotValid(Code.REVOKED, f"The {noun} was revoked.")
