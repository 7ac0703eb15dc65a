from typing import Any

import orjson
import pytest

from seatwarden.domain.seats import (
    Beat,
    BeatVerdict,
    Code,
    Fence,
    Grant,
    GroupVerdict,
    Millis,
    PoolUid,
    RateLimit,
    Refusal,
    ReleaseVerdict,
    SessionPage,
    SessionRow,
    Validation,
    VersionVerdict,
)
from seatwarden.endpoint import verdicts
from seatwarden.endpoint.problems import Problem, Reply, problem_body, problem_headers
from seatwarden.endpoint.route_table import OPERATIONS
from tests.endpoint.scripted_authority import FENCE, GRANT, LEASE_ID, RENEWED, VALIDATION

POOL = PoolUid("7c1b8a52-0000-4000-8000-000000000000")


def _said(outcome: Reply | Problem) -> dict[str, object]:
    body = outcome.body if isinstance(outcome, Reply) else problem_body(outcome)
    document: dict[str, object] = orjson.loads(body)
    return document


def test_a_new_lease_is_201_and_says_all_that_the_client_needs() -> None:
    outcome = verdicts.acquire_outcome(GRANT, lease=None, spread=0.0)
    assert isinstance(outcome, Reply)
    assert outcome.status == 201
    assert _said(outcome) == {
        "code": "granted",
        "session_id": LEASE_ID,
        "fence": FENCE,
        "expires_in": 360.0,
        "next_heartbeat_in": 120.0,
        "taken_over": False,
        "quantity": 1,
        "group": None,
        "overage": 0,
        "lease": None,
        "seats": {"capacity": 5, "used": 1, "free": 4},
    }


def test_the_same_lease_again_is_200() -> None:
    existing = Grant(
        code=Code.EXISTING,
        lease_id=LEASE_ID,
        fence=FENCE,
        expires_in=Millis(1),
        heartbeat=Millis(1),
        capacity=1,
        live=1,
        at=Millis(1),
        signed_for=Millis(1),
    )
    outcome = verdicts.acquire_outcome(existing, lease=None, spread=0.0)
    assert isinstance(outcome, Reply)
    assert (outcome.status, _said(outcome)["code"], _said(outcome)["expires_in"]) == (200, "existing", 0.001)


@pytest.mark.parametrize(("spread", "seconds"), [(0.0, 120.0), (0.5, 114.0), (0.9999, 108.001)])
@pytest.mark.behaviour(21)
def test_jitter_only_ever_shortens_the_time_to_the_next_heartbeat(spread: float, seconds: float) -> None:
    assert (
        _said(verdicts.heartbeat_outcome(RENEWED, lease=None, spread=spread))["next_heartbeat_in"] == seconds
    )


def test_an_exhausted_pool_says_how_full_it_is_and_when_to_come_back() -> None:
    refusal = Refusal(code=Code.POOL_EXHAUSTED, capacity=5, live=6, retry_after=Millis(1501))
    outcome = verdicts.acquire_outcome(refusal, lease=None, spread=0.0)
    assert isinstance(outcome, Problem)
    assert problem_headers(outcome) == {"Retry-After": "2"}
    said = _said(outcome)
    assert (said["status"], said["capacity"], said["used"], said["retry_after"]) == (409, 5, 6, 1.501)


@pytest.mark.parametrize("code", [Code.SUSPENDED, Code.EXPIRED])
def test_no_seat_from_a_pool_that_may_not_give_any_is_403(code: Code) -> None:
    outcome = verdicts.acquire_outcome(Refusal(code=code, capacity=5, live=5), lease=None, spread=0.0)
    assert isinstance(outcome, Problem)
    assert outcome.http_status == 403
    assert "capacity" not in _said(outcome)


def test_a_wrong_key_is_401_with_the_scheme_to_use() -> None:
    outcome = verdicts.acquire_outcome(Refusal(code=Code.INVALID_LICENSE), lease=None, spread=0.0)
    assert isinstance(outcome, Problem)
    assert problem_headers(outcome) == {"WWW-Authenticate": 'Bearer realm="seatwarden"'}


