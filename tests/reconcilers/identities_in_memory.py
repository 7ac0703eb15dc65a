"""Doors and trust as dictionaries, as Redis would have them."""

from dataclasses import dataclass, field

from seatwarden.backends.authority import AuthorityUnavailable, StaleTerm
from seatwarden.backends.redis_identities import IdentityAdministration
from seatwarden.domain.trust import Door, Trust


@dataclass(slots=True)
class IdentitiesInMemory(IdentityAdministration):
    """``writes`` counts what changed something. While it is ``away`` there is no answer; terms below ``held`` are stale."""

    doors: dict[tuple[str, str], Door] = field(default_factory=dict)
    trusts: dict[str, Trust] = field(default_factory=dict)
    writes: int = 0
    away: bool = False
    held: int = 0

    async def door(self, namespace: str, name: str) -> Door | None:
        self._answer(self.held)
        return self.doors.get((namespace, name))

    async def trust(self, tenant_uid: str) -> Trust:
        self._answer(self.held)
        return self.trusts.get(tenant_uid, ())

    async def open_door(self, namespace: str, name: str, door: Door, *, term: int) -> None:
        self._answer(term)
        self.writes += self.doors.get((namespace, name)) != door
        self.doors[namespace, name] = door

    async def close_door(self, namespace: str, name: str, *, term: int) -> None:
        self._answer(term)
        self.writes += self.doors.pop((namespace, name), None) is not None

    async def say_trust(self, tenant_uid: str, trust: Trust, *, term: int) -> bool:
        self._answer(term)
        changed = self.trusts.get(tenant_uid, ()) != trust
        self.writes += changed
        self.trusts[tenant_uid] = trust
        if not trust:
            del self.trusts[tenant_uid]
        return changed

    def _answer(self, term: int) -> None:
        if self.away:
            raise AuthorityUnavailable("Redis is away")
        if term < self.held:
            raise StaleTerm("the term is over", held=self.held)
