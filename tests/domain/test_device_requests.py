import pytest

from seatwarden.domain.device_requests import device_named, removal_told
from seatwarden.domain.seats import Code, DeviceRemoval, Millis
from seatwarden.resources.reasons import Reason

DEVICE = "0123456789ab"


@pytest.mark.parametrize(
    ("request_text", "named"),
    [
        (DEVICE, DEVICE),
        (f"{DEVICE}@2027-03-01", DEVICE),
        (f"{DEVICE}@", DEVICE),
        ("ab" * 32, "ab" * 32),
        (DEVICE[:11], None),
        ("ab" * 32 + "c", None),
        (DEVICE.upper(), None),
        (f"{DEVICE} again", None),
        ("", None),
    ],
)
def test_a_request_names_the_beginning_of_a_holder(request_text: str, named: str | None) -> None:
    assert device_named(request_text) == named


@pytest.mark.parametrize(
    ("removal", "reason", "says"),
    [
        (DeviceRemoval(code=Code.DEVICE_REMOVED), Reason.DEVICE_REMOVED, "was removed"),
        (
            DeviceRemoval(code=Code.DEVICE_IN_USE, retry_after=Millis(1001)),
            Reason.DEVICE_NOT_REMOVED,
            "holds a seat, for 2 s more",
        ),
        (DeviceRemoval(code=Code.UNKNOWN_DEVICE), Reason.DEVICE_NOT_REMOVED, "begins with 0123456789ab"),
    ],
)
def test_what_became_of_a_request_is_told(removal: DeviceRemoval, reason: Reason, says: str) -> None:
    told, note = removal_told(f"{DEVICE}cdef@now", removal)
    assert told is reason
    assert says in note
    assert "cdef" not in note


def test_a_request_that_names_nothing_is_told_the_form() -> None:
    reason, note = removal_told("laptop", None)
    assert reason is Reason.DEVICE_NOT_REMOVED
    assert "first 12 or more hex characters" in note