@pytest.mark.parametrize(
    ("code", "expires_in", "status"),
    [
        (Code.OK, 5000, 200),
        (Code.SUSPENDED, 5000, 200),
        (Code.SUSPENDED, 0, 410),
        (Code.EXPIRED, 5000, 200),
        (Code.EXPIRED, 0, 410),
        (Code.LEASE_EXPIRED, 0, 410),
        (Code.RELEASED, 0, 410),
        (Code.EVICTED, 0, 410),
        (Code.UNKNOWN_SESSION, 0, 404),
        (Code.STALE_FENCE, 0, 409),
        (Code.INVALID_LICENSE, 0, 401),
    ],
)
def test_a_heartbeat_is_200_exactly_while_the_lease_lives(code: Code, expires_in: int, status: int) -> None:
    outcome = verdicts.heartbeat_outcome(
        BeatVerdict(code=code, expires_in=Millis(expires_in)), lease=None, spread=0.0
    )
    assert (outcome.status if isinstance(outcome, Reply) else outcome.http_status) == status
    assert _said(outcome)["code"] == code.value


def test_a_lease_that_is_not_renewed_any_more_names_no_next_heartbeat() -> None:
    verdict = BeatVerdict(code=Code.SUSPENDED, expires_in=Millis(5000))
    assert _said(verdicts.heartbeat_outcome(verdict, lease=None, spread=0.0)) == {
        "code": "suspended",
        "expires_in": 5.0,
        "next_heartbeat_in": None,
        "lease": None,
    }


def test_bulk_verdicts_come_in_the_order_of_the_request_and_the_next_beat_fits_all() -> None:
    beats = [Beat(lease_id=digit * 32, fence=Fence(1)) for digit in "abc"]
    found = [
        BeatVerdict(code=Code.OK, expires_in=Millis(9000), heartbeat=Millis(3000)),
        BeatVerdict(code=Code.UNKNOWN_SESSION),
        BeatVerdict(code=Code.OK, expires_in=Millis(8000), heartbeat=Millis(2000)),
    ]
    assert _said(verdicts.bulk_outcome(beats, found, {}, spread=0.0)) == {
        "sessions": [
            {"session_id": "a" * 32, "code": "ok", "expires_in": 9.0},
            {"session_id": "b" * 32, "code": "unknown_session", "expires_in": 0.0},
            {"session_id": "c" * 32, "code": "ok", "expires_in": 8.0},
        ],
        "next_heartbeat_in": 2.0,
    }


def test_bulk_heartbeats_where_no_lease_lives_name_no_next_beat() -> None:
    said = _said(
        verdicts.bulk_outcome(
            [Beat(lease_id=LEASE_ID, fence=FENCE)], [BeatVerdict(code=Code.EVICTED)], {}, spread=0.0
        )
    )
    assert said["next_heartbeat_in"] is None


def test_bulk_heartbeats_with_a_wrong_key_are_refused_as_a_whole() -> None:
    outcome = verdicts.bulk_outcome(
        [Beat(lease_id=LEASE_ID, fence=FENCE)], [BeatVerdict(code=Code.INVALID_LICENSE)], {}, spread=0.0
    )
    assert isinstance(outcome, Problem)
    assert outcome.http_status == 401


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.RELEASED, 200),
        (Code.ALREADY_RELEASED, 200),
        (Code.STALE_FENCE, 409),
        (Code.INVALID_LICENSE, 401),
    ],
)
def test_release_outcomes(code: Code, status: int) -> None:
    outcome = verdicts.release_outcome(ReleaseVerdict(code=code))
    assert (outcome.status if isinstance(outcome, Reply) else outcome.http_status) == status


def test_validate_hands_out_plan_and_entitlements_and_the_lease_but_no_fence() -> None:
    held = Validation(
        code=Code.OK,
        capacity=5,
        live=6,
        valid_for=Millis(86_400_000),
        document='{"plan":"Team","entitlements":{"export":true,"projects":3}}',
        lease_id=LEASE_ID,
        fence=FENCE,
        expires_in=Millis(1500),
    )
    assert _said(verdicts.validate_outcome(held)) == {
        "valid": True,
        "code": "ok",
        "plan": "Team",
        "trial": False,
        "entitlements": {"export": True, "projects": 3},
        "seats": {"capacity": 5, "used": 6, "free": 0},
        "valid_for_seconds": 86_400.0,
        "days_left": 1,
        "feature": None,
        "version": None,
        "group": None,
        "session": {"session_id": LEASE_ID, "expires_in": 1.5},
    }


