"""Scenes of several licence keys: those that were replaced open the pool until their time, and the use of each is told."""

import hashlib

from seatwarden.domain.seats import Code, GroupVerdict, KeyUse, Millis, SeatGroup
from tests.authority.desk import KEY, holder
from tests.authority.twin import Twin

OLD = hashlib.sha256(b"the licence key before").hexdigest()
BOTH = {KEY: KEY[:10], OLD: OLD[:10]}
DAY = 86_400_000


def replaced(twin: Twin, *, dies_in: int) -> None:
    """`OLD` is replaced by `KEY`."""
    twin.configure(key_ids=BOTH, keys_die={OLD: Millis(twin.now + dies_in)})


def a_replaced_key_opens_the_pool_until_the_very_millisecond_in_which_it_dies(twin: Twin) -> None:
    replaced(twin, dies_in=1000)
    grant = twin.seat(holder(1), key=OLD)

    twin.clock.forward(999)
    assert twin.beat(grant, key=OLD)[0].code is Code.OK
    assert twin.acquire(holder(2), key=OLD).code is Code.GRANTED
    twin.clock.forward(1)
    assert twin.acquire(holder(2), key=OLD).code is Code.INVALID_LICENSE
    assert twin.beat(grant, key=OLD)[0].code is Code.INVALID_LICENSE
    assert twin.release(grant, key=OLD) is Code.INVALID_LICENSE
    twin.audit()


def a_lease_goes_on_under_any_key_that_opens_the_pool(twin: Twin) -> None:
    replaced(twin, dies_in=1000)
    grant = twin.seat(holder(1), key=OLD)
    twin.clock.forward(1000)

    assert twin.beat(grant)[0].code is Code.OK
    again = twin.seat(holder(1))
    assert (again.code, again.fence) == (Code.EXISTING, grant.fence)
    assert twin.release(grant) is Code.RELEASED


def a_key_whose_life_is_made_shorter_or_longer_dies_when_it_was_last_told_to(twin: Twin) -> None:
    replaced(twin, dies_in=DAY)
    replaced(twin, dies_in=10)
    twin.clock.forward(9)
    replaced(twin, dies_in=2)
    twin.clock.forward(1)
    twin.seat(holder(1), key=OLD)
    twin.clock.forward(1)
    assert twin.acquire(holder(1), key=OLD).code is Code.INVALID_LICENSE


def each_key_tells_what_it_gave_what_it_was_refused_and_when_it_was_last_used(twin: Twin) -> None:
    replaced(twin, dies_in=DAY)
    assert twin.sweep().key_uses == {}
    twin.seat(holder(1), key=OLD)
    twin.clock.forward(5)
    twin.seat(holder(2))
    assert twin.acquire(holder(3), key=OLD).code is Code.POOL_EXHAUSTED
    refused_at = twin.now
    twin.clock.forward(5)
    twin.seat(holder(2), "another run")
    twin.seat(holder(2), "another run")

    assert twin.sweep().key_uses == {
        KEY[:10]: KeyUse(2, 0, Millis(twin.now)),
        OLD[:10]: KeyUse(1, 1, Millis(refused_at)),
    }


