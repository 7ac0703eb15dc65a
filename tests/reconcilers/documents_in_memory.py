"""Public keys and licence documents as dictionaries, as Redis would have them."""

from dataclasses import dataclass, field

from seatwarden.backends.authority import AuthorityUnavailable, StaleTerm
from seatwarden.backends.redis_documents import DocumentAdministration
from seatwarden.domain.seats import PoolUid


@dataclass(slots=True)
class DocumentsInMemory(DocumentAdministration):
    """``writes`` counts what was said. While it is ``away`` there is no answer; terms below ``held`` are stale."""

    sets: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    subscriptions: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    away: bool = False
    held: int = 0

    async def jwks(self, tenant_uid: str) -> bytes | None:
        self._answer(self.held)
        return _bytes(self.sets.get(tenant_uid))

    async def revocations(self, tenant_uid: str) -> bytes | None:
        self._answer(self.held)
        return _bytes(self.lists.get(tenant_uid))

    async def licence(self, pool: PoolUid) -> bytes | None:
        self._answer(self.held)
        return _bytes(self.licences.get(self.subscriptions.get(pool, "")))

    async def subscription_of(self, pool: PoolUid) -> str | None:
        self._answer(self.held)
        return self.subscriptions.get(pool)

    async def say_jwks(self, tenant_uid: str, text: str, *, term: int) -> None:
        self._put(self.sets, tenant_uid, text, term)

    async def say_revocations(self, tenant_uid: str, text: str, *, term: int) -> None:
        self._put(self.lists, tenant_uid, text, term)

    async def say_licence(self, subscription_uid: str, text: str, *, term: int) -> None:
        self._put(self.licences, subscription_uid, text, term)

    async def say_subscription(self, pool: PoolUid, subscription_uid: str, *, term: int) -> None:
        self._put(self.subscriptions, pool, subscription_uid, term)

    def _put(self, place: dict[str, str], key: str, text: str, term: int) -> None:
        self._answer(term)
        self.writes += 1
        if text:
            place[key] = text
        else:
            place.pop(key, None)

    def _answer(self, term: int) -> None:
        if self.away:
            raise AuthorityUnavailable("Redis is away")
        if term < self.held:
            raise StaleTerm("the term is over", held=self.held)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
