from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.resources.durations import DURATION_MAX_LENGTH, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("6m", 360),
        ("1h30m", 5400),
        ("1h30m15s", 5415),
        ("1m1h1m30s", 3750),
        ("006m", 360),
        ("99999h", 99999 * 3600),
    ],
)
def test_text_is_read_as_the_sum_of_its_parts(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6",
        "m",
        "6d",
        "6ms",
        "1.5h",
        "-6m",
        "+6m",
        " 6m",
        "6m ",
        "6m\n",
        "6 m",
        "100000s",
        "1s1s1s1s1s",
        "٦m",
        "6M",
    ],
)
def test_text_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match='such as "90s", "6m" or "1h30m"'):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (1, "1s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (5400, "1h30m"), (90061, "25h1m1s")],
)
def test_length_is_written_in_the_largest_units_first(seconds: int, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.integers(min_value=0, max_value=99_999 * 3600 + 3599))
def test_what_is_written_is_read_as_the_same_length(seconds: int) -> None:
    text = format_duration(timedelta(seconds=seconds))

    assert parse_duration(text) == timedelta(seconds=seconds)
    assert len(text) <= DURATION_MAX_LENGTH


@pytest.mark.parametrize(
    ("length", "complaint"),
    [
        (timedelta(seconds=-1), "not a whole number of seconds from 0 up"),
        (timedelta(milliseconds=1500), "not a whole number of seconds from 0 up"),
        (timedelta(hours=100_000), "too long to be written"),
    ],
)
def test_length_that_no_text_spells_is_refused(length: timedelta, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        format_duration(length)
