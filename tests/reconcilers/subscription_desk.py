"""One Subscription with its pools, in the store and at an authority, and the allocator between the two."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from seatwarden.backends.authority import StaleTerm
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.seat_allocator import SeatAllocator, Settled, Wanted
from seatwarden.resources.names import Kind
from seatwarden.resources.rules import format_instant
from tests.domain.objects import (
    NAMESPACE,
    NOON,
    pool_body,
    pool_config,
    subscription_body,
    tenant_body,
    uid_of,
)
from tests.reconcilers.authority_in_memory import AuthorityInMemory, HeldPool

TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")


@dataclass
class SubscriptionDesk:
    """``changed`` has the pools of whose caps the allocator told, ``stale`` the terms that it was told were over."""

    authority: AuthorityInMemory = field(default_factory=AuthorityInMemory)
    store: ObjectStore = field(default_factory=ObjectStore)
    term: int = 1
    next_term: int | Exception = 2
    changed: list[PoolUid] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    _version: int = 1

    def __post_init__(self) -> None:
        self.allocator = SeatAllocator(
            now=lambda: NOON,
            authority=self.authority,
            store=self.store,
            term=lambda: self.term,
            confirm_term=self._confirm_term,
            capacity_changed=self.changed.append,
        )

    async def _confirm_term(self, stale: StaleTerm) -> None:
        self.stale.append(stale.held)
        if isinstance(self.next_term, Exception):
            raise self.next_term
        self.term = self.next_term

    def tenant(self, **spec: Any) -> None:
        """Write the Tenant."""
        self.store.put(Kind.TENANT, tenant_body(spec=spec, resourceVersion=self._next_version()))

    def buy(self, seats: int, *, suspend: bool = False, **metadata: Any) -> None:
        """Write the Subscription."""
        version = self._next_version()
        body = subscription_body(seats=seats, spec={"suspend": suspend}, resourceVersion=version, **metadata)
        self.store.put(Kind.SUBSCRIPTION, body)

    def ask(self, name: str, seats: int, *, minutes: int = 0, **metadata: Any) -> PoolUid:
        """Write the SeatPool ``name``, made ``minutes`` after noon; what its own reconciler does first is done too."""
        body = pool_body(
            name,
            seats=seats,
            creationTimestamp=format_instant(NOON + timedelta(minutes=minutes)),
            resourceVersion=self._next_version(),
            **metadata,
        )
        self.store.put(Kind.SEAT_POOL, body)
        return self.want(name)

    def want(self, name: str, *, remembered_epoch: int | None = None, **changes: Any) -> PoolUid:
        """Say how the pool is to be configured."""
        uid = uid_of(name)
        config = replace(pool_config(epoch=0, capacity=0), **changes)
        self.allocator.want(uid, Wanted(config=config, remembered_epoch=remembered_epoch))
        return uid

    async def clear_away(self, name: str) -> None:
        """Finish the deletion of a pool."""
        await self.authority.remove(uid_of(name))
        self.allocator.forget(uid_of(name))
        self.store.drop(ObjectKey(Kind.SEAT_POOL, NAMESPACE, name))

    async def settle(self, subscription: ObjectKey = TEAM) -> dict[PoolUid, Settled]:
        """One run of the allocator."""
        return await self.allocator.settle(subscription)

    def pool(self, uid: PoolUid) -> HeldPool:
        """The pool at the authority."""
        return self.authority.pools[uid]

    def caps(self) -> dict[PoolUid, int]:
        """The caps at the authority."""
        return {uid: pool.config.capacity for uid, pool in self.authority.pools.items()}

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)
