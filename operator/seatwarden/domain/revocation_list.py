"""The revocation list of a Tenant: keys and leases that count no more although their time is not over.

It is signed by the Tenant's root key, see `seatwarden.domain.signed_document`, and there is one also where it names nothing, so
that a program can tell a list that is empty from one that was kept from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from seatwarden.domain.signed_document import DocumentKind

REVOCATIONS = DocumentKind(
    token_type="seat-revocations+jwt",  # noqa: S106  a media type
    life=timedelta(days=7),
    renewed_before=timedelta(days=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationTerms:
    """What a list says. ``keys`` are ids of root keys and of lease keys, ``leases`` are ids of leases."""

    tenant_uid: str
    keys: Sequence[str]
    leases: Sequence[str]

    def claims(self) -> dict[str, object]:
        """As they are written, in one order."""
        return {
            "iss": self.tenant_uid,
            "keys": sorted(set(self.keys)),
            "leases": sorted(set(self.leases)),
        }
