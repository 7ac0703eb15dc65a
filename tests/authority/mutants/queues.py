"""Scenes of the queue: places, offers that pass on, and who may go before whom."""

from dataclasses import replace
from typing import Any

from seatwarden.domain.seats import Code, Grant, Millis, Refusal, SeatGroup
from tests.authority.copies import flush
from tests.authority.desk import holder
from tests.authority.mutants.walk import LEASE
from tests.authority.twin import Twin

CLAIM = Millis(LEASE // 20)


def they_are_served_in_turn(twin: Twin) -> None:
    twin.configure(capacity=2, queue_size=3, claim=CLAIM)
    first, second = twin.seat(holder(0)), twin.seat(holder(1))
    assert [_position(twin, number) for number in (2, 3, 4)] == [1, 2, 3]
    assert _ask(twin, 5).code is Code.QUEUE_FULL
    twin.audit()
    twin.release(first)
    assert _position(twin, 3) == 1
    twin.audit()
    assert twin.acquire(holder(6)).code is Code.POOL_EXHAUSTED
    twin.release(second)
    assert isinstance(_ask(twin, 3), Grant)
    assert _position(twin, 4) == 1
    assert isinstance(_ask(twin, 2), Grant)
    twin.sweep()
    twin.audit()


def a_big_wish_blocks_and_is_served(twin: Twin) -> None:
    twin.configure(capacity=4, queue_size=9, claim=CLAIM)
    grants = [twin.seat(holder(number)) for number in range(4)]
    assert _position(twin, 10, quantity=3) == 1
    assert _position(twin, 11) == 2
    for grant in grants[:2]:
        twin.release(grant)
        assert _position(twin, 11) == 2
        assert twin.acquire(holder(12)).code is Code.POOL_EXHAUSTED
    assert twin.acquire(holder(3), quantity=2).code is Code.POOL_EXHAUSTED
    twin.release(grants[2])
    assert _position(twin, 11) == 1
    assert twin.acquire(holder(13), quantity=5).code is Code.POOL_EXHAUSTED
    twin.audit()
    assert isinstance(_ask(twin, 10, quantity=3), Grant)
    twin.audit()


def offers_and_places_lapse_in_their_millisecond(twin: Twin) -> None:
    twin.configure(capacity=3, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0), quantity=3)
    _position(twin, 1, quantity=3)
    _position(twin, 2)
    twin.release(grant)
    _position(twin, 2)
    twin.clock.forward(CLAIM - 1)
    assert twin.acquire(holder(5), quantity=3).code is Code.POOL_EXHAUSTED
    _position(twin, 2)
    twin.audit()
    twin.clock.forward(1)
    assert isinstance(_ask(twin, 2), Grant)
    twin.audit()
    assert _position(twin, 1, quantity=3) == 1
    twin.clock.forward(2 * CLAIM - 1)
    assert _position(twin, 3) == 2
    twin.sweep()
    twin.clock.forward(1)
    assert twin.sweep().waiting == 1
    twin.audit()
    assert _position(twin, 1, quantity=3) == 1
    twin.audit()
    assert isinstance(_ask(twin, 3), Grant)


def a_late_claim_begins_anew(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0))
    _position(twin, 1)
    _position(twin, 2)
    twin.release(grant)
    _position(twin, 2)
    twin.clock.forward(CLAIM)
    assert _position(twin, 1) == 1
    twin.audit()
    assert isinstance(_ask(twin, 2), Grant)
    twin.clock.forward(2 * CLAIM)
    assert _position(twin, 3) == 1
    assert _position(twin, 1) == 2
    twin.audit()


def an_offer_that_cannot_be_kept_goes_back_to_its_place(twin: Twin) -> None:
    twin.configure(capacity=3, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0), quantity=2)
    twin.seat(holder(9))
    _position(twin, 1, quantity=2)
    _position(twin, 2, quantity=2)
    twin.release(grant)
    _position(twin, 2, quantity=2)
    twin.configure(capacity=2)
    assert _position(twin, 1, quantity=2) == 1
    assert _position(twin, 2, quantity=2) == 2
    twin.audit()
    twin.configure(capacity=1)
    assert _ask(twin, 1, quantity=2).code is Code.POOL_EXHAUSTED
    twin.audit()
    assert _ask(twin, 2, quantity=2).code is Code.POOL_EXHAUSTED
    assert twin.sweep().waiting == 0


