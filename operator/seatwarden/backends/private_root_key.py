"""Private root keys that are held here: made, written as PEM, and used to sign as JWS wants it (RFC 7515, 7518, 8037)."""

import asyncio
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from seatwarden.backends.root_signatures import P256_NUMBER_BYTES, numbers_of
from seatwarden.domain.compact_jws import base64url
from seatwarden.domain.root_key import RSA_BITS, RSA_EXPONENT, PublicRootKey, RootAlgorithm, kid_of

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class UnusableKey(ValueError):
    """The bytes are no root key; the message says what they should be and never quotes them."""


@dataclass(frozen=True, slots=True)
class PrivateRootKey:
    """A private key and what is public of it. It is never shown by ``repr``."""

    key: PrivateKey
    public: PublicRootKey

    def __repr__(self) -> str:
        return f"PrivateRootKey({self.public.kid!r})"

    def pem(self) -> bytes:
        """The key as PKCS#8 in PEM, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    async def sign(self, signed: bytes) -> bytes:
        """The signature of ``signed``. RSA takes some milliseconds of a core, in a thread."""
        return await asyncio.to_thread(_sign, self.key, self.public.algorithm, signed)


async def generate(algorithm: RootAlgorithm) -> PrivateRootKey:
    """A new key. RSA takes 0.2 to 0.8 s of a core, in a thread."""
    key = await asyncio.to_thread(_generate, algorithm)
    return PrivateRootKey(key, describe(key.public_key(), algorithm))


def read_private(pem: bytes, algorithm: RootAlgorithm) -> PrivateRootKey:
    """The key that `PrivateRootKey.pem` wrote.

    Raises:
        UnusableKey: it cannot be read, or is no key with which ``algorithm`` signs.
    """
    try:
        # OpenSSL's check of the primes takes 0.3 s and is for keys of strangers. This one comes from our own Secret.
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableKey(
            f"it is no unencrypted PKCS#8 private key in PEM ({type(error).__name__})"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise UnusableKey("it is neither an RSA nor a P-256 nor an Ed25519 key")
    return PrivateRootKey(key, describe(key.public_key(), algorithm))


def read_public(pem: str, algorithm: RootAlgorithm) -> PublicRootKey:
    """What is said of a public key in PEM.

    Raises:
        UnusableKey: it cannot be read, or is no key that ``algorithm`` goes with.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(f"it is no public key in PEM ({type(error).__name__})") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise UnusableKey("it is neither an RSA nor a P-256 nor an Ed25519 key")
    return describe(key, algorithm)


def describe(key: PublicKey, algorithm: RootAlgorithm) -> PublicRootKey:
    """What is public of a key.

    Raises:
        UnusableKey: ``algorithm`` does not go with the key, or the key has another size than is asked for.
    """
    kid = kid_of(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    members = _members(key, algorithm)
    if members is None:
        raise UnusableKey(f"it is no key for {algorithm}")
    return PublicRootKey(kid, algorithm, pem, {**members, "alg": algorithm.value, "kid": kid, "use": "sig"})


def _members(key: PublicKey, algorithm: RootAlgorithm) -> dict[str, str] | None:
    match key, algorithm:
        case rsa.RSAPublicKey(), RootAlgorithm.RS256 | RootAlgorithm.PS512 if key.key_size == RSA_BITS:
            numbers = key.public_numbers()
            return {"kty": "RSA", "n": _number(numbers.n, RSA_BITS // 8), "e": _number(numbers.e, 3)}
        case ec.EllipticCurvePublicKey(), RootAlgorithm.ES256 if isinstance(key.curve, ec.SECP256R1):
            point = key.public_numbers()
            x, y = _number(point.x, P256_NUMBER_BYTES), _number(point.y, P256_NUMBER_BYTES)
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        case ed25519.Ed25519PublicKey(), RootAlgorithm.EDDSA:
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_bytes_raw()).decode()}
        case _:
            return None


def _sign(key: PrivateKey, algorithm: RootAlgorithm, signed: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm is RootAlgorithm.RS256:
            return key.sign(signed, padding.PKCS1v15(), SHA256())
        return key.sign(signed, padding.PSS(padding.MGF1(SHA512()), padding.PSS.DIGEST_LENGTH), SHA512())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return numbers_of(key.sign(signed, ec.ECDSA(SHA256())))
    return key.sign(signed)


def _generate(algorithm: RootAlgorithm) -> PrivateKey:
    match algorithm:
        case RootAlgorithm.RS256 | RootAlgorithm.PS512:
            return rsa.generate_private_key(public_exponent=RSA_EXPONENT, key_size=RSA_BITS)
        case RootAlgorithm.ES256:
            return ec.generate_private_key(ec.SECP256R1())
        case RootAlgorithm.EDDSA:
            return ed25519.Ed25519PrivateKey.generate()


def _number(value: int, length: int) -> str:
    return base64url(value.to_bytes(length)).decode()
