"""Verifying licence documents and leases offline: with the public keys of a Tenant, and without asking anybody.

    from seatwarden.verify import LastSeen, NotValid, read_keys, verify_lease, verify_licence

    keys = read_keys(JWKS)
    licence = verify_licence(document, keys, now=now, tenant=TENANT_UID)
    lease = verify_lease(token, licence, holder=holder, now=now)

Whatever is not valid raises `NotValid`, whose code is for programs and whose text is for people. Nothing here reads a file, a
clock or the environment: all of it comes in as arguments, so that a program can verify as of any instant. It needs
``cryptography`` and nothing else of what Seatwarden needs.

The rules are those of docs/adr/0028-licence-documents-certify-lease-keys.md. The guide is docs/offline-verification.md, and
tests/vectors has examples for those who write the same in another language.
"""

from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.keys import Keys, read_keys
from seatwarden.verify.last_seen import LastSeen
from seatwarden.verify.lease import Lease, verify_lease
from seatwarden.verify.licence import LeaseKey, Licence, authentic_licence, verify_licence
from seatwarden.verify.lifetime import SKEW_SECONDS
from seatwarden.verify.revocations import Revocations, read_revocations

__all__ = [
    "SKEW_SECONDS",
    "Code",
    "Keys",
    "LastSeen",
    "Lease",
    "LeaseKey",
    "Licence",
    "NotValid",
    "Revocations",
    "authentic_licence",
    "read_keys",
    "read_revocations",
    "verify_lease",
    "verify_licence",
]