def priorities(twin: Twin) -> None:
    groups = {"top": SeatGroup(priority=9), "mid": SeatGroup(priority=1), "low": SeatGroup()}
    twin.configure(capacity=2, queue_size=20, claim=CLAIM, groups=groups)
    twin.seat(holder(0))
    grant = twin.seat(holder(1))
    assert _position(twin, 2, quantity=2) == 1
    assert _position(twin, 3, group="low") == 2
    assert _position(twin, 4, group="mid", quantity=2) == 1
    assert _position(twin, 5, group="top", quantity=2) == 1
    assert _position(twin, 6, group="top", quantity=2) == 2
    assert _position(twin, 7, group="mid") == 4
    twin.audit()
    twin.release(grant)
    assert twin.acquire(holder(8), group="top").code is Code.POOL_EXHAUSTED
    for number in (5, 6):
        twin.acquire(holder(number), group="top", quantity=1)
    twin.audit()
    assert twin.acquire(holder(9), group="mid").code is Code.POOL_EXHAUSTED
    twin.sweep()
    twin.audit()


def a_higher_priority_does_not_wait_behind_a_lower_one(twin: Twin) -> None:
    twin.configure(capacity=3, queue_size=20, claim=CLAIM, groups={"mid": SeatGroup(priority=1)})
    twin.seat(holder(0), quantity=2)
    assert _position(twin, 1, quantity=2) == 1
    twin.seat(holder(2), group="mid")
    twin.audit()


def the_highest_priority_keeps_its_place_too(twin: Twin) -> None:
    twin.configure(capacity=3, queue_size=9, claim=CLAIM, groups={"top": SeatGroup(priority=9)})
    grant = twin.seat(holder(0), quantity=2)
    twin.seat(holder(9))
    _position(twin, 1, quantity=2, group="top")
    _position(twin, 2, quantity=2, group="top")
    twin.release(grant)
    _position(twin, 2, quantity=2, group="top")
    twin.configure(capacity=2)
    assert _position(twin, 1, quantity=2, group="top") == 1
    twin.audit()


def a_share_is_offered_though_another_one_is_kept(twin: Twin) -> None:
    twin.configure(capacity=2, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0))
    twin.seat(holder(1))
    twin.configure(groups={"own": SeatGroup(reserved=1), "other": SeatGroup(reserved=1)})
    assert _position(twin, 2, group="own") == 1
    twin.release(grant)
    assert twin.acquire(holder(3)).code is Code.POOL_EXHAUSTED
    twin.audit()
    assert isinstance(_ask(twin, 2, group="own"), Grant)
    twin.audit()


def a_crowd_that_gave_up_is_in_nobodys_way(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=300, claim=CLAIM)
    twin.seat(holder(0))
    for number in range(1, 204):
        _position(twin, number)
    for number in (202, 203):
        twin.clock.forward(1)
        _position(twin, number)
    twin.clock.forward(2 * CLAIM)
    assert twin.acquire(holder(400)).code is Code.POOL_EXHAUSTED
    twin.audit()
    twin.clock.forward(LEASE)
    twin.seat(holder(400))
    twin.audit()


def tickets_that_redis_lost_are_in_nobodys_way(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0))
    _position(twin, 1)
    twin.runner.ask(("DEL", twin.keys.tickets, twin.keys.waits))
    twin.model.tickets.clear()
    twin.release(grant)
    twin.seat(holder(2))
    twin.audit()


def the_estimate_counts_all_that_ended(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM)
    for _ in range(2):
        twin.seat(holder(0))
        twin.clock.forward(LEASE)
    twin.release(twin.seat(holder(1)))
    twin.seat(holder(2))
    _position(twin, 3)


def shares_and_limits(twin: Twin) -> None:
    groups = {"own": SeatGroup(reserved=2), "few": SeatGroup(limit=1)}
    twin.configure(capacity=5, queue_size=20, claim=CLAIM, groups=groups)
    grants = [twin.seat(holder(number)) for number in range(3)]
    assert _position(twin, 10) == 1
    assert _position(twin, 11, group="few") == 2
    assert _ask(twin, 12, quantity=4).code is Code.POOL_EXHAUSTED
    assert _ask(twin, 12, quantity=4, group="own").code is Code.QUEUED
    twin.seat(holder(20), group="own")
    twin.release(grants[0])
    twin.seat(holder(21), group="own")
    assert _position(twin, 13, group="own") >= 1
    twin.audit()
    assert isinstance(_ask(twin, 10), Grant)
    twin.configure(groups={"own": SeatGroup(reserved=2), "few": SeatGroup(limit=0)})
    twin.release(grants[1])
    assert _ask(twin, 11, group="few").code is Code.GROUP_LIMIT
    twin.audit()
    _ask(twin, 12, quantity=4, group="own")
    twin.configure(groups={"own": SeatGroup(reserved=5)})
    assert _ask(twin, 30).code in {Code.RESERVED, Code.POOL_EXHAUSTED}
    twin.sweep()
    twin.audit()


