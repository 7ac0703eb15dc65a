"""A signed lease: what is written is read again, and nothing else is a token."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.compact_jws import signed_token
from seatwarden.domain.seats import Fence, Millis, PoolUid, SignedLease
from seatwarden.domain.signed_lease import (
    LONGEST_TOKEN,
    may_be_past_half,
    past_half,
    read_token,
    signing_input,
)

LEASE = SignedLease(
    pool=PoolUid("5a6d0f2e-0000-4000-8000-000000000001"),
    lease_id="0123456789abcdef" * 2,
    holder="ab" * 32,
    nonce="0123456789abcdef",
    fence=Fence(2**32 + 7),
    issued_at=Millis(1_800_000_000_000),
    valid_until=Millis(1_800_086_400_000),
    quantity=3,
    group="render",
)
KID = "0011223344556677"
SIGNATURE = bytes(range(64))


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


HEADER = {"alg": "EdDSA", "kid": KID, "typ": "seat-lease+jwt"}
CLAIMS = {
    "aud": LEASE.pool,
    "sub": LEASE.holder,
    "jti": LEASE.lease_id,
    "nonce": LEASE.nonce,
    "fence": LEASE.fence,
    "quantity": 3,
    "group": "render",
    "iat": 1_800_000_000,
    "exp": 1_800_086_400,
}


def token(header: object = HEADER, claims: object = CLAIMS, signature: bytes = SIGNATURE) -> str:
    return f"{part(header)}.{part(claims)}.{part(signature)}"


def test_what_is_written_is_read_again() -> None:
    signed = signing_input(LEASE, KID)
    text = signed_token(signed, SIGNATURE)
    assert text == token()
    read = read_token(text)
    assert read is not None
    assert (read.lease, read.kid, read.signed, read.signature) == (LEASE, KID, signed, SIGNATURE)


def test_a_token_is_far_below_its_limit() -> None:
    assert len(token()) < LONGEST_TOKEN * 0.6


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS256"},
        {**HEADER, "alg": "eddsa"},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "kid": 7},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "jku": "https://example.com"},
        {"alg": "EdDSA", "typ": "seat-lease+jwt"},
        [],
        b'{"alg":"none","alg":"EdDSA","kid":"0011223344556677","typ":"seat-lease+jwt"}',
        b'{"alg": "EdDSA","kid":"0011223344556677","typ":"seat-lease+jwt"}',
        b"\xff",
        b"",
    ],
)
def test_a_header_that_is_not_ours_is_none(header: object) -> None:
    assert read_token(token(header=header)) is None


@pytest.mark.parametrize(
    "claims",
    [
        {**CLAIMS, "aud": [LEASE.pool]},
        {**CLAIMS, "sub": "AB" * 32},
        {**CLAIMS, "sub": "ab" * 31},
        {**CLAIMS, "jti": "0" * 31},
        {**CLAIMS, "nonce": ""},
        {**CLAIMS, "fence": str(LEASE.fence)},
        {**CLAIMS, "fence": 0},
        {**CLAIMS, "fence": -1},
        {**CLAIMS, "fence": 2**53},
        {**CLAIMS, "fence": 1.5},
        {**CLAIMS, "quantity": 0},
        {**CLAIMS, "quantity": 1001},
        {**CLAIMS, "quantity": "3"},
        {**CLAIMS, "quantity": 1.0},
        {**CLAIMS, "group": "a b"},
        {**CLAIMS, "group": 7},
        {**CLAIMS, "exp": CLAIMS["iat"]},
        {**CLAIMS, "exp": 1e300},
        {**CLAIMS, "iat": None},
        {**CLAIMS, "admin": True},
        {name: value for name, value in CLAIMS.items() if name != "exp"},
        "claims",
    ],
)
def test_claims_that_are_not_ours_are_none(claims: object) -> None:
    assert read_token(token(claims=claims)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        token() + ".x",
        token() + "=",
        token() + "\n",
        " " + token(),
        token().replace(".", ".\u0661", 1),
        token() + "A" * LONGEST_TOKEN,
    ],
)
def test_what_is_no_compact_jws_is_none(text: str) -> None:
    assert read_token(text) is None


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    assert read_token(text) is None


@given(st.integers(0, len(token()) - 1), st.characters(codec="ascii"))
def test_a_token_with_another_letter_is_none_or_says_so_in_what_is_signed(at: int, letter: str) -> None:
    changed = token()[:at] + letter + token()[at + 1 :]
    read = read_token(changed)
    if read is not None and changed != token():
        assert (read.signed, read.signature) != (signing_input(LEASE, KID), SIGNATURE)


@pytest.mark.parametrize(("hours", "old"), [(0, False), (12, False), (12.01, True), (24, True), (30, True)])
def test_a_signed_lease_grows_old_at_half_of_its_time(hours: float, old: bool) -> None:
    now = Millis(LEASE.issued_at + int(hours * 3_600_000))
    assert past_half(LEASE, now) is old
    assert may_be_past_half(signed_token(signing_input(LEASE, KID), SIGNATURE), now) is old


@given(
    group=st.sampled_from(["", "a", "ab", "abc", "render-farm-of-the-north"]),
    fence=st.integers(1, (1 << 53) - 1),
    begin=st.integers(1, 1 << 50),
    length=st.integers(1, 1 << 50),
    share=st.floats(0, 2),
)
def test_the_cheap_look_agrees_with_the_careful_one_whatever_the_claims(
    group: str, fence: int, begin: int, length: int, share: float
) -> None:
    begin, end = begin // 1000, (begin + length) // 1000
    lease = replace(
        LEASE,
        group=group,
        fence=Fence(fence),
        issued_at=Millis(begin * 1000),
        valid_until=Millis(end * 1000),
    )
    now = Millis(lease.issued_at + int(length * share))
    assert may_be_past_half(signed_token(signing_input(lease, KID), SIGNATURE), now) is past_half(lease, now)


@given(st.text() | st.lists(st.text(), min_size=2, max_size=4).map(".".join))
def test_what_is_no_token_is_not_past_half(text: str) -> None:
    assert may_be_past_half(text, Millis(2_000_000_000_000)) is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["iat", "exp", "x"]), inner),
    max_leaves=4,
)


@given(JSON)
def test_claims_of_any_form_are_past_half_or_not_and_no_fault(claims: object) -> None:
    text = f"{part(HEADER)}.{part(claims)}.{part(SIGNATURE)}"
    assert may_be_past_half(text, Millis(2_000_000_000_000)) in {True, False}


def test_a_lease_keeps_whole_seconds_only() -> None:
    lease = replace(LEASE, issued_at=Millis(1_800_000_000_999))
    read = read_token(signed_token(signing_input(lease, KID), SIGNATURE))
    assert read is not None
    assert read.lease.issued_at == 1_800_000_000_000