FEATURES = '{"entitlements":{"export":true,"off":false,"projects":3,"minutes":0,"support":"gold"}}'


def _asked(feature: str, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"code": Code.OK, "valid_for": None} | changes
    verdict = Validation(capacity=1, live=0, document=FEATURES, **told)
    return _said(verdicts.validate_outcome(verdict, feature=feature))


@pytest.mark.parametrize(
    ("feature", "entitled", "value"),
    [
        ("export", True, True),
        ("projects", True, 3),
        ("support", True, "gold"),
        ("off", False, False),
        ("minutes", False, 0),
        ("render", False, None),
        ("entitlements", False, None),
        ("EXPORT", False, None),
    ],
)
def test_a_feature_is_looked_for_among_the_entitlements(feature: str, entitled: bool, value: object) -> None:
    said = _asked(feature)
    assert said["feature"] == {"name": feature, "entitled": entitled, "value": value}
    assert (said["valid"], said["code"]) == ((True, "ok") if entitled else (False, "not_entitled"))


@pytest.mark.parametrize("code", [Code.SUSPENDED, Code.EXPIRED, Code.UNKNOWN_SESSION, Code.EVICTED])
def test_a_feature_does_not_hide_what_is_worse(code: Code) -> None:
    for feature in ("export", "render"):
        said = _asked(feature, code=code)
        assert (said["valid"], said["code"]) == (False, code.value)
        assert said["feature"]["entitled"] is (feature == "export")


@pytest.mark.parametrize("code", [Code.VERSION_BLOCKED, Code.NOT_ENTITLED])
def test_a_version_or_a_group_that_is_in_the_way_is_told_with_what_would_do(code: Code) -> None:
    said = _asked(
        "render",
        code=code,
        version=VersionVerdict(admitted=False, window="from 4.2 to 5"),
        group=GroupVerdict("render", known=False, reserved=0, limit=None, used=0),
    )
    assert (said["valid"], said["code"]) == (False, code.value)
    assert said["version"] == {"admitted": False, "window": "from 4.2 to 5"}
    assert said["group"] == {"name": "render", "entitled": False, "reserved": 0, "limit": None, "used": 0}


def test_where_all_versions_get_a_seat_there_is_no_window() -> None:
    assert _asked("export", version=VersionVerdict(admitted=True, window=""))["version"] == {
        "admitted": True,
        "window": None,
    }


@pytest.mark.parametrize(
    ("milliseconds", "days"),
    [(0, 0), (1, 1), (86_399_999, 1), (86_400_000, 1), (86_400_001, 2), (30 * 86_400_000, 30)],
)
def test_days_that_have_begun_count(milliseconds: int, days: int) -> None:
    assert _asked("export", valid_for=Millis(milliseconds))["days_left"] == days


def test_a_trial_is_told_with_its_days() -> None:
    tried = Validation(
        code=Code.OK, capacity=1, live=0, valid_for=Millis(14 * 86_400_000), document='{"trial":true}'
    )
    said = _said(verdicts.validate_outcome(tried))
    assert (said["trial"], said["days_left"]) == (True, 14)
    assert _said(verdicts.pool_outcome(tried))["trial"] is True


def test_a_licence_without_end_has_no_days() -> None:
    assert _asked("export")["days_left"] is None


@pytest.mark.parametrize("code", [Code.SUSPENDED, Code.EXPIRED, Code.UNKNOWN_SESSION, Code.LEASE_EXPIRED])
def test_anything_but_ok_is_an_invalid_licence_and_still_an_answer(code: Code) -> None:
    verdict = Validation(code=code, capacity=1, live=0, valid_for=None, document="{}")
    said = _said(verdicts.validate_outcome(verdict))
    assert (said["valid"], said["code"], said["session"], said["plan"]) == (False, code.value, None, None)


