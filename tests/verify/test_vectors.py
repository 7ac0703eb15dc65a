import json
from typing import Any

import jwt
import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from seatwarden.verify import Code, NotValid, read_keys
from tests.vectors.write import made_files, main
from tests.verify.stored_vectors import FILES, VECTORS, Vector, judge, key_set, stored, vectors

ALL = vectors(*FILES)
PLAIN = [one for one in ALL if "plain_jws" in one]


def by_name(vector: Vector) -> str:
    """What pytest calls a vector."""
    return str(vector["name"])


def test_the_vectors_are_those_that_their_script_writes() -> None:
    assert {name: (VECTORS / name).read_text() for name in made_files()} == made_files()


def test_the_script_tells_that_all_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("vector", ALL, ids=by_name)
def test_the_verifier_says_what_the_vector_says(vector: Vector) -> None:
    try:
        judge(vector)
    except NotValid as refused:
        said = str(refused.code)
    else:
        said = "valid"

    assert said == vector["expected"]


def test_every_vector_has_its_own_name_and_says_why() -> None:
    assert len({one["name"] for one in ALL}) == len(ALL)
    assert all(one["why"].endswith(".") for one in ALL)


def test_there_is_a_vector_for_each_code_and_a_good_one_for_each_algorithm() -> None:
    # A clock that was set back is no matter of a token.
    assert {one["expected"] for one in ALL} == {"valid", *map(str, Code)} - {"clock_set_back"}
    good = {one["name"] for one in PLAIN if one["expected"] == "valid"}
    assert {f"signed-with-{algorithm}" for algorithm in ("RS256", "PS512", "ES256", "EdDSA")} <= good


@pytest.mark.parametrize("vector", [one for one in ALL if "claims" in one], ids=by_name)
def test_what_is_said_is_what_was_signed(vector: Vector) -> None:
    said, claims = judge(vector), vector["claims"]

    names = {
        "iat": "issued_at",
        "exp": "expires_at",
        "seats": "seats",
        "quantity": "quantity",
        "fence": "fence",
    }
    for claim, field in names.items():
        assert getattr(said, field, None) == claims.get(claim)


@pytest.mark.parametrize("vector", PLAIN, ids=by_name)
def test_pyjwt_says_of_the_signature_what_we_say(vector: Vector) -> None:
    token, key, algorithm = asked(vector)
    try:
        claims = jwt.decode(
            token,
            jwt.PyJWK(key),
            algorithms=[algorithm],
            options={"verify_signature": True, "verify_exp": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.PyJWTError:
        said = "refused"
    else:
        said = "accepted"
        assert claims == vector.get("claims", claims)

    assert said == vector["plain_jws"]


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("vector", PLAIN, ids=by_name)
def test_joserfc_says_of_the_signature_what_we_say(vector: Vector) -> None:
    token, key, algorithm = asked(vector)
    try:
        found = jws.deserialize_compact(token, import_key(key), algorithms=[algorithm])
    except JoseError:
        said = "refused"
    else:
        said = "accepted"
        assert json.loads(found.payload) == vector.get("claims", json.loads(found.payload))

    assert said == vector["plain_jws"]


def asked(vector: Vector) -> tuple[str, dict[str, Any], str]:
    """The token in question, the key of its set or its document that it names, and what that key is for."""
    token = str(vector.get("lease", vector["licence"]))
    kid = jwt.get_unverified_header(token if token.count(".") == 2 else f"{token}.")["kid"]
    if "lease" in vector:
        document = jwt.decode(vector["licence"], options={"verify_signature": False})
        listed = next(one for one in document["lease_keys"] if one["kid"] == kid)
        return token, {"kty": "OKP", "crv": "Ed25519", "x": listed["x"], "alg": "EdDSA"}, "EdDSA"
    key = next(one for one in json.loads(key_set(vector))["keys"] if one["kid"] == kid)
    return token, key, key["alg"]


def test_both_libraries_are_asked_about_forgeries_and_good_tokens() -> None:
    said = [one["plain_jws"] for one in PLAIN]
    assert said.count("refused") >= 25
    assert said.count("accepted") >= 6


def test_the_shared_key_sets_are_public() -> None:
    for found in stored("key_sets.json").values():
        assert all(not key.keys() & {"d", "p", "q", "k"} for key in found["keys"])
        assert len(read_keys(json.dumps(found)).by_kid) == len(found["keys"])
