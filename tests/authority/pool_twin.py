"""One pool twice: in a real server under a virtual clock, and as a model. Every call goes to both.

The answers must be equal to the last number. After each call the pool is also looked at from the side, by plain Redis
commands that know nothing of the model, and must keep the `PoolWatch`.

Whoever writes a history only chooses what is called, and when. A call whose answer is lost with its server is settled
afterwards: the pool must be as it was before the call, or as after it, and nothing between.
"""

import copy
import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_keys import all_pool_keys
from seatwarden.domain.seats import Configured, PoolUid
from tests.authority.desk import new_config
from tests.authority.loss import Loss, Lost
from tests.authority.model import SeatModel
from tests.authority.pool_audit import (
    check_ledger,
    leases_by_id,
    ledger_of,
    modelled_pool,
    stored_pool,
)
from tests.authority.pool_watch import PoolWatch, looks_at
from tests.authority.replays import Replays
from tests.authority.virtual_time import GivenTimeAuthority, GivenTimeRunner, VirtualClock, at_once

T = TypeVar("T")
E = TypeVar("E")
INSTALLATION = InstallationKeys([bytes(32)])


class PoolTwin:
    """A pool of two seats with leases of an hour, but for ``changes``. ``doom`` is what befalls the next call."""

    def __init__(self, runner: GivenTimeRunner, **changes: Any) -> None:
        self.runner = runner
        self.authority = GivenTimeAuthority(runner, keys=INSTALLATION)
        self.clock: VirtualClock = runner.clock
        self.config = new_config(**changes)
        self.doom: Loss | None = None
        self.begin()

    def begin(self) -> None:
        """A new pool, as one that is made again under its old name."""
        self.pool = PoolUid(str(uuid4()))
        self.keys = all_pool_keys(self.pool)
        self.holders: dict[str, str] = {}
        self.replays = Replays(self.runner, self.pool)
        self.runner.looks = lambda: [*looks_at(self.keys, self.now), *self.replays.looks()]
        self.watch = PoolWatch()
        self.live_before_recovery = 0
        self.just_lost = False
        self.config = replace(self.config, epoch=1)
        self.set_up(term=1)

    def set_up(self, *, term: int) -> None:
        """The pool is put into an authority that has nothing of it; in recovery where that had it once."""
        self.model = SeatModel(clock=self.clock.now, lease=self.config.lease, run=self.runner.run_id)
        first = at_once(self.authority.configure(self.pool, self.config, term=term))
        self._tell_the_model()
        self.model.epoch = self.config.epoch
        assert first == Configured(changed=True, existed=False, epoch=self.config.epoch, live=0)

    @property
    def now(self) -> int:
        return self.clock.now

    def configure(self, **changes: Any) -> Configured:
        wanted = replace(self.config, **changes)
        changed, self.config = wanted != self.config, wanted
        real = self.authority.configure(self.pool, self.config, term=1)
        answer, _ = self._both(real, lambda _: self._tell_the_model() if changed else None)
        assert (answer.changed, answer.existed, answer.epoch) == (changed, True, self.model.epoch)
        assert answer.live == self.model.live(self.now)
        return answer

    def opened_by(self, key: str) -> bool:
        """Is it one of the pool's keys, and not dead yet?"""
        return key in self.config.key_ids and self.now < self.config.keys_die.get(key, self.now + 1)

    def group_of_key(self, key: str) -> str:
        """The group that a key is for; empty where it is for all."""
        return self.config.key_groups.get(key, "")

    @property
    def keys_that_open(self) -> list[str]:
        """Those of its keys that do so now."""
        return [key for key in self.config.key_ids if self.opened_by(key)]

    def remove(self) -> None:
        at_once(self.authority.remove(self.pool))
        self.replays.all_that_is_left()

    def ledger(self) -> list[dict[str, str]]:
        return ledger_of(self.runner, self.keys)

    def audit(self) -> None:
        """The whole pool, and its history from the ledger alone, against the model."""
        self._meet_new_leases()
        assert stored_pool(self.runner, self.keys, self.holders, self.now) == modelled_pool(
            self.model, self.now
        )
        check_ledger(self.ledger(), self.model, self.now)
        found = self.runner.ask(("KEYS", f"*{{{self.pool}}}*"))[0]
        assert sum(b":replay:" not in name for name in found) <= len(self.keys)

    def _tell_the_model(self) -> None:
        model, config = self.model, self.config
        model.eviction_in(self.now)
        model.evict_after, model.ends_at_once = config.evict_after, config.ends_at_once
        model.linger = config.linger
        model.capacity, model.valid_until = config.capacity, config.valid_until
        model.overage, model.drain, model.shadow = config.overage, config.drain, config.shadow
        model.groups, model.only_groups = config.groups, config.only_groups
        model.queue_size, model.claim = config.queue_size, config.claim
        model.holder_limit = math.inf if config.holder_limit is None else config.holder_limit
        model.version_min, model.version_max = config.version_min, config.version_max
        model.rate_key, model.rate_holder = config.rate_key, config.rate_holder
        model.device_limit, model.device_cooldown = config.device_limit, config.device_cooldown
        model.borrow_seats, model.borrow_low_water = config.borrow_seats, config.borrow_low_water
        model.borrow_longest = config.borrow_longest if config.borrow_seats else 0
        model.configure(self.now, config.state, config.epoch, config.lease)
        known = set(config.key_ids.values())
        model.key_uses = {key_id: use for key_id, use in model.key_uses.items() if key_id in known}

    def _both(self, real: Coroutine[Any, Any, T], expected: Callable[[SeatModel], E]) -> tuple[T, E]:
        doom, self.doom = self.doom, None
        if self.model.recovering(self.now):
            self.watch.recovered, self.just_lost = True, False
        self._note_live()
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
        self._note_live()
        self.watch.looked(self.runner.seen[:5], limit=self.model.limit)
        assert self.watch.live == self.model.live(self.now)
        return answer, verdict

    def _note_live(self) -> None:
        """So many may hold a seat though fewer are heard of: the most that ever lived since all was as usual."""
        lost = self.just_lost or self.model.recovering(self.now) > 0
        before = self.live_before_recovery if lost else 0
        self.live_before_recovery = max(before, self.model.live(self.now))

    def _settle(self, before: SeatModel, expected: Callable[[SeatModel], object]) -> bool:
        expected(self.model)
        self._meet_new_leases()
        stored = stored_pool(self.runner, self.keys, self.holders, self.now)
        if stored == modelled_pool(self.model, self.now):
            self.watch.fences_after_loss(lease.fence for lease in self.model.leases.values())
            return True
        assert stored == modelled_pool(before, self.now), "the call was applied by half"
        self.model = before
        return False

    def _meet_new_leases(self) -> None:
        # The answer that would have told the lease's id was lost.
        for lease_id, holder in leases_by_id(self.runner, self.keys).items():
            self.holders.setdefault(lease_id, holder)
            self.model.leases[holder].lease_id = lease_id
