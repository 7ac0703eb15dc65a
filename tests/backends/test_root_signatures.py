"""Signatures of root keys, checked against the public half."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatwarden.backends.private_root_key import read_public
from seatwarden.backends.root_signatures import is_signed_by, numbers_of
from seatwarden.domain.root_key import RootAlgorithm

P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 4096)


def pem_of(key: PublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_the_numbers_of_an_ecdsa_signature_are_32_bytes_each_however_small() -> None:
    # 0 < r < 256, so DER writes it in one byte.
    assert numbers_of(bytes.fromhex("3006020107020109")) == bytes(31) + b"\x07" + bytes(31) + b"\x09"


@pytest.mark.parametrize(
    "signature", [b"", b"\x30", bytes(64), bytes.fromhex("3026022101" + "00" * 32 + "020109")]
)
def test_what_is_no_signature_over_p256_has_no_numbers(signature: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        numbers_of(signature)


def test_only_the_signature_of_the_very_bytes_by_the_very_key_is_taken() -> None:
    public = read_public(pem_of(P256.public_key()), RootAlgorithm.ES256)
    signature = numbers_of(P256.sign(b"bytes", ec.ECDSA(hashes.SHA256())))
    other = read_public(pem_of(ec.generate_private_key(ec.SECP256R1()).public_key()), RootAlgorithm.ES256)

    assert is_signed_by(public, signature, b"bytes")
    assert not is_signed_by(public, signature, b"other bytes")
    assert not is_signed_by(other, signature, b"bytes")
    assert not is_signed_by(public, signature[:-1], b"bytes")


def test_an_rsa_signature_counts_for_its_own_algorithm_only(rsa_key: rsa.RSAPrivateKey) -> None:
    pem = pem_of(rsa_key.public_key())
    plain = rsa_key.sign(b"bytes", padding.PKCS1v15(), hashes.SHA256())
    salted = rsa_key.sign(b"bytes", padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
    short = rsa_key.sign(b"bytes", padding.PSS(padding.MGF1(hashes.SHA512()), 32), hashes.SHA512())
    rs256, ps512 = (read_public(pem, each) for each in (RootAlgorithm.RS256, RootAlgorithm.PS512))

    assert is_signed_by(rs256, plain, b"bytes")
    assert is_signed_by(ps512, salted, b"bytes")
    assert not is_signed_by(rs256, salted, b"bytes")
    assert not is_signed_by(ps512, plain, b"bytes")
    assert not is_signed_by(ps512, short, b"bytes")


def test_an_ed25519_signature_is_of_the_bytes_themselves() -> None:
    public = read_public(pem_of(ED25519.public_key()), RootAlgorithm.EDDSA)

    assert is_signed_by(public, ED25519.sign(b"bytes"), b"bytes")
    assert not is_signed_by(public, ED25519.sign(b"bytes"), b"byte")
