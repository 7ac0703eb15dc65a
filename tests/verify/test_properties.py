import json
import string
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seatwarden.verify import (
    LastSeen,
    NotValid,
    authentic_licence,
    read_keys,
    read_revocations,
    verify_lease,
    verify_licence,
)
from seatwarden.verify.strict_json import from_base64url, read_object
from tests.vectors.making import b64, compact
from tests.verify.stored_vectors import keys_of, named

GOOD = {name: named(f"signed-with-{name}") for name in ("EdDSA", "ES256", "RS256", "PS512")}
BOTH = named("lease-good")
LIST = named("list-good")
KEYS, NOW = keys_of(BOTH), BOTH["now"]
LICENCE = authentic_licence(BOTH["licence"], KEYS)
ALPHABET = string.ascii_letters + string.digits + "-_.=+/ \n\x00é"


def of_document(text: str) -> object:
    """What is made of a licence document."""
    return verify_licence(text, KEYS, now=NOW)


def of_lease(text: str) -> object:
    """What is made of a lease."""
    return verify_lease(text, LICENCE, holder=BOTH["holder"], now=NOW)


def of_list(text: str) -> object:
    """What is made of a revocation list."""
    return read_revocations(text, KEYS, now=NOW, tenant=LIST["tenant"])


READERS: list[Callable[[str], object]] = [of_document, of_lease, of_list, read_keys]
TOKENS: list[tuple[Callable[[str], object], str]] = [
    *((of_document, one["licence"]) for one in GOOD.values()),
    (of_lease, BOTH["lease"]),
    (of_list, LIST["revocations"]),
]


def says_the_same_or_is_refused(read: Callable[[str], object], good: str, changed: str) -> None:
    """The claim of this page."""
    said = public(read(good))
    try:
        found = read(changed)
    except NotValid:
        return
    assert public(found) == said


def public(found: object) -> str:
    """What is said, without the objects that verify more."""
    assert found is not None
    return str(
        {
            name: str(getattr(found, name))
            for name in getattr(found, "__dataclass_fields__", ())
            if name != "lease_keys"
        }
    )


@pytest.mark.parametrize(("read", "good"), TOKENS, ids=[*GOOD, "lease", "list"])
@given(data=st.data())
@settings(max_examples=150)
def test_a_token_with_one_character_changed_is_refused_or_says_the_same(
    read: Callable[[str], object], good: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from(ALPHABET) | st.characters())
    says_the_same_or_is_refused(read, good, good[:place] + other + good[place + 1 :])


@pytest.mark.parametrize(("read", "good"), TOKENS[3:], ids=["PS512", "lease", "list"])
@given(data=st.data())
@settings(max_examples=100)
def test_a_token_with_something_left_out_or_put_in_is_refused_or_says_the_same(
    read: Callable[[str], object], good: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 8)))
    put_in = data.draw(st.text(ALPHABET, max_size=8))
    says_the_same_or_is_refused(read, good, good[:start] + put_in + good[end:])


def test_every_bit_of_a_lease_counts() -> None:
    head, payload, signature = BOTH["lease"].split(".")
    for part in range(3):
        raw = bytearray(from_base64url((head, payload, signature)[part]))
        for bit in range(8 * len(raw)):
            raw[bit // 8] ^= 1 << bit % 8
            parts = [head, payload, signature]
            parts[part] = b64(bytes(raw))
            raw[bit // 8] ^= 1 << bit % 8
            with pytest.raises(NotValid):
                of_lease(".".join(parts))


@given(st.sampled_from(READERS), st.text())
@example(of_document, "..")
@example(read_keys, "[" * 100_000)
@example(read_keys, '{"keys":' + "9" * 10_000)
def test_any_text_is_read_or_refused_and_nothing_else(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except NotValid as refused:
        assert str(refused)  # noqa: PT017  nothing else may come out


@given(st.sampled_from(READERS), st.lists(st.binary(min_size=1), min_size=3, max_size=3))
def test_any_three_parts_are_refused(read: Callable[[str], object], parts: list[bytes]) -> None:
    with pytest.raises(NotValid):
        read(".".join(map(b64, parts)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("kty", "kid", "alg", "use", "crv", "x", "y", "n", "e")


@given(st.dictionaries(st.sampled_from(("alg", "kid", "typ", "crit")), JSON), JSON)
def test_any_header_and_claims_are_refused(header: dict[str, object], claims: object) -> None:
    for read in READERS[:3]:
        with pytest.raises(NotValid):
            read(f"{b64(compact_or_empty(header))}.{b64(compact_or_empty(claims))}.AAAA")


@given(
    st.lists(
        st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(("EC", "RSA", "OKP", "sig", "EdDSA")))
    )
)
def test_any_key_set_is_read_or_refused(keys: list[object]) -> None:
    try:
        assert len(read_keys(json.dumps({"keys": keys})).by_kid) <= len(keys)
    except NotValid as refused:
        assert refused.code == "malformed"  # noqa: PT017  the only way in which a set is refused


@given(st.dictionaries(st.text(), JSON))
def test_any_stored_clock_is_read_or_refused(stored: dict[str, object]) -> None:
    with pytest.raises(NotValid):
        LastSeen.from_dict(stored)


@given(st.binary())
def test_base64url_has_one_spelling_of_each_bytes(raw: bytes) -> None:
    if raw:
        assert from_base64url(b64(raw)) == raw


@given(st.text("ABab01-_", min_size=1, max_size=8))
def test_what_is_read_as_base64url_is_the_spelling_of_what_was_read(text: str) -> None:
    try:
        assert b64(from_base64url(text)) == text
    except ValueError as refused:
        assert "base64url" in str(refused)  # noqa: PT017  the text is no spelling at all


@given(
    st.dictionaries(st.text(), st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.booleans() | st.none())
)
def test_json_without_fractions_is_read_as_it_was_written(value: dict[str, object]) -> None:
    assert read_object(json.dumps(value).encode()) == value


def compact_or_empty(value: object) -> bytes:
    """JSON, or nothing where a text has halves of characters in it."""
    try:
        return compact(value)
    except UnicodeEncodeError:
        return b"{}"
