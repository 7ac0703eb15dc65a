"""Reading the public half of a root key, and checking what it signed."""

import base64

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from seatwarden.domain.root_key import RSA_BITS, RSA_EXPONENT, PublicRootKey, RootAlgorithm, kid_of

P256_NUMBER_BYTES = 32
"""How long each of the two numbers of an ES256 signature is (RFC 7518 section 3.4)."""


class UnfitPublicKey(ValueError):
    """The text is no public key for its algorithm; the message says what it should be."""


def read_public_pem(pem: str, algorithm: RootAlgorithm) -> PublicRootKey:
    """What is said in public about a key (SubjectPublicKeyInfo in PEM) that signs with ``algorithm``.

    Raises:
        UnfitPublicKey: it cannot be read, or is of another kind or size than the algorithm wants.
    """
    key = _loaded(pem)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = _jwk_of(key, algorithm) | {"alg": algorithm.value, "kid": kid_of(der), "use": "sig"}
    text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicRootKey(kid=kid_of(der), algorithm=algorithm, public_pem=text, jwk=jwk)


def is_signed_by(public: PublicRootKey, signature: bytes, signed: bytes) -> bool:
    """Whether ``signature``, as a JWS has it, is one of ``signed`` by the key."""
    key = _loaded(public.public_pem)
    try:
        match key:
            case rsa.RSAPublicKey() if public.algorithm is RootAlgorithm.RS256:
                key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            case rsa.RSAPublicKey():
                pss = padding.PSS(padding.MGF1(hashes.SHA512()), hashes.SHA512.digest_size)
                key.verify(signature, signed, pss, hashes.SHA512())
            case ec.EllipticCurvePublicKey() if len(signature) == 2 * P256_NUMBER_BYTES:
                key.verify(_der_of(signature), signed, ec.ECDSA(hashes.SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def numbers_of(der_signature: bytes) -> bytes:
    """An ECDSA signature over P-256 as a JWS wants it, from the DER that X9.62 writes.

    Raises:
        ValueError: it is no such signature.
    """
    try:
        r, s = decode_dss_signature(der_signature)
        return r.to_bytes(P256_NUMBER_BYTES, "big") + s.to_bytes(P256_NUMBER_BYTES, "big")
    except OverflowError:
        raise ValueError("the signature is longer than one over P-256") from None


def _der_of(numbers: bytes) -> bytes:
    r, s = numbers[:P256_NUMBER_BYTES], numbers[P256_NUMBER_BYTES:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def _loaded(pem: str) -> PublicKeyTypes:
    try:
        return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnfitPublicKey(f"it is no public key in PEM ({type(error).__name__})") from None


def _jwk_of(key: PublicKeyTypes, algorithm: RootAlgorithm) -> dict[str, str]:
    """The members that tell the key: RFC 7518 section 6 for RSA and EC, RFC 8037 section 2 for Ed25519."""
    match algorithm, key:
        case ((RootAlgorithm.RS256 | RootAlgorithm.PS512), rsa.RSAPublicKey()):
            numbers = key.public_numbers()
            if key.key_size != RSA_BITS or numbers.e != RSA_EXPONENT:
                raise UnfitPublicKey(f"it is no RSA key of {RSA_BITS} bits with the exponent {RSA_EXPONENT}")
            return {"kty": "RSA", "n": _base64url(numbers.n), "e": _base64url(numbers.e)}
        case RootAlgorithm.ES256, ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            point = key.public_numbers()
            x, y = (_base64url(each, P256_NUMBER_BYTES) for each in (point.x, point.y))
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        case RootAlgorithm.EDDSA, ed25519.Ed25519PublicKey():
            raw = int.from_bytes(key.public_bytes_raw(), "big")
            return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw, 32)}
        case _:
            raise UnfitPublicKey(f"it is no key for {algorithm.value}")


def _base64url(number: int, length: int | None = None) -> str:
    """Big-endian and without padding: as short as it can be, or ``length`` bytes long."""
    size = length if length is not None else (number.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()
