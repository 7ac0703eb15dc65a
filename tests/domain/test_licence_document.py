import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.compact_jws import signed_token
from seatwarden.domain.licence_document import LICENCE, LeaseKey, LicenceTerms
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.domain.signed_document import document_input, read_written
from tests.domain.objects import NOON

SECOND = timedelta(seconds=1)
KEYS = (LeaseKey("b" * 16, "B" * 43, "pool b"), LeaseKey("a" * 16, "A" * 43, "pool a"))
TERMS = LicenceTerms(
    tenant_uid="tenant uid",
    subscription_uid="subscription uid",
    tenant="Acme",
    namespace="customers",
    subscription="acme-pro",
    plan="pro",
    seats=25,
    entitlements={"export": True, "cores": 8},
    offline_grace=timedelta(hours=24),
    longest_lease=timedelta(hours=72),
    valid_until=NOON + timedelta(days=365),
    lease_keys=KEYS,
)


def _written(terms: LicenceTerms = TERMS, kid: str = "root1") -> str:
    signed = document_input(LICENCE, terms.claims(), algorithm=RootAlgorithm.RS256, kid=kid, now=NOON)
    return signed_token(signed, b"signature")


def _parts(text: str) -> list[dict[str, object]]:
    return [json.loads(urlsafe_b64decode(part + "==")) for part in text.split(".")[:2]]


def test_a_document_tells_all_that_was_bought_and_whose_leases_it_speaks_for() -> None:
    header, claims = _parts(_written())
    assert header == {"alg": "RS256", "kid": "root1", "typ": "seat-licence+jwt"}
    at = int(NOON.timestamp())
    assert claims == {
        "iss": "tenant uid",
        "sub": "subscription uid",
        "tenant": "Acme",
        "namespace": "customers",
        "subscription": "acme-pro",
        "plan": "pro",
        "seats": 25,
        "entitlements": {"cores": 8, "export": True},
        "offline_grace": 86_400,
        "longest_lease": 259_200,
        "lease_keys": [
            {"kid": "a" * 16, "x": "A" * 43, "pool": "pool a"},
            {"kid": "b" * 16, "x": "B" * 43, "pool": "pool b"},
        ],
        "valid_until": at + 365 * 86_400,
        "iat": at,
        "exp": at + 30 * 86_400,
    }


def test_a_subscription_without_end_has_none_in_its_document() -> None:
    assert "valid_until" not in _parts(_written(replace(TERMS, valid_until=None)))[1]


def test_what_was_written_is_as_it_should_be_until_it_nears_its_end() -> None:
    written = read_written(_written())
    assert written is not None
    renewed_at = NOON + LICENCE.life - LICENCE.renewed_before
    instants = (NOON - SECOND, NOON, renewed_at - SECOND, renewed_at)
    assert [written.is_as(LICENCE, TERMS.claims(), "root1", now) for now in instants] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"seats": 26},
        {"plan": "enterprise"},
        {"entitlements": {"export": True}},
        {"entitlements": {"export": True, "cores": 9}},
        {"valid_until": None},
        {"valid_until": NOON},
        {"tenant": "Acme Inc."},
        {"offline_grace": timedelta(hours=25)},
        {"longest_lease": timedelta(hours=73)},
        {"lease_keys": KEYS[:1]},
        {"lease_keys": (KEYS[0], LeaseKey("c" * 16, "C" * 43, "pool a"))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_says_something_else_now_is_to_be_signed_anew(change: dict[str, object]) -> None:
    written = read_written(_written())
    assert written is not None
    assert not written.is_as(LICENCE, replace(TERMS, **change).claims(), "root1", NOON)  # type: ignore[arg-type]


def test_another_key_signs_anew() -> None:
    written = read_written(_written())
    assert written is not None
    assert not written.is_as(LICENCE, TERMS.claims(), "root2", NOON)


def test_the_order_in_which_pools_and_entitlements_are_found_changes_nothing() -> None:
    turned = replace(TERMS, lease_keys=KEYS[::-1], entitlements={"cores": 8, "export": True})
    assert _written(turned) == _written()


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.", "{}", "é.é.é", "W10.W10.", "..."])
def test_what_is_no_document_says_nothing(text: str) -> None:
    assert read_written(text) is None


@given(st.text())
def test_nothing_that_may_be_found_in_a_secret_breaks_the_reading(text: str) -> None:
    read_written(text)
