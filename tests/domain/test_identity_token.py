"""Identity tokens: what is read of them, when they count, and whose seat they take."""

from typing import Any

import pytest

from seatwarden.domain.identity_token import (
    LEEWAY_SECONDS,
    LONGEST_IDENTITY_TOKEN,
    IdentityToken,
    believing,
    holder_of,
    identity_key_hash,
    is_in_time,
    read_identity_token,
)
from seatwarden.domain.licence_key import new_licence_key
from seatwarden.domain.seats import PoolUid
from tests.identity_tokens import ISSUER, TestIssuer, assembled, pod_claims

ISSUES = TestIssuer(algorithm="ES256")
ACCOUNT = "system:serviceaccount:team-a:builder"
HEADER = {"alg": "RS256", "kid": "k"}
CLAIMS = {"iss": ISSUER, "sub": "s", "aud": "seatwarden", "exp": 2000, "iat": 1000}


def read(subject: str = "job-1", **changes: Any) -> IdentityToken:
    token = read_identity_token(ISSUES.token(subject, **changes))
    assert token is not None
    return token


def test_a_token_is_read() -> None:
    text = assembled(HEADER, CLAIMS | {"nbf": 1100}, b"signature")
    token = read_identity_token(text)

    assert token is not None
    assert (token.issuer, token.subject, token.audiences) == (ISSUER, "s", ("seatwarden",))
    assert (token.not_before, token.expires_at, token.pod_uid) == (1100, 2000, None)
    assert (token.kid, token.algorithm, token.signature) == ("k", "RS256", b"signature")
    assert token.signed.decode() == text.rpartition(".")[0]
    assert token.signed.decode() not in repr(token)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none"}, {}),
        ({"alg": "HS256"}, {}),
        ({"alg": "RS512"}, {}),
        ({"alg": "EdDSA"}, {}),
        ({"alg": None}, {}),
        ({"alg": ["RS256"]}, {}),
        ({"kid": ""}, {}),
        ({"kid": 7}, {}),
        ({"kid": "k" * 257}, {}),
        ({"crit": ["exp"]}, {}),
        ({}, {"exp": None}),
        ({}, {"exp": "2000"}),
        ({}, {"exp": True}),
        ({}, {"exp": -1}),
        ({}, {"exp": 1e30}),
        ({}, {"nbf": "soon"}),
        ({}, {"iat": []}),
        ({}, {"iss": 7}),
        ({}, {"sub": ""}),
        ({}, {"sub": None}),
        ({}, {"aud": None}),
        ({}, {"aud": 7}),
        ({}, {"aud": ["seatwarden", 7]}),
    ],
)
def test_what_lacks_a_claim_or_has_it_in_another_form_is_no_token(header: Any, claims: Any) -> None:
    assert read_identity_token(assembled(HEADER, CLAIMS, b"s")) is not None
    assert read_identity_token(assembled(HEADER | header, CLAIMS | claims, b"s")) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a.b", "a.b.c", "a.b.c.d", "🎫.🎫.🎫"),
        assembled(HEADER, CLAIMS, b""),
        assembled([], CLAIMS, b"s"),
        assembled(HEADER, [], b"s"),
        assembled(HEADER, CLAIMS, b"s") + "é",
        assembled(HEADER, CLAIMS | {"pad": "p" * LONGEST_IDENTITY_TOKEN}, b"s"),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_token_is_none(text: str) -> None:
    assert read_identity_token(text) is None


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        (1100 - LEEWAY_SECONDS - 1, False),
        (1100 - LEEWAY_SECONDS, True),
        (2000 + LEEWAY_SECONDS - 1, True),
        (2000 + LEEWAY_SECONDS, False),
    ],
)
@pytest.mark.parametrize("starts", [{"nbf": 1100, "iat": 0}, {"nbf": 0, "iat": 1100}, {"iat": 1100}])
def test_a_token_counts_from_its_start_to_its_end(starts: dict[str, Any], now: int, counts: bool) -> None:
    assert is_in_time(read(**({"nbf": None} | starts), exp=2000), now) is counts


def test_a_token_is_believed_where_issuer_audience_and_subject_are_trusted() -> None:
    trust = (TestIssuer("https://other.example").trusted("job-*"), ISSUES.trusted("job-*"))

    assert believing(read("job-1"), trust) is trust[1]
    assert believing(read("job-1", aud="seatwarden"), trust) is trust[1]
    assert believing(read("job-1", aud=["else", "seatwarden"]), trust) is trust[1]


@pytest.mark.parametrize(
    "changes",
    [{"aud": "else"}, {"aud": []}, {"aud": "seatwarden "}, {"iss": f"{ISSUER}/"}, {"sub": "person-1"}],
)
def test_a_token_is_not_believed_where_one_of_them_is_not(changes: dict[str, Any]) -> None:
    assert believing(read(**changes), (ISSUES.trusted("job-*"),)) is None


def test_a_pod_is_one_holder_through_its_restarts_and_token_refreshes() -> None:
    first = read(ACCOUNT, **pod_claims("pod-1"))
    refreshed = read(ACCOUNT, jti="another", **pod_claims("pod-1"))

    assert holder_of(first, "") == holder_of(refreshed, "")


def test_no_two_of_these_are_the_same_holder() -> None:
    tokens = [
        read(ACCOUNT, **pod_claims("pod-1")),
        read(ACCOUNT, **pod_claims("pod-2")),
        read(ACCOUNT, iss="https://other.example", **pod_claims("pod-1")),
        read(ACCOUNT),
        read("pod-1"),
        read("job-1"),
        read("job-1", iss="https://other.example"),
    ]
    holders = {holder_of(token, part) for token in tokens for part in ("", "worker", "sidecar")}

    assert len(holders) == 3 * len(tokens)
    assert {len(holder) for holder in holders} == {64}


def test_only_a_service_account_is_taken_for_a_pod() -> None:
    """Another issuer's user might choose what stands in such a claim."""
    claimed = read("person-1", **pod_claims("pod-1"))
    assert claimed.pod_uid is None
    assert holder_of(claimed, "") == holder_of(read("person-1"), "")


@pytest.mark.parametrize(
    "claim", [None, 7, {}, {"pod": None}, {"pod": {}}, {"pod": {"uid": 7}}, {"pod": {"uid": ""}}]
)
def test_a_token_without_a_pod_is_the_service_account_itself(claim: object) -> None:
    assert read(ACCOUNT, **{"kubernetes.io": claim}).pod_uid is None


def test_each_pool_has_a_key_hash_of_its_own_that_is_of_no_licence_key() -> None:
    pool, other = (PoolUid(f"00000000-0000-0000-0000-00000000000{at}") for at in "12")

    assert identity_key_hash(pool) != identity_key_hash(other)
    assert identity_key_hash(pool) != new_licence_key(pool, b"s" * 20).sha256
    assert len(identity_key_hash(pool)) == 64
