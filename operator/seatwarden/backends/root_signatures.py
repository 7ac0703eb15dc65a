"""Checking what a root key signed, where something else than this process signed it."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm

P256_NUMBER_BYTES = 32
"""How long each of the two numbers of an ES256 signature is (RFC 7518 section 3.4)."""


def is_signed_by(public: PublicRootKey, signature: bytes, signed: bytes) -> bool:
    """Whether ``signature``, as a JWS has it, is one of ``signed`` by the key."""
    key = load_pem_public_key(public.public_pem.encode())
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
