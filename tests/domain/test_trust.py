"""Issuers as a Tenant lists them, and key sets as issuers publish them."""

from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.seats import PoolUid
from seatwarden.domain.trust import (
    KEYS_LIMIT,
    Algorithm,
    Door,
    IssuerKey,
    TrustedIssuer,
    read_door,
    read_key_set,
    read_trust,
    write_door,
    write_trust,
)

RSA = {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "e": "AQAB"}
EC = {"kty": "EC", "kid": "e", "crv": "P-256"}


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def rsa(bits: int = 2048, **changes: Any) -> dict[str, Any]:
    return RSA | {"n": b64((1 << (bits - 1)).to_bytes((bits + 7) // 8))} | changes


def ec(**changes: Any) -> dict[str, Any]:
    return EC | {"x": b64(b"x" * 32), "y": b64(b"y" * 32)} | changes


def read(*keys: object) -> tuple[IssuerKey, ...]:
    return read_key_set(orjson.dumps({"keys": keys}))


def trusting(*subjects: str) -> TrustedIssuer:
    return TrustedIssuer(issuer="https://a.example", audience="seatwarden", subjects=subjects, keys=())


def test_keys_come_in_the_order_of_their_ids_whatever_the_set_has() -> None:
    keys = read(rsa(), ec())

    assert [(key.kid, key.algorithm) for key in keys] == [("e", Algorithm.ES256), ("r", Algorithm.RS256)]
    assert keys == read(ec(), rsa())


@pytest.mark.parametrize(
    "left_out",
    [
        rsa(1024, kid="weak"),
        rsa(16384, kid="huge"),
        rsa(kid="for encryption", use="enc"),
        rsa(kid="of another algorithm", alg="RS512"),
        rsa(kid="e of one", e=b64(b"\1")),
        rsa(kid="e too long", e=b64(b"\1" * 5)),
        rsa(kid="no number", n="!"),
        rsa(kid=""),
        rsa(kid="k" * 257),
        rsa(kid=7),
        {key: value for key, value in rsa().items() if key != "kid"},
        ec(kid="another curve", crv="P-384"),
        ec(kid="short", x=b64(b"x" * 31)),
        ec(kid="of another algorithm", alg="RS256"),
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": b64(b"x" * 32)},
        "no object",
        None,
    ],
    ids=str,
)
def test_a_key_that_cannot_be_trusted_is_left_out(left_out: object) -> None:
    good = rsa(kid="good")
    assert [key.kid for key in read(good, left_out)] == ["good"]
    with pytest.raises(ValueError, match="no key with an id"):
        read(left_out)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"keys": null}', b'{"keys": 7}', b'"keys"'])
def test_what_is_no_key_set_is_refused_without_being_quoted(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it (is no JSON|has no key)"):
        read_key_set(raw)


def test_a_key_set_has_a_limit() -> None:
    assert len(read(*(ec(kid=str(at)) for at in range(KEYS_LIMIT)))) == KEYS_LIMIT
    with pytest.raises(ValueError, match="more than"):
        read(*(ec(kid=str(at)) for at in range(KEYS_LIMIT + 1)))


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a", "ba", False),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "ba", False),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*c", "abcd", False),
        ("aa*aa", "aaa", False),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a*bb*b", "abb", False),
        ("a**", "a", True),
        ("a.c", "abc", False),
        ("a[bc]", "ab", False),
        ("system:serviceaccount:team-a:*", "system:serviceaccount:team-a:builder", True),
        ("system:serviceaccount:team-a:*", "system:serviceaccount:team-ab:builder", False),
    ],
)
def test_a_pattern_fits_a_whole_subject(pattern: str, subject: str, fits: bool) -> None:
    assert trusting("other", pattern).admits(subject) is fits


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), st.text("ab", max_size=6))
def test_a_pattern_means_what_the_same_regular_expression_does(texts: list[str], subject: str) -> None:
    import re

    expected = re.fullmatch(".*".join(map(re.escape, texts)), subject) is not None
    assert trusting("*".join(texts)).admits(subject) is expected


def test_nobody_is_admitted_where_no_pattern_is() -> None:
    assert not trusting().admits("a")
    assert not trusting().admits("")


def test_trust_and_doors_are_read_as_they_were_written() -> None:
    trust = (TrustedIssuer(issuer="https://a", audience="b", subjects=("c*", "d"), keys=read(rsa(), ec())),)
    door = Door(PoolUid("pool-uid"), "tenant-uid")

    assert read_trust(write_trust(trust)) == trust
    assert trust[0].key("r") == read(rsa())[0]
    assert trust[0].key("x") is None
    assert read_door(write_door(door)) == door


@pytest.mark.parametrize("text", ["", "[1]", "{}x", '[{"issuer": "a"}]', "null"])
def test_trust_of_another_version_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="no trust of this version"):
        read_trust(text)
