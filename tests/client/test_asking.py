"""Asking for a seat: when again, under which name, and when not any more."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.client.answers import Answer, silence
from seatwarden.client.asking import Asking, Seated, begin
from seatwarden.client.errors import (
    EndpointUnavailable,
    LicenceRefused,
    NoSeatFree,
    RequestRefused,
    SeatRefused,
)
from seatwarden.endpoint.route_table import SEAT_OPERATIONS
from tests.client.test_keeping import ANSWERS, grant, refused

ACQUIRE = next(one for one in SEAT_OPERATIONS if one.name == "acquire")
KINDS = {
    401: LicenceRefused,
    403: LicenceRefused,
    409: NoSeatFree,
    408: EndpointUnavailable,
    429: EndpointUnavailable,
    503: EndpointUnavailable,
}


def hear(state: Asking, answer: Answer, at: float = 0.0) -> Seated | SeatRefused | Asking:
    """What follows from that answer to a request of ``at``."""
    return state.heard(answer, asked=at, now=at, jitter=0.5, new_name=lambda: "new")


@pytest.mark.parametrize(("status", "code"), ACQUIRE.all_refusals())
def test_who_does_not_wait_is_refused_at_once_with_code_sentence_and_wait(status: int, code: str) -> None:
    found = hear(begin(0, 0, "a"), refused(status, str(code), 3.0))
    assert isinstance(found, KINDS.get(status, RequestRefused))
    assert isinstance(found, SeatRefused)
    assert (found.code, found.status, found.retry_after) == (code, status, 3.0)
    assert str(found) == f"It is {code}."


@pytest.mark.parametrize(("status", "code"), ACQUIRE.all_refusals())
def test_who_waits_asks_again_as_told_where_waiting_helps(status: int, code: str) -> None:
    helps = code in {
        *("pool_exhausted", "recovering", "authority_unavailable", "request_timeout", "rate_limited"),
    }
    found = hear(begin(0, 10, "a"), refused(status, str(code), 3.0 if helps else None))
    if helps:
        assert isinstance(found, Asking)
        assert found.ask_at == 3.0
    else:
        assert isinstance(found, SeatRefused)


def test_nobody_waits_for_a_seat_that_is_told_to_come_too_late() -> None:
    assert isinstance(hear(begin(0, 10, "a"), refused(409, "pool_exhausted", 10.1)), NoSeatFree)


def test_a_lost_answer_is_asked_for_under_the_same_name_and_counts_from_the_first_request() -> None:
    state = hear(begin(0, 0, "a"), silence("x"), at=1.0)
    assert isinstance(state, Asking)
    assert (state.name, state.since) == ("a", 1.0)
    found = hear(state, grant(60), at=5.0)
    assert found == Seated(grant(60), 1.0)


def test_who_does_not_wait_asks_a_silent_endpoint_three_times() -> None:
    state: object = begin(0, 0, "a")
    for _ in range(2):
        assert isinstance(state, Asking)
        state = hear(state, silence("x"))
    assert isinstance(state, Asking)
    found = hear(state, silence("x"))
    assert isinstance(found, EndpointUnavailable)
    assert found.code == "unreachable"


def test_a_fault_of_the_endpoint_is_tried_once_more_and_not_again_however_long_one_waits() -> None:
    state = hear(begin(0, 1000, "a"), refused(500, "internal_error"))
    assert isinstance(state, Asking)
    assert isinstance(hear(state, refused(500, "internal_error")), EndpointUnavailable)


def test_after_an_answer_that_decides_the_next_request_has_a_new_name() -> None:
    state = hear(begin(0, 60, "a"), refused(409, "pool_exhausted", 1.0))
    assert isinstance(state, Asking)
    assert (state.name, state.since) == ("new", None)


def test_an_answer_whose_time_is_over_is_no_seat_and_is_asked_for_anew() -> None:
    state = begin(0, 100, "a")
    for at in (0.0, 30.0):
        found = hear(state, silence("x"), at=at)
        assert isinstance(found, Asking)
        state = found
    again = hear(state, grant(60), at=61.0)
    assert isinstance(again, Asking)
    assert (again.name, again.since, again.ask_at) == ("new", None, 61.0)
    assert hear(again, grant(60), at=61.0) == Seated(grant(60), 61.0)


@given(
    st.floats(0, 300),
    st.lists(st.tuples(ANSWERS, st.floats(0, 5), st.floats(0, 1, exclude_max=True)), min_size=60),
)
def test_whatever_comes_it_obeys_each_wait_and_keeps_its_name_only_while_the_outcome_is_open(
    wait: float, answers: list[tuple[Answer, float, float]]
) -> None:
    state: Seated | SeatRefused | Asking = begin(0, wait, "0")
    names = itertools.count(1)
    for answer, took, jitter in answers:
        assert isinstance(state, Asking)
        asked = state.ask_at
        now = asked + took
        before = state
        state = state.heard(answer, asked=asked, now=now, jitter=jitter, new_name=lambda: str(next(names)))
        if not isinstance(state, Asking):
            return
        assert state.ask_at >= now + (answer.retry_after or 0.0)
        assert answer.silent or answer.code == "internal_error" or state.ask_at <= wait
        assert (state.name == before.name) == (
            answer.silent or (answer.server_fault and answer.code != "recovering")
        )
