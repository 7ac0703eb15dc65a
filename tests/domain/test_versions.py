from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.versions import first_version_key, last_version_key, version_key, version_window
from tests.domain.semver import admits, parts_of, precedence

NUMBERS = st.one_of(st.integers(0, 12), st.integers(0, 10**9)).map(str)
WORDS = st.text("019aAbBzZ-", min_size=1, max_size=4)
PRE_RELEASES = st.lists(WORDS, max_size=3).map(".".join)
WHOLE = st.tuples(NUMBERS, NUMBERS, NUMBERS, PRE_RELEASES)
SMALL = st.integers(0, 3).map(str)
ENDS = st.one_of(
    st.just(""), SMALL, st.tuples(SMALL, SMALL).map(".".join), st.tuples(SMALL, SMALL, SMALL).map(".".join)
)


def text(parts: tuple[str, str, str, str]) -> str:
    return ".".join(parts[:3]) + (f"-{parts[3]}" if parts[3] else "")


SMALL_VERSIONS = st.tuples(SMALL, SMALL, SMALL, PRE_RELEASES).map(text)


def order(one: str, other: str) -> int:
    return (one > other) - (one < other)


def semver_order(one: str, other: str) -> int:
    left, right = parts_of(one), parts_of(other)
    assert left is not None
    assert right is not None
    found = precedence(left, right)
    return (found > 0) - (found < 0)


def key(version: str) -> str:
    found = version_key(version)
    assert found is not None, version
    return found


@given(WHOLE, WHOLE)
def test_keys_sort_as_semver_does(one: tuple[str, str, str, str], other: tuple[str, str, str, str]) -> None:
    assert order(key(text(one)), key(text(other))) == semver_order(text(one), text(other))


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3))
def test_keys_of_pre_releases_of_one_version_sort_as_semver_does(one: list[str], other: list[str]) -> None:
    left, right = f"1.0.0-{'.'.join(one)}", f"1.0.0-{'.'.join(other)}"
    assert order(key(left), key(right)) == semver_order(left, right)


def test_the_examples_of_semver_are_in_their_order() -> None:
    ordered = [
        *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"),
        *("1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0"),
    ]
    assert all(key(lower) < key(higher) for lower, higher in pairwise(ordered))
    assert all(semver_order(lower, higher) == -1 for lower, higher in pairwise(ordered))


@given(WHOLE)
def test_a_key_has_digits_only_whatever_the_locale_of_the_server_thinks_of_letters(
    version: tuple[str, str, str, str],
) -> None:
    assert key(text(version)).isdigit()
    assert last_version_key(text(version)).isdigit()


@given(WHOLE, WORDS)
def test_build_metadata_and_leading_noughts_do_not_count(
    version: tuple[str, str, str, str], build: str
) -> None:
    assert key(f"{text(version)}+{build}.7") == key(text(version))
    assert key(f"00{text(version)}") == key(text(version))


@pytest.mark.parametrize(
    ("minimum", "maximum", "admitted", "refused"),
    [
        ("4", "4", ["4", "4.0", "4.0.0", "4.9.1", "4.999999999.9"], ["3.9.9", "4.0.0-rc.1", "5.0.0"]),
        ("4.2", "4.2", ["4.2", "4.2.0", "4.2.17"], ["4.1.9", "4.2.0-0", "4.3.0"]),
        ("4.2.1", "4.2.1", ["4.2.1", "4.2.1+linux"], ["4.2.1-rc.1", "4.2.0", "4.2.2"]),
        ("4.2.1-rc.2", "5.0.0-beta", ["4.2.1-rc.10", "4.2.1", "5.0.0-alpha"], ["4.2.1-rc.1", "5.0.0", "5"]),
        ("0", "4", ["0.0.0", "4.0.0-rc.1"], ["0.0.0-1", "5.0.0-rc.1"]),
    ],
)
def test_a_missing_part_is_nought_in_a_minimum_and_anything_in_a_maximum(
    minimum: str, maximum: str, admitted: list[str], refused: list[str]
) -> None:
    first, last = first_version_key(minimum), last_version_key(maximum)
    assert [version for version in admitted if not first <= key(version) <= last] == []
    assert [version for version in refused if first <= key(version) <= last] == []


@given(minimum=ENDS, maximum=ENDS, version=SMALL_VERSIONS)
def test_a_window_admits_what_semver_lets_in(minimum: str, maximum: str, version: str) -> None:
    first = first_version_key(minimum) if minimum else ""
    last = last_version_key(maximum) if maximum else "~"
    assert (first <= key(version) <= last) == admits(minimum, maximum, version)


@pytest.mark.parametrize(
    "written",
    [
        *("", "v4", "4.", ".4", "4.2.1.7", "4.2-rc.1", "4-rc", "4.2.1-", "4.2.1+", "4.2.1-a..b", "-1"),
        *("4.x", "four", "4.2.1 ", " 4", "4.2.1\n", "٤", "4,2", "4.2.1-ä", "1" * 65),
    ],
)
def test_what_is_no_version_has_no_key(written: str) -> None:
    assert version_key(written) is None
    for end in (first_version_key, last_version_key):
        with pytest.raises(ValueError, match="is no version"):
            end(written)


def test_the_longest_version_has_a_key() -> None:
    assert key("9" * 64) > key("9" * 63)


@pytest.mark.parametrize(
    ("minimum", "maximum", "words"),
    [("4", "5.1", "from 4 to 5.1"), ("4", "", "from 4 on"), ("", "5", "up to 5"), ("", "", "")],
)
def test_a_window_is_told_in_words(minimum: str, maximum: str, words: str) -> None:
    assert version_window(minimum, maximum) == words
