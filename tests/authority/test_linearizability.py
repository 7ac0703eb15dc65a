"""The judge of recorded histories is itself judged, by small histories whose verdict is plain."""

from typing import Any

from tests.authority.linearizability import FOREVER, Call, Judgement, judge, most_held_at_once


def _call(kind: str, who: str, detail: Any, answer: Any, began: float, returned: float = FOREVER) -> Call:
    return Call("pool", kind, who, detail, answer, began, returned)


def _explained(*calls: Call, seats: int = 1) -> bool:
    return judge(calls, seats) == Judgement([], [])


def test_calls_one_after_another_are_explained_as_they_came() -> None:
    assert _explained(
        _call("acquire", "a", "1", ("granted", 1), 0, 1),
        _call("acquire", "b", "1", "pool_exhausted", 2, 3),
        _call("heartbeat", "a", 1, "ok", 4, 5),
        _call("release", "a", 1, "released", 6, 7),
        _call("release", "a", 1, "already_released", 8, 9),
        _call("acquire", "b", "1", ("granted", 2), 10, 11),
        _call("acquire", "b", "1", ("existing", 2), 12, 13),
        _call("heartbeat", "a", 1, "released", 14, 15),
        _call("look", "", None, ("live", 1), 16, 17),
    )


def test_two_grants_of_one_seat_are_not() -> None:
    assert not _explained(
        _call("acquire", "a", "1", ("granted", 1), 0, 10),
        _call("acquire", "b", "1", ("granted", 2), 1, 9),
    )


def test_a_seat_moves_between_overlapping_calls() -> None:
    history = (
        _call("acquire", "a", "1", ("granted", 1), 0, 1),
        _call("acquire", "b", "1", ("granted", 2), 2, 9),
        _call("release", "a", 1, "released", 3, 8),
    )
    assert _explained(*history)
    too_late = _call("release", "a", 1, "released", 9.5, 10)
    assert not _explained(*history[:2], too_late)


def test_a_call_without_an_answer_may_have_been_made_or_not() -> None:
    granted = _call("acquire", "a", "1", ("granted", 1), 0, 1)
    lost = _call("release", "a", 1, None, 2)
    assert _explained(granted, lost, _call("acquire", "b", "1", ("granted", 2), 3, 4))
    assert _explained(granted, lost, _call("acquire", "b", "1", "pool_exhausted", 3, 4))


def test_a_lost_call_has_no_effect_before_it_began() -> None:
    lost = _call("release", "a", 1, None, 5)
    granted = _call("acquire", "a", "1", ("granted", 1), 0, 1)
    assert not _explained(granted, lost, _call("acquire", "b", "1", ("granted", 2), 2, 4))


def test_a_lost_grant_is_found_again_and_its_fence_with_it() -> None:
    lost = _call("acquire", "a", "1", None, 0)
    again = _call("acquire", "a", "1", ("existing", 7), 1, 2)
    assert _explained(lost, again, _call("heartbeat", "a", 7, "ok", 3, 4))
    assert not _explained(lost, again, _call("heartbeat", "a", 6, "ok", 3, 4))


def test_a_fence_that_goes_back_is_not_explained() -> None:
    assert not _explained(
        _call("acquire", "a", "1", ("granted", 5), 0, 1),
        _call("acquire", "a", "2", ("granted", 4), 2, 3),
    )


def test_an_old_run_is_told_that_its_fence_is_stale() -> None:
    first = _call("acquire", "a", "1", ("granted", 1), 0, 1)
    second = _call("acquire", "a", "2", ("granted", 2), 2, 3)
    assert _explained(first, second, _call("heartbeat", "a", 1, "stale_fence", 4, 5))
    assert not _explained(first, second, _call("heartbeat", "a", 1, "ok", 4, 5))
    assert not _explained(first, second, _call("release", "a", 1, "released", 4, 5))


def test_a_renewal_of_a_released_seat_is_not_explained() -> None:
    assert not _explained(
        _call("acquire", "a", "1", ("granted", 1), 0, 1),
        _call("release", "a", 1, "released", 2, 3),
        _call("heartbeat", "a", 1, "ok", 4, 5),
    )


def test_pools_are_judged_one_by_one() -> None:
    other = Call("other", "acquire", "b", "1", ("granted", 1), 0, 1)
    assert _explained(_call("acquire", "a", "1", ("granted", 1), 0, 1), other)
    again = Call("other", "acquire", "a", "1", ("granted", 2), 2, 3)
    assert judge([_call("acquire", "a", "1", ("granted", 1), 0, 1), other, again], 1) == Judgement(
        ["other"], []
    )


def test_seats_surely_held_at_once_are_counted_from_the_clients_side_alone() -> None:
    first = _call("acquire", "a", "1", ("granted", 1), 0, 1)
    second = _call("acquire", "b", "1", ("granted", 2), 2, 3)
    assert most_held_at_once([first, second]) == 2
    assert most_held_at_once([first, _call("release", "a", 1, None, 2.5), second]) == 1
    assert most_held_at_once([first, _call("acquire", "a", "2", ("granted", 3), 2, 4)]) == 1


def test_a_search_that_takes_too_long_ends_undecided() -> None:
    crowd = [_call("acquire", f"{number}", "1", ("granted", 20 - number), 0, 100) for number in range(10)]
    never = _call("heartbeat", "0", 99, "ok", 200, 201)
    assert judge([*crowd, never], 10, patience=5) == Judgement([], ["pool"])
