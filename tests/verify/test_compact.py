import json

import pytest
from cryptography.exceptions import InvalidSignature

from seatwarden.verify import Code, NotValid, read_keys, verify_lease, verify_licence
from seatwarden.verify.compact import LONGEST_HEADER, Compact, proven_claims, read_compact
from seatwarden.verify.keys import PublicKey
from seatwarden.verify.lease import LEASE
from seatwarden.verify.licence import LICENCE
from tests.verify.stored_vectors import judge, keys_of, named

GOOD = named("signed-with-EdDSA")
TOKEN = GOOD["licence"]


def never_asked(_signature: bytes, _signed: bytes) -> None:
    """What a key does that must not be asked."""
    raise AssertionError("the signature was looked at")


def refusing(_signature: bytes, _signed: bytes) -> None:
    """What a key does by which every signature is wrong."""
    raise InvalidSignature


def test_the_length_is_looked_at_before_anything_else() -> None:
    for kind in (LICENCE, LEASE):
        with pytest.raises(NotValid, match=f"longer than {kind.longest} characters"):
            read_compact("é" * (kind.longest + 1), kind)


def test_a_token_of_the_greatest_length_is_read() -> None:
    with pytest.raises(NotValid, match="three parts"):
        read_compact("A" * LEASE.longest, LEASE)


def test_a_long_header_is_not_decoded() -> None:
    with pytest.raises(NotValid, match="three parts"):
        read_compact("A" * (LONGEST_HEADER + 1) + ".AAAA.AAAA", LICENCE)


def test_an_algorithm_that_is_not_the_keys_is_refused_before_any_arithmetic() -> None:
    for name in ("alg-none", "alg-HS256", "rs256-under-the-id-of-eddsa"):
        with pytest.raises(NotValid, match="another algorithm than the EdDSA") as refused:
            proven_claims(
                read_compact(named(name)["licence"], LICENCE),
                PublicKey(kid="any", algorithm="EdDSA", check=never_asked),
            )
        assert refused.value.code is Code.WRONG_ALGORITHM


def test_claims_are_not_read_before_their_signature_is_right() -> None:
    token = read_compact(named("claims-no-json")["licence"], LICENCE)
    with pytest.raises(NotValid) as refused:
        proven_claims(token, PublicKey(kid="any", algorithm="EdDSA", check=refusing))

    assert refused.value.code is Code.WRONG_SIGNATURE


def test_nothing_unproven_is_in_what_was_read() -> None:
    token = read_compact(TOKEN, LICENCE)

    assert isinstance(token, Compact)
    assert token.signed.decode() == TOKEN.rpartition(".")[0]
    assert json.loads(token.payload)["tenant"] == "acme"


def test_a_lease_is_no_document_and_a_document_no_lease() -> None:
    both = named("lease-good")
    licence = verify_licence(both["licence"], keys_of(both), now=both["now"])
    with pytest.raises(NotValid, match="no licence document"):
        verify_licence(both["lease"], keys_of(both), now=both["now"])
    with pytest.raises(NotValid, match="no lease"):
        verify_lease(both["licence"], licence, holder=both["holder"], now=both["now"])


def test_what_a_forger_wrote_is_not_shown() -> None:
    for name in (
        "kid-sql",
        "kid-of-a-terminal",
        "claims-no-json",
        "alg-nOnE",
        "licence-with-an-escape-in-its-plan",
    ):
        vector = named(name)
        with pytest.raises(NotValid) as refused:
            judge(vector)
        assert str(refused.value).isprintable()
        assert not {"UNION", "nOnE", "seats=5"} & set(str(refused.value).split())


def test_every_code_tells_what_was_found_and_what_to_do() -> None:
    for code in Code:
        refused = NotValid(code, "It is so.")
        assert str(refused).startswith("It is so. ")
        assert len(str(refused)) > len("It is so. ") + 10
        assert str(refused).endswith(".")
        assert (refused.code, refused.found) == (code, "It is so.")


def test_a_set_of_no_keys_knows_no_key() -> None:
    with pytest.raises(NotValid, match="newest public keys") as refused:
        verify_licence(TOKEN, read_keys('{"keys": []}'), now=GOOD["now"])

    assert refused.value.code is Code.UNKNOWN_KEY
