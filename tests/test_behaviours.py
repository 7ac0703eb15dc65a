"""Each behaviour is shown by a test, or it is said what it waits for."""

from tests.behaviours import BEHAVIOURS, PAGE, page, shown_by


def test_each_behaviour_is_shown_or_waits_for_something() -> None:
    silent = [
        number for number, tests in shown_by().items() if not tests and not BEHAVIOURS[number].waits_for
    ]
    assert silent == []


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.behaviours"


def test_there_are_thirty_two() -> None:
    assert list(BEHAVIOURS) == list(range(1, 33))
