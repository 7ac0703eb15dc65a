"""Which pool a token opens: the pool's door and its Tenant's trust, read from Redis and kept for a moment.

Nobody outside is asked, neither Kubernetes nor the issuer. What was read is believed for `FRESH_SECONDS`. A token with a
key that is not known makes one reading sooner, since an issuer may just have begun to use it; but not more than one a
second for a pool, or whoever makes tokens up could have Redis read at will.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from seatwarden.backends.authority import AuthorityRecovering, SeatPath
from seatwarden.backends.redis_identities import IdentityReader
from seatwarden.backends.token_signatures import is_signed_by
from seatwarden.domain.identity_token import IdentityToken, believing
from seatwarden.domain.seats import PoolUid
from seatwarden.domain.trust import Trust

FRESH_SECONDS = 10.0
SOONEST_SECONDS = 1.0
KEPT_POOLS = 8192


class TokenFault(StrEnum):
    """Why a token opens no pool. Told to administrators as a metric; a client learns only what its own token says."""

    MALFORMED = "malformed"
    OUT_OF_TIME = "out_of_time"
    UNKNOWN_POOL = "unknown_pool"
    NOT_TRUSTED = "not_trusted"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"


@dataclass(frozen=True, slots=True)
class _Opened:
    """A door with the trust behind it, and when both were read."""

    pool: PoolUid
    trust: Trust
    read_at: float


@dataclass(slots=True)
class Identities:
    """``reader`` None: no token opens anything. ``clock`` gives seconds that never go back."""

    reader: IdentityReader | None
    seats: SeatPath
    clock: Callable[[], float]
    _kept: OrderedDict[tuple[str, str], _Opened] = field(default_factory=OrderedDict)

    async def pool_opened_by(self, token: IdentityToken, namespace: str, name: str) -> PoolUid | TokenFault:
        """The pool of that name if ``token`` opens it. Its time is not looked at.

        Raises:
            AuthorityUnavailable: Redis does not answer.
            AuthorityRecovering: it is not certain that there is no such pool.
        """
        opened = await self._opened(namespace, name, younger_than=FRESH_SECONDS)
        if opened is None:
            return TokenFault.UNKNOWN_POOL
        fault = _fault(token, opened.trust)
        if fault is TokenFault.UNKNOWN_KEY:
            opened = await self._opened(namespace, name, younger_than=SOONEST_SECONDS)
            if opened is None:
                return TokenFault.UNKNOWN_POOL
            fault = _fault(token, opened.trust)
        return opened.pool if fault is None else fault

    async def _opened(self, namespace: str, name: str, *, younger_than: float) -> _Opened | None:
        kept = self._kept.get((namespace, name))
        if kept is not None and self.clock() - kept.read_at < younger_than:
            self._kept.move_to_end((namespace, name))
            return kept
        if self.reader is None:
            return None
        read_at = self.clock()
        door = await self.reader.door(namespace, name)
        trust = await self.reader.trust(door.tenant_uid) if door is not None else ()
        if door is None or not trust:
            # A name that nobody has is not kept, or those that somebody has could be driven out by asking.
            self._kept.pop((namespace, name), None)
            if not (await self.seats.beat_pulse()).provisioned:
                raise AuthorityRecovering("the seat authority has lost its pools and is being set up again")
            return None
        opened = self._kept[namespace, name] = _Opened(door.pool, trust, read_at)
        self._kept.move_to_end((namespace, name))
        if len(self._kept) > KEPT_POOLS:
            self._kept.popitem(last=False)
        return opened


def _fault(token: IdentityToken, trust: Trust) -> TokenFault | None:
    trusted = believing(token, trust)
    if trusted is None:
        return TokenFault.NOT_TRUSTED
    key = trusted.key(token.kid)
    if key is None:
        return TokenFault.UNKNOWN_KEY
    return None if is_signed_by(token, key) else TokenFault.BAD_SIGNATURE