def who_blocks_for_ever_is_sent_away(twin: Twin) -> None:
    groups = {"few": SeatGroup(limit=2)}
    twin.configure(capacity=4, queue_size=20, claim=CLAIM, groups=groups)
    grant = twin.seat(holder(0), quantity=4)
    _position(twin, 1, quantity=2, group="few")
    _position(twin, 2, quantity=2)
    _position(twin, 3)
    twin.configure(groups={"few": SeatGroup(limit=1)})
    twin.release(grant)
    assert isinstance(_ask(twin, 3), Grant)
    twin.audit()
    twin.configure(groups={"own": SeatGroup(reserved=3)})
    assert _ask(twin, 5, quantity=2).code in {Code.RESERVED, Code.POOL_EXHAUSTED}
    twin.audit()


def another_wish_begins_at_the_end(twin: Twin) -> None:
    twin.configure(capacity=2, queue_size=9, claim=CLAIM, groups={"a": SeatGroup()})
    grant = twin.seat(holder(0), quantity=2)
    _position(twin, 1)
    _position(twin, 2)
    assert _position(twin, 1, quantity=2) == 2
    assert _position(twin, 2, group="a") == 2
    twin.audit()
    twin.release(grant)
    _position(twin, 2, group="a")
    assert isinstance(_ask(twin, 1), Grant)
    twin.audit()


def to_ask_without_waiting_is_to_leave(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM)
    twin.seat(holder(0))
    _position(twin, 1)
    _position(twin, 2)
    assert twin.acquire(holder(1)).code is Code.POOL_EXHAUSTED
    twin.audit()
    twin.configure(drain=True)
    assert _ask(twin, 2).code is Code.DRAINING
    twin.audit()
    twin.configure(drain=False, shadow=True)
    _ask(twin, 3)
    twin.configure(shadow=False, queue_size=0)
    assert _ask(twin, 4).code is Code.POOL_EXHAUSTED
    twin.audit()


def a_pool_that_drains_offers_nothing(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0))
    _position(twin, 1)
    twin.release(grant)
    twin.configure(drain=True)
    assert _ask(twin, 2).code is Code.DRAINING
    twin.audit()
    twin.configure(drain=False)
    assert isinstance(_ask(twin, 1), Grant)
    twin.audit()


def places_are_kept_in_recovery_and_offers_are_not(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM)
    grant = twin.seat(holder(0))
    for number in (1, 2, 3):
        _position(twin, number)
    twin.release(grant)
    _position(twin, 2)
    twin.configure(epoch=twin.config.epoch + 1)
    for _ in range(3):
        twin.clock.forward(2 * CLAIM - 1)
        assert _ask(twin, 1).code is Code.RECOVERING
        assert _ask(twin, 3).code is Code.RECOVERING
        assert _ask(twin, 9).code is Code.RECOVERING
    twin.audit()
    twin.clock.now = max(twin.now, twin.model.recover_until)
    _ask(twin, 2)
    twin.audit()
    flush(twin)
    twin.config = replace(twin.config, epoch=9)
    twin.set_up(term=1)
    twin.audit()


def in_a_rate_asking_again_is_no_wish(twin: Twin) -> None:
    twin.configure(capacity=1, queue_size=9, claim=CLAIM, rate_holder=1, rate_key=3)
    twin.seat(holder(0))
    for _ in range(4):
        assert _position(twin, 1) == 1
    assert twin.acquire(holder(0), "again").code is Code.RATE_LIMITED
    twin.configure(queue_size=0)
    assert _ask(twin, 1).code is Code.RATE_LIMITED
    twin.audit()


def _ask(twin: Twin, number: int, **details: Any) -> Grant | Refusal:
    return twin.acquire(holder(number), would_wait=True, **details)


def _position(twin: Twin, number: int, **details: Any) -> int:
    answer = _ask(twin, number, **details)
    assert isinstance(answer, Refusal), answer
    assert answer.place is not None, answer
    return answer.place.position


SCENES = (
    they_are_served_in_turn,
    a_big_wish_blocks_and_is_served,
    offers_and_places_lapse_in_their_millisecond,
    a_late_claim_begins_anew,
    an_offer_that_cannot_be_kept_goes_back_to_its_place,
    priorities,
    a_higher_priority_does_not_wait_behind_a_lower_one,
    the_highest_priority_keeps_its_place_too,
    a_share_is_offered_though_another_one_is_kept,
    a_crowd_that_gave_up_is_in_nobodys_way,
    tickets_that_redis_lost_are_in_nobodys_way,
    the_estimate_counts_all_that_ended,
    shares_and_limits,
    who_blocks_for_ever_is_sent_away,
    another_wish_begins_at_the_end,
    to_ask_without_waiting_is_to_leave,
    a_pool_that_drains_offers_nothing,
    places_are_kept_in_recovery_and_offers_are_not,
    in_a_rate_asking_again_is_no_wish,
)
