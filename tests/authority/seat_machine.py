"""What may happen to a pool, as rules of which hypothesis makes histories."""

import hashlib
from dataclasses import replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.borrowing import BorrowedLease
from seatwarden.domain.seats import Beat, Fence, Grant, Millis, Outage, PoolState, Refusal, SeatGroup
from seatwarden.local.valkey import Valkey
from tests.authority.copies import PoolCopy, flush, put_back, take_copy
from tests.authority.desk import KEY, NO_POLICIES, holder
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner, VirtualClock

OTHER_KEY = hashlib.sha256(b"another licence key").hexdigest()
LEASE = 60_000
HOLDERS = st.integers(0, 6).map(holder)
NONCES = st.sampled_from(["", "first run", "second run"])
VERSIONS = st.sampled_from(["", "4.2.1", "4.2.1", "4.3.0-rc.1", "5", "unreadable"])
# Much happens at the borders: the very millisecond of an expiry, one before, one after.
PAUSES = st.one_of(
    st.integers(0, 50),
    st.sampled_from([LEASE - 1, LEASE, LEASE + 1, LEASE // 2, 2 * LEASE]),
    st.sampled_from([600_000, 600_001, 3_600_000]),
)

AFTER = st.sampled_from([0, 1_000, LEASE // 2, 2 * LEASE])
RESERVED, LIMIT = st.integers(0, 3), st.none() | st.integers(0, 3)
MEMBERS = st.sampled_from([frozenset(), frozenset({holder(6)})])
GROUPS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.builds(SeatGroup, reserved=RESERVED, limit=LIMIT, members=MEMBERS),
        "b": st.builds(SeatGroup, reserved=RESERVED, limit=LIMIT, priority=st.integers(0, 2)),
    },
)


class SeatMachine(RuleBasedStateMachine):
    """Seven machines with three runs each, a pool of up to six seats, and an operator that changes its mind."""

    server: ClassVar[Valkey]

    def __init__(self) -> None:
        super().__init__()
        self.twin = Twin(GivenTimeRunner(self.server, VirtualClock()), lease=Millis(LEASE))
        self.grants: list[Grant] = []
        self.mirror = tuple[BorrowedLease, ...]()
        self.outages: list[Outage] = []
        self.copies: list[PoolCopy] = []
        self.servers = 0

    def teardown(self) -> None:
        with self.twin.runner:
            self.all_seats_come_back()

    def all_seats_come_back(self) -> None:
        self.twin.audit()
        ends = [lease.expiry for lease in self.twin.model.holding()]
        self.twin.clock.now = max([self.twin.now + 3 * LEASE, self.twin.model.recover_until, *ends])
        self.twin.configure(state=PoolState.ACTIVE, valid_until=None, capacity=2, **NO_POLICIES)
        answers = [self.twin.acquire(holder(number), "last run") for number in range(100, 103)]
        assert [type(answer) for answer in answers] == [Grant, Grant, Refusal]
        self.twin.sweep()
        self.twin.audit()
        self.twin.remove()

    # Without these two most histories would be of pools that give no seat, as any one of many policies stops all.
    @initialize(capacity=st.integers(1, 6), crowd=st.lists(HOLDERS, max_size=6))
    def a_pool_in_use(self, capacity: int, crowd: list[str]) -> None:
        self.twin.configure(capacity=capacity)
        self._crowd_asks(crowd)

    @rule(capacity=st.integers(1, 6), crowd=st.lists(HOLDERS, min_size=1, max_size=6))
    def all_are_let_in(self, capacity: int, crowd: list[str]) -> None:
        endings = {"evict_after", "ends_at_once", "linger"}
        lifted = {name: value for name, value in NO_POLICIES.items() if name not in endings}
        self.twin.configure(state=PoolState.ACTIVE, valid_until=None, capacity=capacity, **lifted)
        self._crowd_asks(crowd)

    def _crowd_asks(self, crowd: list[str]) -> None:
        answers = [self.twin.acquire(who) for who in crowd]
        self.grants += [answer for answer in answers if isinstance(answer, Grant)]

    @rule(
        who=HOLDERS,
        nonce=NONCES,
        key=st.sampled_from([KEY, KEY, KEY, OTHER_KEY]),
        wish=st.sampled_from([None, None, "a", "b"]),
        quantity=st.sampled_from([1, 1, 1, 2, 3]),
        group=st.sampled_from(["", "", "a", "b"]),
        version=VERSIONS,
        would_wait=st.booleans(),
    )
    def acquire(
        self,
        who: str,
        nonce: str,
        key: str,
        wish: str | None,
        quantity: int,
        group: str,
        version: str,
        would_wait: bool,
    ) -> None:
        details = {"idempotency_key": wish, "quantity": quantity, "group": group, "client_version": version}
        answer = self.twin.acquire(who, nonce, key=key, spread=7, would_wait=would_wait, **details)
        if isinstance(answer, Grant):
            self.grants.append(answer)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), key=st.sampled_from([KEY, KEY, KEY, OTHER_KEY]))
    def heartbeats(self, data: st.DataObject, key: str) -> None:
        self.twin.beat(*data.draw(st.lists(st.sampled_from(self.grants), min_size=1, max_size=4)), key=key)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), key=st.sampled_from([KEY, KEY, KEY, OTHER_KEY]))
    def release(self, data: st.DataObject, key: str) -> None:
        self.twin.release(data.draw(st.sampled_from(self.grants)), key=key)

    @rule(number=st.integers(0, 3), fence=st.integers(0, 2**53 - 1))
    def calls_about_a_lease_never_given(self, number: int, fence: int) -> None:
        never = Beat(lease_id=f"{number:032x}", fence=Fence(fence))
        self.twin.beat(never)
        self.twin.release(never)
        self.twin.validate(lease_id=never.lease_id)

    @rule(
        who=st.none() | HOLDERS,
        version=st.none() | VERSIONS,
        group=st.sampled_from([None, "", "a", "b"]),
        key=st.sampled_from([KEY, KEY, OTHER_KEY]),
    )
    def validate_by_holder(self, who: str | None, version: str | None, group: str | None, key: str) -> None:
        shown = key if self.twin.opened_by(key) else KEY
        self.twin.validate(who, version=version, group=group, key=shown)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), who=st.none() | HOLDERS, group=st.sampled_from([None, None, "", "a"]))
    def validate_by_lease(self, data: st.DataObject, who: str | None, group: str | None) -> None:
        self.twin.validate(who, data.draw(st.sampled_from(self.grants)).lease_id, group=group)

    @rule(pause=PAUSES)
    def time_passes(self, pause: int) -> None:
        self.twin.clock.forward(pause)

    @rule(pause=st.integers(1, LEASE // 2))
    def the_clock_is_set_back(self, pause: int) -> None:
        self.twin.clock.forward(-pause)
        self.twin.watch.clock_set_back()

    @rule(capacity=st.integers(0, 6))
    def resize(self, capacity: int) -> None:
        self.twin.configure(capacity=capacity)

    @rule(overage=st.integers(0, 3), drain=st.booleans(), shadow=st.sampled_from([False, False, True]))
    def policies_change(self, overage: int, drain: bool, shadow: bool) -> None:  # given by hypothesis
        self.twin.configure(overage=overage, drain=drain, shadow=shadow)

    @rule(
        groups=GROUPS,
        only_groups=st.sampled_from([False, False, True]),
        most=st.sampled_from([None, None, 1, 2]),
    )
    def groups_change(
        self, groups: dict[str, SeatGroup], only_groups: bool, most: int | None
    ) -> None:  # given by hypothesis
        self.twin.configure(groups=groups, only_groups=only_groups, holder_limit=most)

    @rule(first=st.sampled_from(["", "", "4.2", "4.3"]), last=st.sampled_from(["", "", "4", "4.3.0-rc.1"]))
    def the_window_of_versions_moves(self, first: str, last: str) -> None:
        self.twin.configure(version_min=first, version_max=last)

    @rule(most=st.sampled_from([0, 0, 1, 3]), cooldown=st.sampled_from([0, LEASE, 600_000]))
    def devices_are_limited(self, most: int, cooldown: int) -> None:
        self.twin.configure(device_limit=most, device_cooldown=Millis(cooldown))

    @rule(who=HOLDERS, by_operator=st.booleans())
    def a_device_is_removed(self, who: str, by_operator: bool) -> None:  # given by hypothesis
        self.twin.remove_device(who, by_operator=by_operator)

    @rule()
    def devices_are_listed(self) -> None:
        self.twin.devices()

    @rule(per_key=st.sampled_from([0, 0, 7, 30]), per_holder=st.sampled_from([0, 0, 2, 7]))
    def rates_change(self, per_key: int, per_holder: int) -> None:
        self.twin.configure(rate_key=per_key, rate_holder=per_holder)

    @rule(
        most=st.sampled_from([0, 1, 3, 6]),
        longest=st.sampled_from([LEASE // 2, 10 * LEASE]),
        low_water=st.sampled_from([0, 0, 1, 4]),
    )
    def lending_changes(self, most: int, longest: int, low_water: int) -> None:
        self.twin.configure(borrow_seats=most, borrow_longest=Millis(longest), borrow_low_water=low_water)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), length=st.sampled_from([0, 0, 1, LEASE // 2, 3 * LEASE, 11 * LEASE]))
    def borrow(self, data: st.DataObject, length: int) -> None:
        self.twin.borrow(data.draw(st.sampled_from(self.grants)), length)

    @precondition(lambda self: self.grants)
    @rule(data=st.data())
    def give_back_early(self, data: st.DataObject) -> None:
        self.twin.take_back(data.draw(st.sampled_from(self.grants)))

    @rule()
    def the_operator_mirrors_what_is_away(self) -> None:
        self.mirror = self.twin.borrows().leases

    @rule()
    def the_operator_puts_back_what_is_away(self) -> None:
        self.twin.restore(self.mirror)

    @rule(size=st.sampled_from([0, 1, 2, 5]), claim=st.sampled_from([LEASE // 10, LEASE]))
    def queue_changes(self, size: int, claim: int) -> None:
        self.twin.configure(queue_size=size, claim=Millis(claim))

    @rule(after=st.none() | AFTER, at_once=st.booleans())
    def how_leases_end_changes(self, after: int | None, at_once: bool) -> None:  # given by hypothesis
        self.twin.configure(evict_after=None if after is None else Millis(after), ends_at_once=at_once)

    @rule(less=st.integers(1, 4), after=AFTER, pause=PAUSES)
    def the_pool_gets_too_few_seats(self, less: int, after: int, pause: int) -> None:
        capacity = max(0, self.twin.model.live(self.twin.now) - less)
        self.twin.configure(capacity=capacity, overage=0, shadow=False, evict_after=Millis(after))
        self.twin.clock.forward(pause)
        self.twin.sweep()

    @rule(at_once=st.sampled_from([True, True, False]), pause=PAUSES)
    def a_suspension_comes_and_goes(self, at_once: bool, pause: int) -> None:  # given by hypothesis
        self.twin.configure(state=PoolState.SUSPENDED, ends_at_once=at_once)
        if self.grants:
            self.twin.beat(*self.grants[-3:])
        self.twin.clock.forward(pause)
        self.twin.sweep()
        self.twin.configure(state=PoolState.ACTIVE)

    @precondition(lambda self: self.grants)
    @rule(
        data=st.data(),
        linger=st.sampled_from([0, 1_000, LEASE // 2, 2 * LEASE]),
        pause=PAUSES,
        quantity=st.sampled_from([None, None, 1, 2]),
    )
    def a_seat_lingers(self, data: st.DataObject, linger: int, pause: int, quantity: int | None) -> None:
        self.twin.configure(linger=Millis(linger))
        grant = data.draw(st.sampled_from(self.grants[-6:]))
        self.twin.release(grant)
        self.twin.clock.forward(pause)
        self._ask_again(self.twin.holders[grant.lease_id], quantity or grant.quantity, grant.group)
        self.twin.beat(grant)

    def _ask_again(self, who: str, quantity: int, group: str) -> None:
        answer = self.twin.acquire(who, quantity=quantity, group=group, would_wait=True)
        if isinstance(answer, Grant):
            self.grants.append(answer)

    @rule(state=st.sampled_from(PoolState))
    def suspend_and_resume(self, state: PoolState) -> None:
        self.twin.configure(state=state)

    @rule(end=st.none() | st.integers(-1, 2 * LEASE))
    def licence_gets_another_end(self, end: int | None) -> None:
        self.twin.configure(valid_until=None if end is None else Millis(self.twin.now + end))

    @rule(lease=st.sampled_from([LEASE // 2, LEASE, 2 * LEASE]))
    def lease_length_changes(self, lease: int) -> None:
        self.twin.configure(lease=Millis(lease), heartbeat=Millis(lease // 3))

    @rule(
        keys=st.sampled_from([{KEY: "a"}, {KEY: "a", OTHER_KEY: "b"}]),
        key_groups=st.sampled_from([{}, {OTHER_KEY: "a"}, {OTHER_KEY: "gone"}]),
    )
    def keys_change(self, keys: dict[str, str], key_groups: dict[str, str]) -> None:
        self.twin.configure(key_ids=keys, keys_die={}, key_groups=key_groups)

    @rule(dies_in=st.integers(-1, 2 * LEASE), key_groups=st.sampled_from([{}, {OTHER_KEY: "a"}]))
    def a_key_is_replaced(self, dies_in: int, key_groups: dict[str, str]) -> None:
        self.twin.configure(
            key_ids={KEY: "a", OTHER_KEY: "b"},
            keys_die={OTHER_KEY: Millis(self.twin.now + dies_in)},
            key_groups=key_groups,
        )

    @rule(step=st.integers(0, 2))
    def epoch_is_raised(self, step: int) -> None:
        self.twin.configure(epoch=self.twin.config.epoch + step)

    @rule()
    def nothing_changes(self) -> None:
        assert not self.twin.configure().changed

    @rule()
    def sweep(self) -> None:
        self.twin.sweep()

    @rule(limit=st.sampled_from([1, 2, 3, 500]))
    def list_sessions(self, limit: int) -> None:
        self.twin.sessions(limit)

    @rule()
    def observe(self) -> None:
        self.twin.observe()

    @rule()
    def scripts_are_flushed(self) -> None:
        self.twin.runner.ask(("SCRIPT", "FLUSH"))

    @rule()
    def pool_is_made_again(self) -> None:
        self.twin.remove()
        self.twin.begin()
        self.grants.clear()
        self.copies.clear()
        self.mirror = ()

    @rule(loss=st.sampled_from(Loss), same=st.booleans())
    def callers_arrive(self, loss: Loss, same: bool) -> None:
        if not same:
            self.servers += 1
            self.twin.runner.run_id = f"server {self.servers}"
        self.twin.arrive(self.twin.runner.run_id, *self.outages[-16:], loss=loss)

    @rule(length=st.sampled_from([3_001, LEASE // 2, LEASE, 2 * LEASE]))
    def nobody_could_reach_the_authority(self, length: int) -> None:
        began = Millis(self.twin.now)
        self.twin.clock.forward(length)
        number = len(self.outages) + 1
        self.outages.append(Outage(number=number, began=began, ended=Millis(self.twin.now)))

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), nonce=NONCES, ahead=st.sampled_from([0, 0, 0, 1, 1 << 32]), late=st.booleans())
    def a_signed_lease_is_shown(self, data: st.DataObject, nonce: str, ahead: int, late: bool) -> None:
        grant = data.draw(st.sampled_from(self.grants))
        who = data.draw(st.sampled_from([self.twin.holders[grant.lease_id]] * 4 + [holder(9)]))
        ends = self.twin.now + data.draw(st.integers(0, 1)) if late else grant.at + grant.signed_for
        self.twin.readmit(
            self.twin.proof(grant, who, nonce, fence=Fence(grant.fence + ahead), valid_until=Millis(ends)),
            key=data.draw(st.sampled_from([KEY, KEY, KEY, OTHER_KEY])),
        )

    @rule()
    def a_copy_is_taken(self) -> None:
        self.copies.append(take_copy(self.twin))

    @precondition(lambda self: self.copies)
    @rule(data=st.data(), noticed=st.booleans())
    def an_old_copy_is_put_back(self, data: st.DataObject, noticed: bool) -> None:
        put_back(self.twin, data.draw(st.sampled_from(self.copies)))
        if noticed:
            self.callers_arrive(Loss.EXPECTED, same=False)
        self._holders_come_back(data)

    @rule(data=st.data())
    def all_is_lost_and_the_operator_puts_the_pool_back(self, data: st.DataObject) -> None:
        epoch = self.twin.model.epoch + 1
        flush(self.twin)
        self.twin.config = replace(self.twin.config, epoch=epoch)
        self.twin.set_up(term=1)
        self.copies.clear()
        self._holders_come_back(data)

    def _holders_come_back(self, data: st.DataObject) -> None:
        if not self.grants:
            return
        for grant in data.draw(st.lists(st.sampled_from(self.grants), max_size=5)):
            self.twin.clock.forward(data.draw(st.sampled_from([0, 1, LEASE // 4])))
            who = self.twin.holders[grant.lease_id]
            match data.draw(st.sampled_from(["beat", "lease", "lease", "acquire"])):
                case "beat":
                    self.twin.beat(grant)
                case "lease":
                    self.twin.readmit(self.twin.proof(grant, who))
                case _:
                    self.twin.acquire(who)

    @invariant()
    def the_pool_is_as_modelled(self) -> None:
        self.twin.audit()
