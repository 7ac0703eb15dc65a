"""The licence keys of a simulated pool: which one customers find in the Secret, and until when each opens the pool.

The ring is turned by the same decision as the operator's. What customers were promised is written down beside it, in plain
numbers: a key opens the pool while it is the newest, and for the overlap after that; then it opens nothing, ever.
"""

import random
from datetime import UTC, datetime, timedelta

from seatwarden.domain.key_ring import KeyRing, dies_at, turned
from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key
from seatwarden.domain.seats import Code, Millis, PoolConfig, PoolUid

_POOL = PoolUid("00000000-0000-4000-8000-000000000001")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class LicenceKeys:
    """``now`` is always the operator's own clock, in milliseconds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._ring = KeyRing(newest=self._new_key())
        self._overlap = timedelta(0)
        self._requests = 0
        self._promised: dict[str, int] = {}
        self.in_the_secret = self._ring.newest.sha256

    def _new_key(self) -> LicenceKey:
        return new_licence_key(_POOL, self._rng.randbytes(SECRET_BYTES))

    @property
    def key_ids(self) -> dict[str, str]:
        """As `PoolConfig.key_ids` is to be."""
        ring = self._ring
        return {ring.newest.sha256: ring.newest.key_id, **{key.sha256: key.key_id for key in ring.earlier}}

    @property
    def keys_die(self) -> dict[str, Millis]:
        """As `PoolConfig.keys_die` is to be."""
        return {key.sha256: _millis(dies_at(key, self._overlap)) for key in self._ring.earlier}

    def rotate(self, now: int, overlap: int) -> bool:
        """A rotation is asked for, and ``overlap`` milliseconds are in the spec from now on. False where it has to wait."""
        self._requests += 1
        self._turn(now, request=None)
        self._overlap = overlap * _MILLISECOND
        self._promised = {key: end for key, end in self._promised.items() if now < end}
        replaced = {key.sha256: key.replaced_at for key in self._ring.earlier}
        for key in self._promised:
            self._promised[key] = _millis(replaced[key]) + overlap
        before = self._ring.newest.sha256
        self._turn(now, request=f"rotation {self._requests}")
        if self._ring.newest.sha256 == before:
            return False
        self._promised[before] = now // 1000 * 1000 + overlap
        return True

    def _turn(self, now: int, *, request: str | None) -> None:
        asked = request or self._ring.rotated_for
        instant = _EPOCH + now * _MILLISECOND
        self._ring = turned(
            self._ring, request=asked, overlap=self._overlap, now=instant, new_key=self._new_key
        ).ring

    def put_into_the_secret(self) -> None:
        """The pool knows the newest key: so customers may have it."""
        self.in_the_secret = self._ring.newest.sha256

    def are_those_of(self, config: PoolConfig) -> bool:
        """Does the pool have what it was told last? Not so while an older copy of it is in use."""
        return (config.key_ids, config.keys_die) == (self.key_ids, self.keys_die)

    def check(self, key: str, code: Code, *, now: int, by_the_authority: int) -> None:
        """What a caller with ``key`` is answered. The authority's clock may be behind, so a key may die a little late."""

        def is_promised(instant: int) -> bool:
            return key == self._ring.newest.sha256 or instant < self._promised.get(key, 0)

        if code is Code.INVALID_LICENSE:
            assert not is_promised(now), "a key that is alive was refused"
        else:
            assert is_promised(by_the_authority), "a key that is dead has opened the pool"


def _millis(instant: datetime) -> Millis:
    return Millis((instant - _EPOCH) // _MILLISECOND)
