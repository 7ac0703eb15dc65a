"""The names of a pool's keys in Redis. What each one holds is told in ``lua/seats/lib/pool.lua``."""

import hashlib
from functools import lru_cache
from typing import NamedTuple

from seatwarden.domain.seats import PoolUid


class PoolKeys(NamedTuple):
    """The eight keys in the order in which scripts declare them. The braces keep them in one hash slot."""

    config: str
    state: str
    expiry: str
    leases: str
    ended: str
    ledger: str
    overage: str
    borrows: str


class AllPoolKeys(NamedTuple):
    """Those eight and all else that a pool has, for scripts that give or take a seat or look after the pool."""

    config: str
    state: str
    expiry: str
    leases: str
    ended: str
    ledger: str
    overage: str
    borrows: str
    rates: str
    devices: str
    queue: str
    tickets: str
    waits: str
    offers: str
    elders: str


class PoolAndReplayKeys(tuple[str, ...]):
    """All keys of a pool, and behind them the one of an idempotency key."""

    __slots__ = ()

    @property
    def replay(self) -> str:
        """The key of the idempotency key."""
        return self[-1]


class KeysOfPools(tuple[str, ...]):
    """The keys of several pools, those of one behind those of another. All pools have equally many."""

    __slots__ = ()

    @property
    def pools(self) -> tuple[PoolKeys, ...]:
        """The keys of each that every script may declare."""
        firsts = (at for at, key in enumerate(self) if key.endswith(":config"))
        return tuple(PoolKeys(*self[at : at + len(PoolKeys._fields)]) for at in firsts)


class AuthorityKeys(NamedTuple):
    """The one key that belongs to the authority as a whole; ``lua/seats/tick.lua`` tells what it holds."""

    authority: str


class IdentityKeys(NamedTuple):
    """The one key of something that the operator says; ``lua/identity/write.lua`` tells what it holds."""

    identity: str


class StripeKeys(NamedTuple):
    """The keys of what Stripe said; ``lua/stripe/lib/stream.lua`` tells what they hold."""

    events: str
    seen: str
    dead: str


Keys = PoolKeys | AllPoolKeys | PoolAndReplayKeys | KeysOfPools | AuthorityKeys | IdentityKeys | StripeKeys

AUTHORITY_KEYS = AuthorityKeys("sw:{seatwarden}:authority")
STRIPE_KEYS = StripeKeys("sw:{stripe}:events", "sw:{stripe}:seen", "sw:{stripe}:dead")


# A busy pool is asked for thousands of times a second.
@lru_cache(maxsize=8192)
def pool_keys(pool: PoolUid) -> PoolKeys:
    """The keys of ``pool``."""
    return PoolKeys(*(f"sw:{{{pool}}}:{name}" for name in PoolKeys._fields))


@lru_cache(maxsize=8192)
def all_pool_keys(pool: PoolUid) -> AllPoolKeys:
    """All keys of ``pool``."""
    return AllPoolKeys(*(f"sw:{{{pool}}}:{name}" for name in AllPoolKeys._fields))


def door_keys(namespace: str, name: str) -> IdentityKeys:
    """The key in which it is said which pool has that name."""
    return IdentityKeys(f"sw:{{{namespace}/{name}}}:door")


def trust_keys(tenant_uid: str) -> IdentityKeys:
    """The key of the issuers that a Tenant trusts."""
    return IdentityKeys(f"sw:{{{tenant_uid}}}:trust")


def jwks_keys(tenant_uid: str) -> IdentityKeys:
    """The key of the public root keys of a Tenant."""
    return IdentityKeys(f"sw:{{{tenant_uid}}}:jwks")


def revocations_keys(tenant_uid: str) -> IdentityKeys:
    """The key of the revocation list of a Tenant."""
    return IdentityKeys(f"sw:{{{tenant_uid}}}:revocations")


def licence_keys(subscription_uid: str) -> IdentityKeys:
    """The key of the licence document of a Subscription."""
    return IdentityKeys(f"sw:{{{subscription_uid}}}:licence")


def licence_of_keys(pool: PoolUid) -> IdentityKeys:
    """The key of the uid of the Subscription whose licence document speaks for ``pool``."""
    return IdentityKeys(f"sw:{{{pool}}}:licence-of")


def replay_keys(pool: PoolUid, key_hash: str, idempotency_key: str) -> PoolAndReplayKeys:
    """The keys of ``pool`` with the one in which the answer to a request with ``idempotency_key`` is kept."""
    name = hashlib.sha256(f"{key_hash}:{idempotency_key}".encode()).hexdigest()[:32]
    return PoolAndReplayKeys((*all_pool_keys(pool), f"sw:{{{pool}}}:replay:{name}"))
