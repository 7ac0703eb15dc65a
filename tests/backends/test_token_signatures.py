"""Who has signed a token is decided by the key alone."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatwarden.backends.token_signatures import is_signed_by
from seatwarden.domain.identity_token import read_identity_token
from seatwarden.domain.trust import IssuerKey
from tests.identity_tokens import TestIssuer, assembled, encoded

RS, ES = TestIssuer(), TestIssuer(algorithm="ES256")
ISSUERS = pytest.mark.parametrize("issues", [RS, ES], ids=["RS256", "ES256"])


def key_of(issues: TestIssuer) -> IssuerKey:
    return issues.trusted("a").keys[0]


def believes(key: IssuerKey, text: str) -> bool:
    token = read_identity_token(text)
    return token is not None and is_signed_by(token, key)


@ISSUERS
def test_the_owner_of_the_key_is_believed(issues: TestIssuer) -> None:
    assert believes(key_of(issues), issues.token())


@ISSUERS
def test_nobody_else_is(issues: TestIssuer) -> None:
    other = TestIssuer(algorithm=issues.algorithm, number=1)
    assert not believes(key_of(issues), other.token())


@ISSUERS
def test_not_a_character_can_be_changed(issues: TestIssuer) -> None:
    header, claims, signature = issues.token().split(".")
    other_claims = issues.token("job-2").split(".")[1]

    assert not believes(key_of(issues), f"{header}.{other_claims}.{signature}")
    assert not believes(key_of(issues), f"{header}.{claims}.{signature[:-8]}")
    assert not believes(key_of(issues), f"{header}.{claims}.{encoded(b'x')}")
    assert not believes(key_of(issues), f"{header}.{claims}.{encoded(bytes(64))}")
    assert not believes(key_of(issues), f"{header}.{claims}.{encoded(bytes(256))}")


@pytest.mark.parametrize(("issues", "other"), [(RS, ES), (ES, RS)])
def test_the_token_does_not_choose_the_algorithm(issues: TestIssuer, other: TestIssuer) -> None:
    assert not believes(key_of(issues), other.token())
    assert not believes(key_of(issues), issues.token(header={"alg": other.algorithm}))


def test_a_public_key_is_no_shared_secret() -> None:
    """The old trick: HS256 with what everybody knows."""
    pem = RS.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = assembled({"alg": "HS256", "kid": RS.kid}, RS.claims("job-1"), b"").removesuffix(".")
    forged = hmac.digest(pem, signed.encode(), hashlib.sha256)
    assert not believes(key_of(RS), f"{signed}.{encoded(forged)}")


def test_a_point_that_is_not_on_the_curve_is_nobodys() -> None:
    key = key_of(ES)
    assert not believes(IssuerKey(key.kid, key.algorithm, (key.numbers[0], key.numbers[0])), ES.token())
