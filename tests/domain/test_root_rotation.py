from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest

from seatwarden.domain.licence_document import LICENCE
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm
from seatwarden.domain.root_rotation import (
    LEAD,
    MOST_ROOT_KEYS,
    Kept,
    RootKeyRecord,
    RotationWish,
    Step,
    public_set,
    signing,
    step,
)
from seatwarden.resources.signing import SigningKeyState as State
from tests.domain.objects import NOON

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
RS256, ES256 = RootAlgorithm.RS256, RootAlgorithm.ES256
HELD_FOR = LICENCE.life + 3 * DAY + DAY
ON_REQUEST = RotationWish(algorithm=RS256, longest_lease=3 * DAY)
MONTHLY = RotationWish(algorithm=RS256, longest_lease=3 * DAY, period=30 * DAY)


def _public(kid: str, algorithm: RootAlgorithm = RS256) -> PublicRootKey:
    return PublicRootKey(kid, algorithm, f"PEM of {kid}", {"kid": kid})


def _kept(*kids: str) -> list[Kept]:
    return [Kept(public=_public(kid), reference=f"at {kid}") for kid in kids]


def _record(
    kid: str, state: State, age: timedelta = timedelta(), *, compromised: bool = False
) -> RootKeyRecord:
    return RootKeyRecord(
        public=_public(kid),
        reference=f"at {kid}",
        state=state,
        since=NOON - age,
        longest_lease=3 * DAY,
        compromised=compromised,
    )


def _step(
    records: Sequence[RootKeyRecord],
    kept: Iterable[str],
    wish: RotationWish = ON_REQUEST,
    *,
    published: Iterable[str] = (),
    now: datetime = NOON,
) -> Step:
    return step(records, _kept(*kept), wish, published=set(published), now=now)


def _states(found: Step) -> list[tuple[str, str]]:
    return [(each.kid, each.state.value) for each in found.records]


def test_the_first_key_is_made_and_signs_at_once_as_nobody_can_know_another() -> None:
    assert _step([], []) == Step(records=(), makes=True)
    made = _step([], ["a"])
    assert (_states(made), made.makes) == ([("a", "Signing")], False)
    assert made.records[0].since == NOON


def test_a_key_that_is_to_be_replaced_signs_until_the_next_one_has_been_public_long_enough() -> None:
    old = _record("a", State.SIGNING, 30 * DAY)
    assert not _step([_record("a", State.SIGNING, 30 * DAY - SECOND)], ["a"], MONTHLY).makes
    due = _step([old], ["a"], MONTHLY)
    assert due.makes
    found = _step(due.records, ["a", "b"], MONTHLY)
    assert (_states(found), found.makes) == ([("a", "Signing"), ("b", "Pending")], False)
    published = _step(found.records, ["a", "b"], MONTHLY, published=["a", "b"])
    assert _states(published) == [("a", "Signing"), ("b", "Published")]
    assert published.changes_at == NOON + LEAD
    early = _step(published.records, ["a", "b"], MONTHLY, published=["a", "b"], now=NOON + LEAD - SECOND)
    assert _states(early) == [("a", "Signing"), ("b", "Published")]
    handed = _step(published.records, ["a", "b"], MONTHLY, published=["a", "b"], now=NOON + LEAD)
    assert _states(handed) == [("a", "Retiring"), ("b", "Signing")]
    assert handed.destroys == ()


def test_a_key_stays_pending_as_long_as_the_public_set_cannot_be_written() -> None:
    records = [_record("a", State.SIGNING), _record("b", State.PENDING, 9 * DAY)]
    assert _states(_step(records, ["a", "b"], published=["a"])) == [("a", "Signing"), ("b", "Pending")]


def test_a_key_ends_when_nothing_that_it_signed_can_be_alive() -> None:
    records = [_record("a", State.RETIRING, HELD_FOR - SECOND), _record("b", State.SIGNING)]
    kept = _step(records, ["a", "b"])
    assert _states(kept) == [("a", "Retiring"), ("b", "Signing")]
    assert kept.changes_at == NOON + SECOND
    ended = _step(records, ["a", "b"], now=NOON + SECOND)
    assert _states(ended) == [("a", "Retired"), ("b", "Signing")]
    assert ended.destroys == ("at a",)
    # The place may need another call: it is asked until the key is gone, and never taken for a new one.
    again = _step(ended.records, ["b"], now=NOON + 2 * SECOND)
    assert (_states(again), again.destroys) == ([("b", "Signing")], ())


def test_longer_leases_keep_the_key_that_signs_for_longer_and_shorter_ones_take_nothing_back() -> None:
    longer = RotationWish(algorithm=RS256, longest_lease=365 * DAY)
    raised = _step([_record("a", State.SIGNING)], ["a"], longer)
    assert raised.records[0].longest_lease == 365 * DAY
    assert _step(raised.records, ["a"]).records[0].longest_lease == 365 * DAY


