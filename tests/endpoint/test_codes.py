import pytest

from seatwarden.domain.seats import Code
from seatwarden.endpoint.codes import CODES, AnyCode, RequestCode
from seatwarden.endpoint.route_table import OPERATIONS


@pytest.mark.parametrize("code", [*Code, *RequestCode])
def test_each_code_on_the_wire_is_in_the_reference(code: AnyCode) -> None:
    entry = CODES[code]
    assert entry.title
    assert entry.meaning.endswith(".")
    assert entry.advice.endswith(".")


def test_no_two_codes_are_spelt_alike() -> None:
    assert len({code.value for code in CODES}) == len(CODES) == len(Code) + len(RequestCode)


def test_each_documented_refusal_has_a_status_that_the_reference_gives_its_code() -> None:
    for operation in OPERATIONS:
        for status, code in operation.all_refusals():
            assert status in CODES[code].statuses, f"{operation.name}: {code} with {status}"


def test_each_refusal_code_is_documented_by_some_call_or_belongs_to_none() -> None:
    documented = {code for operation in OPERATIONS for _, code in operation.all_refusals()}
    refusals = {code for code, entry in CODES.items() if any(status >= 400 for status in entry.statuses)}
    of_no_call = {
        RequestCode.NOT_FOUND,
        RequestCode.METHOD_NOT_ALLOWED,
        RequestCode.HEADERS_TOO_LARGE,
        RequestCode.INTERNAL_ERROR,
    }
    assert refusals - documented == of_no_call
