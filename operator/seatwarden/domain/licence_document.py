"""The licence document of a Subscription: what was bought, and which lease keys speak for it.

It is signed by the Tenant's root key, see `seatwarden.domain.signed_document`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seatwarden.domain.signed_document import DocumentKind

LICENCE = DocumentKind(
    token_type="seat-licence+jwt",  # noqa: S106  a media type
    life=timedelta(days=30),
    renewed_before=timedelta(days=10),
)


@dataclass(frozen=True, slots=True)
class LeaseKey:
    """The public key that signs the leases of a pool. ``x`` is as in RFC 8037: 32 bytes in base64url."""

    kid: str
    x: str
    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceTerms:
    """What a document says, but for when it says so."""

    tenant_uid: str
    subscription_uid: str
    tenant: str
    namespace: str
    subscription: str
    plan: str
    seats: int
    entitlements: Mapping[str, object]
    offline_grace: timedelta
    longest_lease: timedelta
    valid_until: datetime | None
    lease_keys: Sequence[LeaseKey]

    def claims(self) -> dict[str, object]:
        """As they are written, in one order."""
        claims: dict[str, object] = {
            "iss": self.tenant_uid,
            "sub": self.subscription_uid,
            "tenant": self.tenant,
            "namespace": self.namespace,
            "subscription": self.subscription,
            "plan": self.plan,
            "seats": self.seats,
            "entitlements": dict(sorted(self.entitlements.items())),
            "offline_grace": int(self.offline_grace.total_seconds()),
            "longest_lease": int(self.longest_lease.total_seconds()),
            "lease_keys": [
                {"kid": each.kid, "x": each.x, "pool": each.pool}
                for each in sorted(self.lease_keys, key=lambda each: (each.pool, each.kid))
            ],
        }
        if self.valid_until is not None:
            claims["valid_until"] = int(self.valid_until.timestamp())
        return claims