@pytest.mark.parametrize(
    "wish",
    [
        RotationWish(algorithm=RS256, longest_lease=DAY, is_requested=True),
        RotationWish(algorithm=ES256, longest_lease=DAY),
    ],
    ids=["a person asks for it", "another algorithm"],
)
def test_another_key_is_made_once_where(wish: RotationWish) -> None:
    assert _step([_record("a", State.SIGNING)], ["a"], wish).makes
    on_its_way = [_record("a", State.SIGNING), _record("b", State.PENDING)]
    assert not _step(on_its_way, ["a", "b"], wish).makes


@pytest.mark.parametrize("state", [State.PENDING, State.PUBLISHED, State.SIGNING, State.RETIRING])
def test_a_key_that_is_compromised_is_out_at_once_and_told_as_long_as_it_may_be_believed(
    state: State,
) -> None:
    wish = RotationWish(algorithm=RS256, longest_lease=DAY, compromised=["a"])
    records = [_record("a", state), _record("b", State.PUBLISHED), _record("c", State.PENDING)]
    found = _step(records, ["a", "b", "c"], wish)
    assert _states(found)[0] == ("a", "Retired")
    assert found.records[0].compromised
    assert found.destroys == ("at a",)
    assert [each.kid for each in public_set(found.records)] == ["b", "c"]
    told = _step(found.records, ["b", "c"], wish, now=NOON + HELD_FOR - SECOND)
    assert ("a", "Retired") in _states(told)
    assert "a" not in [kid for kid, _ in _states(_step(told.records, ["b", "c"], wish, now=NOON + HELD_FOR))]


def test_where_the_key_that_signs_is_compromised_the_next_one_does_not_wait() -> None:
    wish = RotationWish(algorithm=RS256, longest_lease=DAY, compromised=["a"])
    records = [_record("a", State.SIGNING), _record("b", State.PUBLISHED)]
    assert _states(_step(records, ["a", "b"], wish)) == [("a", "Retired"), ("b", "Signing")]
    alone = _step([_record("a", State.SIGNING)], ["a"], wish)
    assert (_states(alone), alone.makes) == ([("a", "Retired")], True)
    assert _states(_step(alone.records, ["b"], wish)) == [("a", "Retired"), ("b", "Signing")]


def test_without_a_memory_the_oldest_key_signs_and_the_others_are_published_first() -> None:
    assert _states(_step([], ["a", "b"])) == [("a", "Signing"), ("b", "Pending")]


def test_a_key_that_somebody_destroyed_signs_no_more_and_what_it_signed_stays_good() -> None:
    lost = _step([_record("a", State.SIGNING), _record("b", State.PENDING)], [])
    assert (_states(lost), lost.makes) == ([("a", "Retiring")], True)


def test_a_key_that_its_place_is_about_to_destroy_is_destroyed_once_and_taken_for_no_new_one() -> None:
    ends = Kept(public=_public("a"), reference="at a", ends=True)
    retired = [_record("a", State.RETIRED), _record("b", State.SIGNING)]
    found = step(retired, [ends, *_kept("b")], ON_REQUEST, published=[], now=NOON)
    assert (_states(found), found.destroys) == ([("b", "Signing")], ())
    again = step(found.records, [ends, *_kept("b")], ON_REQUEST, published=[], now=NOON)
    assert _states(again) == [("b", "Signing")]
    # Somebody else wants the key gone that signs: that can be undone, and is no reason to trust another one.
    signs = step([_record("a", State.SIGNING)], [ends], ON_REQUEST, published=[], now=NOON)
    assert (_states(signs), signs.makes) == ([("a", "Signing")], False)


def test_with_too_many_keys_a_rotation_waits_for_the_oldest_to_end_and_an_emergency_does_not() -> None:
    retiring = [_record(f"r{number}", State.RETIRING, number * DAY) for number in range(1, MOST_ROOT_KEYS)]
    kids = [each.kid for each in retiring]
    wish = RotationWish(algorithm=RS256, longest_lease=DAY, is_requested=True)
    found = _step([*retiring, _record("a", State.SIGNING)], [*kids, "a"], wish)
    assert not found.makes
    assert found.waits_until == retiring[-1].ends_at
    assert _step([*retiring, _record("a", State.RETIRING)], [*kids, "a"], wish).makes


def test_the_key_that_signs_is_the_one_that_is_said_to() -> None:
    assert signing([]) is None
    found = signing([_record("a", State.RETIRING), _record("b", State.SIGNING)])
    assert found is not None
    assert found.kid == "b"
