"""What must hold in every pool after every call, whatever was called: seen from the side, with no model.

These are the promises themselves. A model could be wrong in the same way as the scripts are; the watch knows only plain
numbers out of Redis, and what clients were answered.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from seatwarden.backends.redis_keys import AllPoolKeys
from seatwarden.domain.seats import Code, Grant, PoolCounts, Refusal
from tests.authority.virtual_time import Command

TOMBSTONES = 10_000
# In recovery those leases count that were heard of: they expire at its end or later.
_LIVE = """
local till, now = tonumber(redis.call('HGET', KEYS[1], 'recover_until') or '0'), tonumber(ARGV[1])
return redis.call('ZCOUNT', KEYS[2], string.format('%.0f', now < till and till or now + 1), '+inf')
"""


def looks_at(keys: AllPoolKeys, now: int) -> list[Command]:
    """The commands whose replies `PoolWatch.looked` reads."""
    return [
        ("EVAL", _LIVE, 2, keys.config, keys.expiry, now),
        ("ZCARD", keys.expiry),
        ("HLEN", keys.leases),
        ("ZCARD", keys.ended),
        ("HMGET", keys.state, "used", "seat_ms", "peak", "extra"),
    ]


class PoolWatch:
    """Watches one pool from its beginning."""

    def __init__(self) -> None:
        self.live = 0
        self._last_fence = 0
        self._seat_ms = 0
        self._counted = 0
        self._clock_only_grows = True
        self._may_revive = False
        self.recovered = False

    def clock_set_back(self) -> None:
        """Time was charged by a clock that ran ahead; some of it is taken back as leases end.

        And leases that had run out and are not purged live again: nobody was given their seats yet.
        """
        self._clock_only_grows = False
        self._may_revive = True

    def leases_run_on(self) -> None:
        """An outage is made good in the next call: what had run out in it lives again."""
        self._may_revive = True

    def looked(self, seen: Sequence[Any], *, limit: float) -> None:
        live, held, records, ended, (used, seat_ms, peak, extra) = seen
        if not self._may_revive:
            assert live <= max(limit, self.live), f"{live} seats live of {limit}"
        self._may_revive = False
        assert int(used) == held, "the count of seats in use has left the leases"
        assert records == held - int(extra or 0) + ended, (
            "a record belongs to neither a lease nor a tombstone"
        )
        assert ended <= TOMBSTONES, "tombstones grow without limit"
        if self._clock_only_grows:
            assert int(seat_ms) >= self._seat_ms, "charged time was taken back"
        if not self.recovered:
            assert live <= int(peak), "the peak is below what is live"
        self.live, self._seat_ms = live, int(seat_ms)

    def answered(self, answer: Grant | Refusal, more: int, *, queue: bool) -> None:
        """A wish for so many seats more was answered, and the pool looked at."""
        if answer.code in {Code.INVALID_LICENSE, Code.IDEMPOTENCY_MISMATCH}:
            return
        assert answer.live == self.live
        if answer.code is Code.POOL_EXHAUSTED:
            assert queue or self.live + more > answer.capacity, "refused though there are seats enough"

    def fence_given(self, fence: int) -> None:
        assert fence > self._last_fence, "a fence was given that is not above all before"
        self._last_fence = fence

    def fences_after_loss(self, fences: Iterable[int]) -> None:
        """A grant whose answer was lost was given a fence, too."""
        self._last_fence = max(self._last_fence, *fences, 0)

    def counted(self, counts: PoolCounts, *, exact: int) -> None:
        """A sweep counted; ``exact`` is the true sum of seat-milliseconds."""
        assert counts.live == self.live
        assert counts.live <= counts.peak or counts.purged + counts.unpurged == 0, (
            "the peak is below what is live"
        )
        if counts.unpurged == 0 and not counts.recovering_for:
            assert counts.seat_milliseconds == exact
        assert counts.seat_milliseconds <= exact
        if self._clock_only_grows:
            assert counts.seat_milliseconds >= self._counted, "counted time was taken back"
        self._counted = counts.seat_milliseconds
