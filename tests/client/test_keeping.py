"""What is done upon each answer and upon silence: the table, and what holds whatever comes."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.client.answers import Answer, counts_for, silence
from seatwarden.client.keeping import FIRST_PAUSE, Keeping, granted
from seatwarden.endpoint.route_table import SEAT_OPERATIONS

GRACE = 1000.0


def signed(seconds: float = GRACE) -> str:
    """A token that says of itself that it counts for so long, the second that is cut off not counted."""
    claims = json.dumps({"iat": 1_000_000, "exp": 1_000_001 + int(seconds)}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig"


def grant(expires_in: float = 60.0, beat: float = 20.0, lease: str | None = None) -> Answer:
    """A seat."""
    return Answer(
        status=201,
        code="granted",
        session="ab" * 16,
        fence=1,
        expires_in=expires_in,
        next_heartbeat_in=beat,
        lease=lease,
    )


def ok(expires_in: float = 60.0, beat: float = 20.0, code: str = "ok", lease: str | None = None) -> Answer:
    """A heartbeat that found the lease alive."""
    return Answer(status=200, code=code, expires_in=expires_in, next_heartbeat_in=beat, lease=lease)


def refused(status: int, code: str, retry_after: float | None = None) -> Answer:
    """A refusal."""
    return Answer(status=status, code=code, message=f"It is {code}.", retry_after=retry_after)


def seat(lease: str | None = None, *, strict: bool = False) -> Keeping:
    """A seat of 60 s that was given at 0."""
    return granted(grant(lease=lease), since=0.0, answered=0.0, strict=strict)


def beat(kept: Keeping, answer: Answer, *, asked: float, now: float | None = None) -> Keeping:
    """The state after one heartbeat."""
    return kept.heard(answer, asked=asked, now=asked if now is None else now, jitter=0.0)


def test_a_seat_counts_from_before_the_request_and_the_next_beat_from_the_answer() -> None:
    kept = beat(seat(), ok(), asked=20.0, now=23.0)
    assert (kept.valid_until, kept.beat_at) == (80.0, 43.0)


def test_an_answer_repeated_under_its_idempotency_key_counts_from_the_first_request() -> None:
    kept = granted(grant(), since=0.0, answered=50.0)
    assert kept.held(59.9)
    assert not kept.held(60.0)


def test_without_a_signed_lease_silence_ends_the_seat_with_the_lease() -> None:
    kept = seat()
    assert kept.at(59.9).loss is None
    ended = kept.at(60.0)
    assert ended.loss is not None
    assert (ended.loss.code, ended.loss.told, ended.beat_at) == ("lease_expired", False, None)


def test_with_a_signed_lease_it_is_not_held_and_not_lost_until_the_grace_is_over() -> None:
    kept = seat(signed())
    assert not kept.held(60.0)
    assert kept.at(GRACE - 0.1).loss is None
    assert kept.at(GRACE).loss is not None


def test_an_answer_in_the_grace_makes_the_seat_held_again() -> None:
    kept = beat(seat(signed()), ok(), asked=500.0)
    assert kept.held(559.0)


def test_an_answer_that_comes_after_the_seat_was_lost_does_not_bring_it_back() -> None:
    """The program may have been told already."""
    kept = beat(seat(), ok(), asked=59.9, now=60.1)
    assert kept.loss is not None
    assert kept.loss.code == "lease_expired"
    assert kept.beat_at is None


def test_strict_knows_no_grace() -> None:
    assert seat(signed(), strict=True).at(60.0).loss is not None


def test_a_new_signed_lease_replaces_the_one_before_and_null_does_not() -> None:
    kept = beat(seat(signed()), ok(), asked=20.0)
    assert (kept.lease, kept.grace_until) == (signed(), GRACE)
    kept = beat(kept, ok(lease=signed(2000)), asked=40.0)
    assert (kept.lease, kept.grace_until) == (signed(2000), 2040.0)


@pytest.mark.parametrize("code", ["suspended", "expired", "a_newer_code"])
def test_a_lease_that_lives_and_is_not_renewed_ends_on_time_and_goes_on_asking_till_then(code: str) -> None:
    kept = beat(seat(signed()), ok(40.0, code=code), asked=20.0)
    assert kept.held(59.0)
    assert kept.beat_at == 40.0
    ended = kept.at(60.0)
    assert ended.loss is not None
    assert ended.loss.code == code
    assert beat(kept, ok(), asked=40.0).ends_at > 60.0


GONE = {"unknown_session", "stale_fence", "lease_expired", "released", "evicted", "suspended", "expired"}
LATER = {"request_timeout", "authority_unavailable", "recovering"}
NO_MORE = {"invalid_request", "invalid_license", "body_too_large", "unsupported_media_type"}
HEARTBEAT = next(one for one in SEAT_OPERATIONS if one.name == "heartbeat")


@pytest.mark.parametrize(("status", "code"), HEARTBEAT.all_refusals())
def test_every_refusal_that_a_heartbeat_can_get_is_obeyed(status: int, code: str) -> None:
    kept = beat(seat(), refused(status, str(code), 7.0), asked=20.0)
    if code in GONE:
        assert kept.loss is not None
        assert (kept.loss.code, kept.loss.told) == (code, True)
    elif code in LATER:
        assert (kept.loss, kept.beat_at) == (None, 27.0)
    else:
        assert code in NO_MORE
        assert (kept.beat_at, kept.held(59.0)) == (None, True)
        ended = kept.at(60.0)
        assert ended.loss is not None
        assert ended.loss.code == code


def test_a_path_that_the_endpoint_does_not_know_is_no_lost_seat_but_a_wrong_url() -> None:
    kept = beat(seat(), refused(404, "not_found"), asked=20.0)
    assert kept.held(59.0)
    assert kept.beat_at is None


def test_after_a_fault_of_the_endpoint_one_more_try_and_then_the_usual_rhythm() -> None:
    kept = beat(seat(), refused(500, "internal_error"), asked=20.0)
    assert kept.beat_at is not None
    assert kept.beat_at <= 20.5
    kept = beat(kept, refused(500, "internal_error"), asked=20.5)
    assert kept.beat_at == 40.5


def test_pauses_grow_and_are_never_more_than_a_quarter_of_what_the_lease_has_left() -> None:
    kept, now, pauses = seat(), 20.0, []
    while kept.loss is None and now < 59.0:
        kept = kept.heard(silence("x"), asked=now, now=now, jitter=0.999)
        assert kept.beat_at is not None
        pauses.append(kept.beat_at - now)
        assert pauses[-1] <= max(FIRST_PAUSE, (60.0 - now) / 4)
        now = kept.beat_at
    assert pauses[1] > pauses[0]
    assert len(pauses) >= 8


def test_offline_it_asks_several_times_in_the_length_of_a_lease_however_long_it_has_been_so() -> None:
    """A server that lost its memory takes holders back for one lease length only."""
    kept, now = seat(signed()), 20.0
    while now < 900.0:
        kept = kept.heard(silence("x"), asked=now, now=now, jitter=0.999)
        assert kept.beat_at is not None
        assert kept.beat_at - now <= kept.rhythm / 2
        now = kept.beat_at
    assert kept.loss is None


def test_what_is_no_signed_lease_counts_for_nothing() -> None:
    for text in (None, "", "a.b", "a.b.c", "a.bnVsbA.c", "..", "e30.e30.", "a.eyJleHAiOjF9.c", "a.\xff.c"):
        assert counts_for(text) == 0.0
    assert counts_for(signed(5)) == 5.0


ANSWERS = st.one_of(
    st.builds(silence, st.just("x"), st.none() | st.floats(0, 100)),
    st.builds(
        ok,
        st.floats(0.001, 200),
        st.floats(0.001, 100),
        st.sampled_from(["ok", "ok", "suspended", "expired"]),
        st.none() | st.builds(signed, st.integers(0, 1000)),
    ),
    st.builds(
        refused,
        st.sampled_from([400, 401, 403, 404, 408, 409, 410, 422, 429, 500, 502, 503]),
        st.sampled_from(["internal_error", "recovering", "not_found", "stale_fence", "new"]),
        st.none() | st.floats(0, 100),
    ),
)
STEPS = st.lists(
    st.tuples(ANSWERS, st.floats(0, 5), st.floats(0, 90), st.floats(0, 1, exclude_max=True)), max_size=25
)


@given(st.floats(0.1, 200), st.none() | st.builds(signed, st.integers(0, 500)), st.booleans(), STEPS)
def test_whatever_comes_it_never_believes_more_than_it_was_told_never_asks_earlier_and_ends_for_good(
    expires_in: float, lease: str | None, strict: bool, steps: list[tuple[Answer, float, float, float]]
) -> None:
    now = 0.0
    kept = granted(grant(expires_in, expires_in / 3, lease), since=0.0, answered=0.0, strict=strict)
    told, grace = expires_in, counts_for(lease)
    for answer, took, late, jitter in steps:
        before = kept.at(now)
        if before.loss is not None:
            # Once ended, for ever: whatever else is said.
            assert before.heard(ok(), asked=now, now=now, jitter=0).loss == before.loss
            assert not before.held(now)
            assert before.beat_at is None
            return
        if before.beat_at is None:
            now = before.ends_at
            assert before.at(now).loss is not None
            return
        asked = max(now, before.beat_at) + late
        now = asked + took
        kept = before.heard(answer, asked=asked, now=now, jitter=jitter)
        if answer.good and kept.loss is None:
            told, grace = asked + answer.expires_in, max(grace, asked + counts_for(answer.lease))
        assert not kept.held(told)
        assert kept.ends_at <= max(told, grace)
        assert kept.at(max(told, grace)).loss is not None
        if strict:
            assert kept.at(told).loss is not None
        if kept.beat_at is not None:
            assert kept.beat_at >= now + (answer.retry_after or 0.0)
            assert kept.beat_at > now
        if answer.status in {404, 409, 410} and answer.code != "not_found":
            assert kept.loss is not None


def test_the_state_can_be_made_anew_and_is_never_changed_in_place() -> None:
    kept = seat()
    beat(kept, refused(410, "evicted"), asked=1.0)
    assert replace(kept) == seat()
