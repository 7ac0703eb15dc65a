"""The names of a pool's keys in Redis. What each one holds is told in ``lua/seats/lib/pool.lua``."""

from functools import lru_cache
from typing import NamedTuple

from seatwarden.domain.seats import PoolUid


class PoolKeys(NamedTuple):
    """The six keys in the order in which scripts declare them. The braces keep them in one hash slot."""

    config: str
    state: str
    expiry: str
    leases: str
    ended: str
    ledger: str


class AuthorityKeys(NamedTuple):
    """The one key that belongs to the authority as a whole; ``lua/seats/tick.lua`` tells what it holds."""

    authority: str


Keys = PoolKeys | AuthorityKeys

AUTHORITY_KEYS = AuthorityKeys("sw:{seatwarden}:authority")


# A busy pool is asked for thousands of times a second.
@lru_cache(maxsize=8192)
def pool_keys(pool: PoolUid) -> PoolKeys:
    """The keys of ``pool``."""
    return PoolKeys(*(f"sw:{{{pool}}}:{name}" for name in PoolKeys._fields))
