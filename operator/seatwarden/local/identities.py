"""Who speaks to the local API server: the identities that it knows, and how it knows them."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the cluster, as its RBAC sees one."""

    user: str
    groups: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """A name for this identity's files: readable, and different for each identity."""
        readable = "".join(char if char.isalnum() or char in "-." else "-" for char in self.user)[-40:]
        distinct = hashlib.sha256(repr((self.user, self.groups)).encode()).hexdigest()[:8]
        return f"{readable.strip('-.')}-{distinct}"


def service_account(namespace: str, name: str) -> Identity:
    """The identity that a pod under the ServiceAccount ``namespace``/``name`` has."""
    return Identity(
        f"system:serviceaccount:{namespace}:{name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
    )


ADMIN = Identity("admin", ("system:masters",))
OPERATOR = service_account("seatwarden-system", "seatwarden-operator")
VIEWER = Identity("viewer")

WELL_KNOWN = (ADMIN, OPERATOR, VIEWER)
"""The identities that have a bearer token from the start; others get a client certificate when asked for."""
