import orjson
import pytest

from seatwarden.domain.seats import Code, Device, DeviceList, DeviceRemoval, Millis, Refusal
from seatwarden.endpoint.device_verdicts import devices_outcome, removal_outcome
from seatwarden.endpoint.problems import Problem, Reply, problem_body, problem_headers

HOLDER = "ab" * 32


def test_devices_are_told_with_when_they_came_and_whether_they_hold_a_seat() -> None:
    listed = DeviceList(
        devices=(
            Device(HOLDER, Millis(1_800_000_000_123), Millis(1)),
            Device("cd" * 32, Millis(1_800_000_001_000), Millis(0)),
        ),
        limit=3,
        cooldown_left=Millis(1500),
    )
    outcome = devices_outcome(listed)
    assert isinstance(outcome, Reply)
    assert orjson.loads(outcome.body) == {
        "devices": [
            {"hardware_id": HOLDER, "registered_at": "2027-01-15T08:00:00.123Z", "holds_seat": True},
            {"hardware_id": "cd" * 32, "registered_at": "2027-01-15T08:00:01.000Z", "holds_seat": False},
        ],
        "limit": 3,
        "removal_in": 1.5,
    }


def test_a_wrong_key_sees_no_device() -> None:
    outcome = devices_outcome(Refusal(code=Code.INVALID_LICENSE))
    assert isinstance(outcome, Problem)
    assert outcome.http_status == 401


def test_a_removal_is_200() -> None:
    outcome = removal_outcome(DeviceRemoval(code=Code.DEVICE_REMOVED))
    assert isinstance(outcome, Reply)
    assert (outcome.status, orjson.loads(outcome.body)) == (200, {"code": "device_removed"})


@pytest.mark.parametrize(
    ("code", "wait", "status", "headers"),
    [
        (Code.UNKNOWN_DEVICE, None, 404, {}),
        (Code.DEVICE_IN_USE, Millis(1001), 409, {"Retry-After": "2"}),
        (Code.DEVICE_COOLDOWN, Millis(60_000), 429, {"Retry-After": "60"}),
    ],
)
def test_a_device_that_is_not_removed_is_told_why_and_until_when(
    code: Code, wait: Millis | None, status: int, headers: dict[str, str]
) -> None:
    outcome = removal_outcome(DeviceRemoval(code=code, retry_after=wait))
    assert isinstance(outcome, Problem)
    assert outcome.http_status == status
    assert problem_headers(outcome) == headers
    document = orjson.loads(problem_body(outcome))
    assert (document["code"], document["detail"][-1]) == (code, ".")