def test_pool_and_sessions_refuse_a_wrong_key_alike() -> None:
    refusal = Refusal(code=Code.INVALID_LICENSE)
    outcomes = [verdicts.pool_outcome(refusal), verdicts.sessions_outcome(refusal, tokens_key_id="")]
    assert outcomes[0] == outcomes[1] == verdicts.validate_outcome(refusal)


def test_a_pool_without_plan_or_entitlements_says_so() -> None:
    assert _said(verdicts.pool_outcome(VALIDATION))["plan"] == "Team"
    bare = Validation(code=Code.OK, capacity=0, live=0, valid_for=None, document="{}")
    said = _said(verdicts.pool_outcome(bare))
    assert (said["plan"], said["entitlements"], said["valid_for_seconds"]) == (None, {}, None)


def test_a_listing_shows_instants_in_utc_and_metadata_as_it_was_given_but_no_fence() -> None:
    row = SessionRow(
        lease_id=LEASE_ID,
        holder="ab" * 32,
        fence=FENCE,
        quantity=3,
        group="render",
        acquired_at=Millis(1_700_000_000_123),
        expires_in=Millis(250),
        lingers=True,
        key_id="0123456789",
        client_version="2.1",
        metadata='{"seat":"4b"}',
    )
    said = _said(verdicts.sessions_outcome(SessionPage(rows=(row,), cursor="next"), tokens_key_id=""))
    assert said == {
        "sessions": [
            {
                "session_id": LEASE_ID,
                "hardware_id": "ab" * 32,
                "quantity": 3,
                "group": "render",
                "acquired_at": "2023-11-14T22:13:20.123Z",
                "expires_in": 0.25,
                "lingers": True,
                "license_key_id": "0123456789",
                "client_version": "2.1",
                "metadata": {"seat": "4b"},
            }
        ],
        "next_cursor": "next",
    }


@pytest.mark.behaviour(21)
def test_retries_after_an_outage_are_spread_over_seconds() -> None:
    waits = [verdicts.unavailable_problem(spread=spread).retry_after for spread in (0.0, 0.5, 0.999)]
    assert waits == [1000, 2000, 2998]


@pytest.mark.behaviour(32)
def test_every_reason_for_which_acquire_refuses_a_seat_is_said_with_what_to_do() -> None:
    [acquire] = [operation for operation in OPERATIONS if operation.name == "acquire"]
    codes = [code for _, code in acquire.refusals if isinstance(code, Code)]
    assert Code.DRAINING in codes
    for code in codes:
        problem = verdicts.refusal_outcome(Refusal(code=code, capacity=5, live=5, retry_after=Millis(1500)))
        assert (problem.code, problem.retry_after) == (code, Millis(1500))
        assert problem.detail.endswith("."), code


def test_a_version_that_is_not_admitted_is_403_and_told_the_window() -> None:
    outcome = verdicts.acquire_outcome(
        Refusal(code=Code.VERSION_BLOCKED, capacity=5, versions="from 4.2 to 4"), lease=None, spread=0.0
    )
    assert isinstance(outcome, Problem)
    assert outcome.http_status == 403
    assert "takes versions from 4.2 to 4," in str(_said(outcome)["detail"])
    assert "Retry-After" not in problem_headers(outcome)


@pytest.mark.parametrize(("policy", "who"), [("perHolder", "A holder may"), ("perKey", "A licence key may")])
def test_who_asked_too_often_is_told_the_limit_and_the_wait(policy: str, who: str) -> None:
    refusal = Refusal(code=Code.RATE_LIMITED, retry_after=Millis(8572), rate=RateLimit(policy, 7))
    outcome = verdicts.acquire_outcome(refusal, lease=None, spread=0.0)
    assert isinstance(outcome, Problem)
    assert outcome.http_status == 429
    assert _said(outcome)["retry_after"] == 8.572
    assert str(_said(outcome)["detail"]).startswith(f"{who} ask this pool for a seat 7 times a minute")
    assert problem_headers(outcome) == {
        "Retry-After": "9",
        "RateLimit-Policy": f'"{policy}";q=7;w=60',
        "RateLimit": f'"{policy}";r=0;t=9',
    }
