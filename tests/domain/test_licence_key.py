import base64
import hashlib
import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key, parse_licence_key
from seatwarden.domain.seats import PoolUid

POOL = PoolUid("0b0c7f0e-6c6f-4f0e-9d4e-2f6d2f1c9a11")
KEY = new_licence_key(POOL, bytes(range(SECRET_BYTES)))
POOLS = st.uuids().map(lambda uid: PoolUid(str(uid)))
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


def secret_of(key: LicenceKey) -> str:
    return key.text.rpartition("-")[2]


@given(pool=POOLS, secret=SECRETS)
def test_a_key_is_read_back_as_it_was_made_and_names_its_pool(pool: PoolUid, secret: bytes) -> None:
    made = new_licence_key(pool, secret)

    assert parse_licence_key(made.text) == made
    assert made.pool == pool
    assert len(made.text) == 63


@given(one=st.tuples(POOLS, SECRETS), other=st.tuples(POOLS, SECRETS))
def test_two_keys_are_the_same_only_where_pool_and_secret_are(
    one: tuple[PoolUid, bytes], other: tuple[PoolUid, bytes]
) -> None:
    assert (new_licence_key(*one).text == new_licence_key(*other).text) == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(KEY.text.upper(), id="upper case"),
        pytest.param(KEY.text.lower(), id="lower-case prefix"),
        pytest.param(f" {KEY.text}", id="space before"),
        pytest.param(f"{KEY.text}\n", id="line end after"),
        pytest.param(f"{KEY.text}=", id="padding"),
        pytest.param(KEY.text.replace("-", "_"), id="other separators"),
        pytest.param(KEY.text.replace("-", ""), id="no separators"),
        pytest.param(KEY.text[:-1], id="cut off"),
        pytest.param(f"{KEY.text}a", id="too long"),
        pytest.param(f"{KEY.text[:-1]}1", id="a digit outside of base32"),
        pytest.param(f"{KEY.text[:-1]}é", id="not ASCII"),
        pytest.param(f"LIC-{POOL}-{secret_of(KEY)}", id="the uid as it is usually spelled"),
        pytest.param(f"{KEY.text[:29]}{chr(ord(KEY.text[29]) + 1)}{KEY.text[30:]}", id="spare bits are not zero"),
    ],
)  # fmt: skip
def test_every_other_spelling_is_no_key(text: str) -> None:
    assert parse_licence_key(text) is None


@given(place=st.integers(0, 62), letter=st.sampled_from(string.printable))
def test_a_changed_letter_makes_another_key_or_none_and_never_another_spelling(
    place: int, letter: str
) -> None:
    text = KEY.text[:place] + letter + KEY.text[place + 1 :]
    parsed = parse_licence_key(text)

    if parsed is not None:
        secret = base64.b32decode(secret_of(parsed).upper())
        assert new_licence_key(parsed.pool, secret).text == text
        assert (parsed.pool, secret) != (KEY.pool, bytes(range(SECRET_BYTES))) or text == KEY.text


@given(st.text(max_size=80))
def test_text_of_any_kind_is_read_without_an_error(text: str) -> None:
    parsed = parse_licence_key(text)
    assert parsed is None or parsed.text == text


@given(pool=POOLS, secret=SECRETS)
def test_no_way_of_printing_a_key_shows_its_secret(pool: PoolUid, secret: bytes) -> None:
    key = new_licence_key(pool, secret)

    for shown in (repr(key), str(key), f"{key}", f"{[key]}", f"{key!r:>90}"):
        assert secret_of(key) not in shown
        assert key.sha256 not in shown
        assert key.key_id in shown


def test_only_the_hash_of_the_whole_text_is_compared() -> None:
    assert KEY.sha256 == hashlib.sha256(KEY.text.encode()).hexdigest()
    assert KEY.key_id == KEY.sha256[:10]


@pytest.mark.parametrize("length", [0, SECRET_BYTES - 1, SECRET_BYTES + 1])
def test_a_secret_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"takes 20 random bytes, not {length}"):
        new_licence_key(POOL, bytes(length))


def test_a_pool_that_is_no_uuid_is_refused() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        new_licence_key(PoolUid("dev"), bytes(SECRET_BYTES))


def test_the_pool_part_is_the_whole_uid_so_that_nothing_has_to_be_looked_up() -> None:
    part = KEY.text.split("-")[1]

    assert UUID(bytes=base64.b32decode(part.upper() + "======")) == UUID(POOL)