def a_heartbeat_is_no_use_that_is_counted(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    before = twin.sweep().key_uses
    twin.clock.forward(5)
    twin.beat(grant)
    assert twin.sweep().key_uses == before


def the_same_answer_given_again_is_not_counted_again(twin: Twin) -> None:
    twin.seat(holder(1), idempotency_key="wish")
    before = twin.sweep().key_uses
    twin.clock.forward(5)
    twin.seat(holder(1), idempotency_key="wish")
    assert twin.sweep().key_uses == before


def what_was_counted_for_a_key_goes_with_it_and_that_of_the_others_stays(twin: Twin) -> None:
    replaced(twin, dies_in=DAY)
    twin.seat(holder(1), key=OLD)
    twin.seat(holder(2))
    mine = twin.sweep().key_uses[KEY[:10]]
    twin.configure(key_ids={KEY: KEY[:10]}, keys_die={})

    assert twin.sweep().key_uses == {KEY[:10]: mine}
    twin.audit()
    replaced(twin, dies_in=DAY)
    assert twin.sweep().key_uses == {KEY[:10]: mine}


def the_key_of_a_group_is_for_that_one_whatever_is_named_and_whoever_comes(twin: Twin) -> None:
    groups = {"a": SeatGroup(limit=1), "b": SeatGroup(members=frozenset({holder(1), holder(4)}))}
    twin.configure(key_ids=BOTH, key_groups={OLD: "a"}, groups=groups, capacity=9)
    assert twin.validate(holder(1), group="b", key=OLD).group == GroupVerdict("a", True, 0, 1, 0)
    grant = twin.seat(holder(1), group="b", key=OLD)
    assert grant.group == "a"
    assert twin.acquire(holder(2), key=OLD).code is Code.GROUP_LIMIT
    assert twin.seat(holder(4)).group == "b"
    # With the key of the pool the member of another group is in that one again.
    assert twin.seat(holder(1), "again").group == "b"
    twin.configure(keys_die={OLD: Millis(twin.now + 1000)})
    assert twin.seat(holder(3), key=OLD).group == "a"
    assert twin.beat(grant, key=OLD)[0].code is Code.STALE_FENCE
    used = twin.sweep().key_uses
    assert (used[OLD[:10]].granted, used[OLD[:10]].denied, used[KEY[:10]].granted) == (2, 1, 2)
    twin.audit()
    twin.clock.forward(1000)
    assert twin.acquire(holder(3), key=OLD).code is Code.INVALID_LICENSE


def the_key_of_a_group_shows_and_removes_nothing_of_the_others(twin: Twin) -> None:
    twin.configure(key_ids=BOTH, key_groups={OLD: "a"}, groups={"a": SeatGroup()}, device_limit=3)
    twin.seat(holder(1), key=OLD)
    twin.seat(holder(2))
    twin.sessions_refused(OLD)
    twin.remove_device(holder(2), key=OLD)
    assert len(twin.devices().devices) == 2
    twin.configure(key_groups={})
    assert len(twin.sessions()) == 2


def a_key_without_its_group_gives_no_seat(twin: Twin) -> None:
    twin.configure(key_ids=BOTH, key_groups={OLD: "a"})
    assert twin.acquire(holder(1), key=OLD).code is Code.NOT_ENTITLED
    twin.seat(holder(1))


def the_rate_of_a_key_is_that_of_its_id(twin: Twin) -> None:
    twin.configure(key_ids=BOTH, key_groups={OLD: "a"}, groups={"a": SeatGroup()}, rate_key=1, capacity=9)
    twin.seat(holder(1), key=OLD)
    twin.configure(key_groups={})
    assert twin.acquire(holder(2), key=OLD).code is Code.RATE_LIMITED
    twin.audit()


SCENES = (
    a_replaced_key_opens_the_pool_until_the_very_millisecond_in_which_it_dies,
    a_lease_goes_on_under_any_key_that_opens_the_pool,
    a_key_whose_life_is_made_shorter_or_longer_dies_when_it_was_last_told_to,
    each_key_tells_what_it_gave_what_it_was_refused_and_when_it_was_last_used,
    a_heartbeat_is_no_use_that_is_counted,
    the_same_answer_given_again_is_not_counted_again,
    what_was_counted_for_a_key_goes_with_it_and_that_of_the_others_stays,
    the_key_of_a_group_is_for_that_one_whatever_is_named_and_whoever_comes,
    the_key_of_a_group_shows_and_removes_nothing_of_the_others,
    a_key_without_its_group_gives_no_seat,
    the_rate_of_a_key_is_that_of_its_id,
)
