"""Public halves of root keys: read, described, and checked against signatures."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatwarden.backends.public_root_keys import UnfitPublicKey, is_signed_by, numbers_of, read_public_pem
from seatwarden.domain.root_key import RootAlgorithm

P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA_2048 = rsa.generate_private_key(65537, 2048)
RFC_8037_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 4096)


def pem_of(key: PublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_an_ed25519_key_is_written_as_in_rfc_8037() -> None:
    key = ed25519.Ed25519PublicKey.from_public_bytes(RFC_8037_KEY)

    jwk = read_public_pem(pem_of(key), RootAlgorithm.EDDSA).jwk

    # RFC 8037 appendix A.2.
    assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert (jwk["kty"], jwk["crv"], jwk["alg"]) == ("OKP", "Ed25519", "EdDSA")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_2048.public_key(), RootAlgorithm.RS256),
        (RSA_2048.public_key(), RootAlgorithm.PS512),
        (P256.public_key(), RootAlgorithm.RS256),
        (P256.public_key(), RootAlgorithm.EDDSA),
        (ED25519.public_key(), RootAlgorithm.ES256),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), RootAlgorithm.ES256),
    ],
)
def test_a_key_of_another_kind_or_size_is_unfit(key: PublicKeyTypes, algorithm: RootAlgorithm) -> None:
    with pytest.raises(UnfitPublicKey):
        read_public_pem(pem_of(key), algorithm)


@pytest.mark.parametrize("text", ["", "none", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_unfit(text: str) -> None:
    with pytest.raises(UnfitPublicKey, match="no public key in PEM"):
        read_public_pem(text, RootAlgorithm.ES256)


def test_another_writing_of_the_pem_is_the_same_key() -> None:
    pem = pem_of(P256.public_key())
    shifted = pem.replace("\n", "\r\n")

    assert read_public_pem(shifted, RootAlgorithm.ES256) == read_public_pem(pem, RootAlgorithm.ES256)


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
    public = read_public_pem(pem_of(P256.public_key()), RootAlgorithm.ES256)
    signature = numbers_of(P256.sign(b"bytes", ec.ECDSA(hashes.SHA256())))
    other = read_public_pem(pem_of(ec.generate_private_key(ec.SECP256R1()).public_key()), RootAlgorithm.ES256)

    assert is_signed_by(public, signature, b"bytes")
    assert not is_signed_by(public, signature, b"other bytes")
    assert not is_signed_by(other, signature, b"bytes")
    assert not is_signed_by(public, signature[:-1], b"bytes")


def test_an_rsa_signature_counts_for_its_own_algorithm_only(rsa_key: rsa.RSAPrivateKey) -> None:
    pem = pem_of(rsa_key.public_key())
    plain = rsa_key.sign(b"bytes", padding.PKCS1v15(), hashes.SHA256())
    salted = rsa_key.sign(b"bytes", padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
    short = rsa_key.sign(b"bytes", padding.PSS(padding.MGF1(hashes.SHA512()), 32), hashes.SHA512())
    rs256, ps512 = (read_public_pem(pem, each) for each in (RootAlgorithm.RS256, RootAlgorithm.PS512))

    assert is_signed_by(rs256, plain, b"bytes")
    assert is_signed_by(ps512, salted, b"bytes")
    assert not is_signed_by(rs256, salted, b"bytes")
    assert not is_signed_by(ps512, plain, b"bytes")
    assert not is_signed_by(ps512, short, b"bytes")


def test_an_ed25519_signature_is_of_the_bytes_themselves() -> None:
    public = read_public_pem(pem_of(ED25519.public_key()), RootAlgorithm.EDDSA)

    assert is_signed_by(public, ED25519.sign(b"bytes"), b"bytes")
    assert not is_signed_by(public, ED25519.sign(b"bytes"), b"byte")
