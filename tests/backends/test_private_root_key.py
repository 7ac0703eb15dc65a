"""Private root keys: what they sign is verified by others, and what is said of them is true."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from seatwarden.backends.private_root_key import (
    PrivateRootKey,
    UnusableKey,
    generate,
    read_private,
    read_public,
)
from seatwarden.domain.root_key import RootAlgorithm

TEXT = b"header.claims"


@pytest.fixture(scope="module")
def rsa_pem() -> bytes:
    """One for all, since it takes half a second."""
    return asyncio.run(generate(RootAlgorithm.RS256)).pem()


async def _key(algorithm: RootAlgorithm, rsa_pem: bytes) -> PrivateRootKey:
    is_rsa = algorithm in (RootAlgorithm.RS256, RootAlgorithm.PS512)
    return read_private(rsa_pem, algorithm) if is_rsa else await generate(algorithm)


def _verify(pem: str, algorithm: RootAlgorithm, signature: bytes) -> None:
    match load_pem_public_key(pem.encode()), algorithm:
        case rsa.RSAPublicKey() as key, RootAlgorithm.RS256:
            key.verify(signature, TEXT, padding.PKCS1v15(), SHA256())
        case rsa.RSAPublicKey() as key, RootAlgorithm.PS512:
            key.verify(signature, TEXT, padding.PSS(padding.MGF1(SHA512()), 64), SHA512())
        case ec.EllipticCurvePublicKey() as key, RootAlgorithm.ES256:
            r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            key.verify(encode_dss_signature(r, s), TEXT, ec.ECDSA(SHA256()))
        case ed25519.Ed25519PublicKey() as key, RootAlgorithm.EDDSA:
            key.verify(signature, TEXT)
        case found:
            raise AssertionError(found)


@pytest.mark.parametrize("algorithm", RootAlgorithm)
async def test_what_a_key_signs_is_verified_by_its_public_half(
    algorithm: RootAlgorithm, rsa_pem: bytes
) -> None:
    key = await _key(algorithm, rsa_pem)
    signature = await key.sign(TEXT)
    assert len(signature) == {"RS256": 512, "PS512": 512}.get(algorithm, 64)
    _verify(key.public.public_pem, algorithm, signature)


@pytest.mark.parametrize("algorithm", RootAlgorithm)
async def test_a_key_is_the_same_again_from_its_pem(algorithm: RootAlgorithm, rsa_pem: bytes) -> None:
    key = await _key(algorithm, rsa_pem)
    again = read_private(key.pem(), algorithm)
    assert again.public == key.public
    assert read_public(key.public.public_pem, algorithm) == key.public


MEMBERS = {
    RootAlgorithm.RS256: {"kty", "n", "e"},
    RootAlgorithm.PS512: {"kty", "n", "e"},
    RootAlgorithm.ES256: {"kty", "crv", "x", "y"},
    RootAlgorithm.EDDSA: {"kty", "crv", "x"},
}


@pytest.mark.parametrize("algorithm", RootAlgorithm)
async def test_a_jwk_has_the_public_members_and_no_private_one(
    algorithm: RootAlgorithm, rsa_pem: bytes
) -> None:
    public = (await _key(algorithm, rsa_pem)).public
    assert public.jwk.keys() == MEMBERS[algorithm] | {"alg", "kid", "use"}
    assert (public.jwk["alg"], public.jwk["kid"], public.jwk["use"]) == (algorithm.value, public.kid, "sig")
    assert public.jwk.get("e", "AQAB") == "AQAB"
    assert "=" not in json.dumps(dict(public.jwk))


async def test_a_key_shows_itself_nowhere() -> None:
    key = await generate(RootAlgorithm.EDDSA)
    assert repr(key) == f"PrivateRootKey('{key.public.kid}')"


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        (b"", RootAlgorithm.RS256),
        (b"not a key", RootAlgorithm.EDDSA),
        (_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)), RootAlgorithm.RS256),
        (_pem(ec.generate_private_key(ec.SECP256R1())), RootAlgorithm.RS256),
        (_pem(ec.generate_private_key(ec.SECP384R1())), RootAlgorithm.ES256),
        (_pem(ec.generate_private_key(ec.SECP256R1())), RootAlgorithm.EDDSA),
    ],
    ids=["nothing", "text", "a short RSA key", "EC for RS256", "P-384 for ES256", "EC for EdDSA"],
)
def test_what_is_no_key_for_the_algorithm_is_refused_and_not_shown(
    pem: bytes, algorithm: RootAlgorithm
) -> None:
    with pytest.raises(UnusableKey) as refused:
        read_private(pem, algorithm)
    assert len(pem) < 99 or pem.decode()[28:60] not in str(refused.value)


@pytest.mark.parametrize("text", ["", "-----BEGIN PUBLIC KEY-----", "é"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(UnusableKey):
        read_public(text, RootAlgorithm.RS256)
