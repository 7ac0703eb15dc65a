"""One pool twice: in a real server under a virtual clock, and as a model. Every call goes to both.

The answers must be equal to the last number. After each call the pool is also looked at from the side, by plain Redis
commands that know nothing of the model, and must keep the `PoolWatch`.

Whoever writes a history only chooses what is called, and when. A call whose answer is lost with its server is settled
afterwards: the pool must be as it was before the call, or as after it, and nothing between.
"""

import copy
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import pool_keys
from seatwarden.domain.seats import (
    AcquireRequest,
    Beat,
    BeatVerdict,
    Code,
    Configured,
    Grant,
    PoolCounts,
    PoolUid,
    Refusal,
    SessionRow,
    Validation,
)
from tests.authority.desk import KEY, beat_of, new_config
from tests.authority.loss import Loss, Lost
from tests.authority.model import SeatModel
from tests.authority.pool_audit import (
    TOTALS,
    all_pages,
    check_ledger,
    leases_by_id,
    ledger_of,
    modelled_pool,
    stored_pool,
)
from tests.authority.pool_watch import PoolWatch, looks_at
from tests.authority.virtual_time import GivenTimeAuthority, GivenTimeRunner, VirtualClock, at_once

T = TypeVar("T")
E = TypeVar("E")


class Twin:
    """A pool of two seats with leases of an hour, but for ``changes``. ``doom`` is what befalls the next call."""

    def __init__(self, runner: GivenTimeRunner, **changes: Any) -> None:
        self.runner = runner
        self.authority = GivenTimeAuthority(runner)
        self.clock: VirtualClock = runner.clock
        self.config = new_config(**changes)
        self.doom: Loss | None = None
        self.begin()

    def begin(self) -> None:
        """A new pool, as one that is made again under its old name."""
        self.pool = PoolUid(str(uuid4()))
        self.keys = pool_keys(self.pool)
        self.runner.looks = lambda: looks_at(self.keys, self.now)
        self.holders: dict[str, str] = {}
        self.model = SeatModel(clock=self.clock.now)
        self.watch = PoolWatch()
        first = at_once(self.authority.configure(self.pool, self.config, term=1))
        self._tell_the_model()
        assert first == Configured(changed=True, existed=False, epoch=self.config.epoch, live=0)

    @property
    def now(self) -> int:
        return self.clock.now

    def acquire(self, holder: str, nonce: str = "", *, key: str = KEY, **details: Any) -> Grant | Refusal:
        request = AcquireRequest(key_hash=key, holder=holder, nonce=nonce, **details)
        real = self.authority.acquire(self.pool, request)
        if key not in self.config.key_ids:
            answer = self._both(real, lambda _: None)[0]
            assert answer == Refusal(code=Code.INVALID_LICENSE)
            return answer
        taken_over = self.model.totals.get("taken_over", 0)
        answer, (code, number) = self._both(real, lambda model: model.acquire(self.now, holder, nonce))
        assert answer.code is code, (answer, code)
        assert (answer.capacity, answer.live) == (self.config.capacity, self.model.live(self.now))
        if isinstance(answer, Refusal):
            assert answer.retry_after == number
        else:
            held = self.model.leases[holder]
            assert answer.taken_over == (self.model.totals.get("taken_over", 0) > taken_over)
            assert self.holders.setdefault(answer.lease_id, holder) == holder
            held.lease_id = answer.lease_id
            assert (answer.fence, answer.expires_in) == (number, self.config.lease)
            assert answer.heartbeat == self.config.heartbeat
            if answer.code is Code.GRANTED:
                self.watch.fence_given(answer.fence)
        self.watch.answered(answer)
        return answer

    def seat(self, holder: str, nonce: str = "", **details: Any) -> Grant:
        answer = self.acquire(holder, nonce, **details)
        assert isinstance(answer, Grant), answer
        return answer

    def beat(self, *grants: Grant | Beat, key: str = KEY) -> list[BeatVerdict]:
        beats = [beat_of(one) if isinstance(one, Grant) else one for one in grants]
        real = self.authority.heartbeat(self.pool, key, beats)
        if key not in self.config.key_ids:
            answers = self._both(real, lambda _: None)[0]
            assert answers == [BeatVerdict(code=Code.INVALID_LICENSE)] * len(beats)
            return answers

        def all_at_once(model: SeatModel) -> list[tuple[Code, int]]:
            return [model.heartbeat(self.now, self.holders.get(beat.lease_id), beat.fence) for beat in beats]

        answers, expected = self._both(real, all_at_once)
        assert [(one.code, one.expires_in) for one in answers] == expected
        assert [one.heartbeat for one in answers] == [
            self.config.heartbeat if left > 0 else 0 for _, left in expected
        ]
        return answers

    def release(self, grant: Grant | Beat, *, key: str = KEY) -> Code:
        beat = beat_of(grant) if isinstance(grant, Grant) else grant
        known = key in self.config.key_ids
        holder = self.holders.get(beat.lease_id)
        answer, expected = self._both(
            self.authority.release(self.pool, key, beat),
            lambda model: model.release(self.now, holder, beat.fence) if known else Code.INVALID_LICENSE,
        )
        assert answer.code is expected, (answer, expected)
        return expected

    def validate(self, holder: str | None = None, lease_id: str | None = None) -> Validation:
        real = self.authority.validate(self.pool, KEY, holder=holder, lease_id=lease_id)
        meant = holder if holder is not None else self.holders.get(lease_id or "")
        if holder is not None and lease_id is not None and self.holders.get(lease_id) != holder:
            meant = None
        if holder is None and lease_id is None:
            answer, pool_code = self._both(real, lambda model: model.closed(self.now) or Code.OK)
            code, left = pool_code, 0
        else:
            answer, (code, left) = self._both(real, lambda model: model.validate(self.now, meant))
        assert isinstance(answer, Validation)
        assert (answer.code, answer.expires_in) == (code, left), (answer, code, left)
        ends = self.config.valid_until
        assert answer.valid_for == (None if ends is None else max(0, ends - self.now))
        assert (answer.capacity, answer.live) == (self.config.capacity, self.model.live(self.now))
        held = self.model.leases.get(meant or "")
        expected = (None, None) if held is None else (held.lease_id, held.fence)
        assert (answer.lease_id, answer.fence) == expected
        assert answer.document == self.config.document
        return answer

    def sessions(self, limit: int = 500) -> list[SessionRow]:
        """All pages, while the clock stands."""
        rows = all_pages(self.authority, self.pool, limit, live=self.model.live(self.now))
        live = [
            (lease.lease_id, lease.fence, lease.since, lease.expiry - self.now)
            for lease in self.model.holding()
            if lease.expiry > self.now
        ]
        assert [(row.lease_id, row.fence, row.acquired_at, row.expires_in) for row in rows] == live
        assert [row.holder for row in rows] == [self.holders[row.lease_id] for row in rows]
        return rows

    def sweep(self) -> PoolCounts:
        [counts], purged = self._both(self.authority.sweep([self.pool]), lambda model: model.sweep(self.now))
        assert counts is not None
        model, holding = self.model, self.model.holding()
        assert (counts.purged, counts.live) == (purged, model.live(self.now))
        assert counts.unpurged == len(holding) - counts.live
        assert (counts.epoch, counts.peak, counts.capacity) == (model.epoch, model.peak, self.config.capacity)
        assert {name: getattr(counts, name) for name in TOTALS} == dict.fromkeys(TOTALS, 0) | model.totals
        self.watch.counted(counts, exact=model.seat_milliseconds(self.now))
        soonest = holding[0].expiry - self.now if holding else self.config.lease
        assert counts.next_expiry_in == max(1, min(self.config.lease, soonest))
        return counts

    def configure(self, **changes: Any) -> Configured:
        wanted = replace(self.config, **changes)
        changed, self.config = wanted != self.config, wanted
        real = self.authority.configure(self.pool, self.config, term=1)
        answer, _ = self._both(real, lambda _: self._tell_the_model() if changed else None)
        assert (answer.changed, answer.existed, answer.epoch) == (changed, True, self.model.epoch)
        assert answer.live == self.model.live(self.now)
        return answer

    def observe(self) -> None:
        [seen] = at_once(self.authority.observe([self.pool]))
        assert seen is not None
        assert (seen.epoch, seen.capacity) == (self.model.epoch, self.config.capacity)
        assert (seen.live, seen.config_digest) == (self.model.live(self.now), self.config.digest)

    def remove(self) -> None:
        at_once(self.authority.remove(self.pool))
        assert self.runner.ask(("KEYS", f"*{self.pool}*")) == [[]]

    def ledger(self) -> list[dict[str, str]]:
        return ledger_of(self.runner, self.keys)

    def audit(self) -> None:
        """The whole pool, and its history from the ledger alone, against the model."""
        self._meet_new_leases()
        assert stored_pool(self.runner, self.keys, self.holders) == modelled_pool(self.model)
        check_ledger(self.ledger(), self.model)
        assert len(self.runner.ask(("KEYS", f"*{{{self.pool}}}*"))[0]) <= len(self.keys)

    def _tell_the_model(self) -> None:
        model, config = self.model, self.config
        model.capacity, model.lease, model.valid_until = config.capacity, config.lease, config.valid_until
        model.configure(self.now, config.state, config.epoch)

    def _both(self, real: Coroutine[Any, Any, T], expected: Callable[[SeatModel], E]) -> tuple[T, E]:
        doom, self.doom = self.doom, None
        if doom is None:
            answer = at_once(real)
        else:
            before = copy.deepcopy(self.model)
            self.runner.doom = doom.strike
            try:
                answer = at_once(real)
            except AuthorityUnavailable:
                doom.revive()
                raise Lost(applied=self._settle(before, expected)) from None
            self.runner.disconnect()
            doom.revive()
        verdict = expected(self.model)
        self.watch.looked(self.runner.seen, capacity=self.config.capacity)
        assert self.watch.live == self.model.live(self.now)
        return answer, verdict

    def _settle(self, before: SeatModel, expected: Callable[[SeatModel], object]) -> bool:
        expected(self.model)
        self._meet_new_leases()
        stored = stored_pool(self.runner, self.keys, self.holders)
        if stored == modelled_pool(self.model):
            self.watch.fences_after_loss(lease.fence for lease in self.model.leases.values())
            return True
        assert stored == modelled_pool(before), "the call was applied by half"
        self.model = before
        return False

    def _meet_new_leases(self) -> None:
        # The answer that would have told the lease's id was lost.
        for lease_id, holder in leases_by_id(self.runner, self.keys).items():
            self.holders.setdefault(lease_id, holder)
            self.model.leases[holder].lease_id = lease_id
