"""Which licence keys open a pool, from when until when."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.key_ring import EarlierKey, KeyRing, Keys, Turn, dies_at, next_death, turned
from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key
from seatwarden.resources.seatpool import MOST_LICENCE_KEYS
from tests.domain.objects import NOON, uid_of

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def key(number: int) -> LicenceKey:
    return new_licence_key(uid_of("dev"), number.to_bytes(SECRET_BYTES))


FIRST = KeyRing(newest=key(1))


def earlier(number: int, *, ago: timedelta = timedelta(0)) -> EarlierKey:
    return EarlierKey(sha256=key(number).sha256, replaced_at=NOON - ago)


def turn(
    ring: KeyRing,
    request: str | None = None,
    *,
    overlap: timedelta = WEEK,
    now: datetime = NOON,
    number: int = 9,
) -> Turn:
    """What becomes of ``ring``; a key that is made is the one of ``number``."""
    return turned(ring, request=request, overlap=overlap, now=now, new_key=lambda: key(number))


def full() -> KeyRing:
    """As many keys as may be, the oldest replaced three days ago."""
    ago = [timedelta(days=days) for days in range(1, MOST_LICENCE_KEYS)]
    return KeyRing(
        newest=key(0),
        earlier=tuple(earlier(at, ago=one) for at, one in enumerate(ago, 1)),
        rotated_for="before",
    )


def test_without_a_request_nothing_turns() -> None:
    assert turn(FIRST) == Turn(ring=FIRST)


def test_a_request_puts_a_new_key_in_front_and_the_one_before_lives_for_the_overlap() -> None:
    ring = turn(FIRST, "today").ring

    assert ring == KeyRing(newest=key(9), earlier=(earlier(1),), rotated_for="today")
    assert next_death(ring, WEEK) == NOON + WEEK


def test_a_request_is_met_once() -> None:
    once = turn(FIRST, "today")
    assert turn(once.ring, "today", number=10) == once


def test_any_other_value_is_another_request_and_its_key_has_a_time_of_its_own() -> None:
    once = turn(FIRST, "b").ring
    later = NOON + timedelta(days=1)
    ring = turn(once, "a", now=later, number=10).ring

    assert ring.newest == key(10)
    assert [(one.sha256, dies_at(one, WEEK)) for one in ring.earlier] == [
        (key(9).sha256, later + WEEK),
        (key(1).sha256, NOON + WEEK),
    ]


def test_an_instant_of_replacement_is_in_whole_seconds_as_it_is_written_down() -> None:
    ring = turn(FIRST, "today", now=NOON + timedelta(microseconds=999_999)).ring
    assert ring.earlier[0].replaced_at == NOON


@pytest.mark.parametrize(("since", "lives"), [(WEEK - SECOND, True), (WEEK, False), (WEEK + SECOND, False)])
def test_a_key_is_dropped_in_the_instant_in_which_it_dies(since: timedelta, lives: bool) -> None:
    ring = KeyRing(newest=key(1), earlier=(earlier(2, ago=since),))
    assert bool(turn(ring).ring.earlier) is lives


def test_without_an_overlap_the_key_before_is_dead_at_once() -> None:
    ring = turn(FIRST, "leak", overlap=timedelta(0), now=NOON + timedelta(microseconds=5)).ring
    assert (ring.newest, ring.earlier) == (key(9), ())


def test_a_shorter_overlap_ends_earlier_keys_and_not_the_newest() -> None:
    ring = turn(full(), overlap=timedelta(days=2)).ring
    assert ring == KeyRing(newest=key(0), earlier=full().earlier[:1], rotated_for="before")
    assert turn(full(), overlap=timedelta(0)).ring.earlier == ()


def test_with_as_many_keys_as_may_be_a_rotation_waits_for_the_oldest_and_costs_nobody_any_time() -> None:
    waiting = turn(full(), "now")
    assert waiting == Turn(ring=full(), waits_until=NOON + WEEK - timedelta(days=3))

    assert waiting.waits_until is not None
    done = turn(full(), "now", now=waiting.waits_until)
    assert done.waits_until is None
    assert (done.ring.newest, len(done.ring.earlier)) == (key(9), MOST_LICENCE_KEYS - 1)


def test_a_rotation_that_waits_is_done_as_soon_as_a_shorter_overlap_makes_room() -> None:
    done = turn(full(), "now", overlap=timedelta(days=3))
    assert done.waits_until is None
    assert done.ring.newest == key(9)


def test_with_as_many_keys_as_may_be_a_rotation_without_overlap_does_not_wait() -> None:
    done = turn(full(), "now", overlap=timedelta(0))
    assert done == Turn(ring=KeyRing(newest=key(9), rotated_for="now"))


def test_an_earlier_key_that_was_put_back_by_hand_does_not_die() -> None:
    ring = KeyRing(newest=key(2), earlier=(earlier(2), earlier(1)))
    assert turn(ring).ring.earlier == (earlier(1),)


@given(
    st.lists(st.tuples(st.integers(0, 5 * 86_400), st.sampled_from(["a", "b", "c", None])), max_size=40),
    st.integers(0, 9 * 86_400),
)
def test_however_often_it_is_asked_for_keys_stay_few_and_each_lives_its_whole_overlap(
    story: list[tuple[int, str | None]], seconds: int
) -> None:
    overlap, now, ring = timedelta(seconds=seconds), NOON, FIRST
    replaced_at: dict[str, datetime] = {}
    for number, (pause, request) in enumerate(story, 10):
        now += timedelta(seconds=pause)
        before, step = ring, turn(ring, request, overlap=overlap, now=now, number=number)
        ring = step.ring
        if ring.newest != before.newest:
            replaced_at[before.newest.sha256] = now
        assert (step.waits_until is None) or step.waits_until > now
        assert 1 + len(ring.earlier) <= MOST_LICENCE_KEYS
        living = {sha256 for sha256, since in replaced_at.items() if since + overlap > now}
        assert {one.sha256 for one in ring.earlier} == living


def turn_groups(
    ring: KeyRing, *groups: str, request: str | None = None, now: datetime = NOON, first: int = 100
) -> Turn:
    """What becomes of ``ring`` where these groups have keys of their own; new keys count from ``first`` on."""
    numbers = count(first)
    return turned(
        ring, request=request, overlap=WEEK, now=now, new_key=lambda: key(next(numbers)), groups=groups
    )


def test_a_group_gets_a_key_of_its_own_once_and_loses_it_with_its_place_in_the_spec() -> None:
    ring = turn_groups(FIRST, "render", "film").ring
    assert ring == KeyRing(
        newest=key(1), groups={"render": Keys(newest=key(100)), "film": Keys(newest=key(101))}
    )
    assert turn_groups(ring, "render", "film") == Turn(ring=ring)
    assert turn_groups(ring, "film").ring.groups == {"film": Keys(newest=key(101))}
    assert turn(ring).ring == FIRST


def test_the_keys_of_groups_are_replaced_with_that_of_the_pool_and_live_as_long() -> None:
    ring = turn_groups(FIRST, "render").ring
    turned_ring = turn_groups(ring, "render", "film", request="today", first=200).ring
    assert turned_ring.rotated_for == "today"
    assert turned_ring.earlier == (earlier(1),)
    assert turned_ring.groups["render"].earlier == (earlier(100),)
    # One that is made just now is not old already.
    assert turned_ring.groups["film"].earlier == ()
    every = [keys.newest for _, keys in turned_ring.all_keys()]
    assert len({*every, key(1), key(100)}) == 5
    assert next_death(turned_ring, WEEK) == NOON + WEEK
    after = turn_groups(turned_ring, "render", "film", now=NOON + WEEK).ring
    assert [keys.earlier for _, keys in after.all_keys()] == [(), (), ()]


def test_where_the_keys_of_one_group_are_too_many_none_is_replaced() -> None:
    groups = {"render": Keys(newest=key(20), earlier=full().earlier), "film": Keys(newest=key(30))}
    ring = KeyRing(newest=key(1), groups=groups)
    waiting = turn_groups(ring, "render", "film", request="today")
    assert waiting == Turn(ring=ring, waits_until=NOON + WEEK - timedelta(days=3))
    turned_ring = turn_groups(ring, "render", "film", request="today", now=waiting.waits_until or NOON).ring
    assert turned_ring.rotated_for == "today"
