"""How often a Tenant's root key may sign: a fault that signs over and over must not use up money or a quota of the KMS."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SIGNATURES_A_DAY = 500
"""A Tenant with ten Subscriptions needs some two a day. Five hundred are changed at once now and then, by a new root key."""
_DAY = timedelta(days=1)


@dataclass(slots=True)
class SigningBudget:
    """The signatures of the last 24 hours, by Tenant. It is forgotten when the operator starts anew."""

    limit: int = SIGNATURES_A_DAY
    _spent: dict[str, deque[datetime]] = field(default_factory=dict)

    def spend(self, tenant_uid: str, now: datetime) -> datetime | None:
        """Take one signature, or say from when on there is one again."""
        spent = self._spent.setdefault(tenant_uid, deque())
        while spent and now - spent[0] >= _DAY:
            spent.popleft()
        if len(spent) >= self.limit:
            return spent[0] + _DAY
        spent.append(now)
        return None

    def forget(self, tenant_uid: str) -> None:
        """The Tenant is gone."""
        self._spent.pop(tenant_uid, None)
