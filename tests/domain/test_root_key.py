import hashlib

from seatwarden.domain.root_key import RSA_BITS, RSA_EXPONENT, kid_of


def test_a_key_is_named_by_its_own_hash_so_that_it_has_the_same_name_everywhere() -> None:
    assert kid_of(b"subject public key info") == hashlib.sha256(b"subject public key info").hexdigest()[:16]


def test_another_key_has_another_name() -> None:
    assert kid_of(b"one") != kid_of(b"another")


def test_rsa_keys_are_such_that_every_client_library_verifies_them_and_none_is_slow() -> None:
    assert (RSA_BITS, RSA_EXPONENT) == (4096, 65537)
