"""Says public keys and licence documents in Redis, each once, and again after Redis may have lost them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.redis_documents import DocumentAdministration
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.in_term import InTerm


@dataclass(slots=True)
class SaidDocuments:
    """``term`` and ``confirm_term`` are the election's, see `SeatAllocator`. Every method raises `AuthorityUnavailable`."""

    redis: DocumentAdministration
    term: Callable[[], int]
    confirm_term: Callable[[StaleTerm], Awaitable[None]]
    _said: dict[tuple[str, str], str] = field(default_factory=dict)

    async def jwks(self, tenant_uid: str, text: str) -> None:
        """Say the public root keys of a Tenant."""
        await self._say("jwks", tenant_uid, text, self.redis.say_jwks)

    async def revocations(self, tenant_uid: str, text: str) -> None:
        """Say the revocation list of a Tenant."""
        await self._say("revocations", tenant_uid, text, self.redis.say_revocations)

    async def licence(self, subscription_uid: str, text: str) -> None:
        """Say the licence document of a Subscription."""
        await self._say("licence", subscription_uid, text, self.redis.say_licence)

    async def subscription_of(self, pool: str, subscription_uid: str) -> None:
        """Say of which Subscription a pool is; of none where that is empty."""

        async def write(uid: str, text: str, *, term: int) -> None:
            await self.redis.say_subscription(PoolUid(uid), text, term=term)

        await self._say("pool", pool, subscription_uid, write)

    async def withdraw_pool(self, pool: PoolUid, *, is_last: bool) -> None:
        """The pool goes. With the last one of its Subscription the licence document goes too, as nobody can ask for it."""
        subscription = await self.redis.subscription_of(pool)
        await self.subscription_of(pool, "")
        if is_last and subscription is not None:
            await self.licence(subscription, "")

    def forget_all(self) -> None:
        """Redis may have lost it all."""
        self._said.clear()

    async def _say(self, what: str, uid: str, text: str, write: Callable[..., Awaitable[None]]) -> None:
        if self._said.get((what, uid)) == text:
            return
        await InTerm(self.term, self.confirm_term).write(lambda term: write(uid, text, term=term))
        if text:
            self._said[what, uid] = text
        else:
            self._said.pop((what, uid), None)
