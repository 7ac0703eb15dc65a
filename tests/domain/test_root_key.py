import hashlib

from seatwarden.domain.root_key import ROOT_KEY_ALGORITHM, ROOT_KEY_BITS, public_root_key

PEM = "-----BEGIN PUBLIC KEY-----\nMIIC\n-----END PUBLIC KEY-----\n"


def test_a_key_is_named_by_its_own_hash_so_that_it_has_the_same_name_everywhere() -> None:
    named = public_root_key(b"subject public key info", PEM)

    assert named.kid == hashlib.sha256(b"subject public key info").hexdigest()[:16]
    assert named == public_root_key(b"subject public key info", PEM)


def test_another_key_has_another_name() -> None:
    assert public_root_key(b"one", PEM).kid != public_root_key(b"another", PEM).kid


def test_the_public_half_is_kept_as_it_is() -> None:
    assert public_root_key(b"any", PEM).public_pem == PEM


def test_root_keys_are_rsa_of_4096_bits_which_every_client_library_verifies() -> None:
    assert (ROOT_KEY_ALGORITHM, ROOT_KEY_BITS) == ("RS256", 4096)
