"""Is the signature of an identity token right? RS256 and ES256 (RFC 7518), over the `cryptography` library."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from seatwarden.domain.identity_token import IdentityToken
from seatwarden.domain.trust import Algorithm, IssuerKey, number

_P256_SIGNATURE = 64


def is_signed_by(token: IdentityToken, key: IssuerKey) -> bool:
    """Has the owner of ``key`` signed ``token``, by the algorithm that the key is for? A key that is none has not."""
    if token.algorithm is not key.algorithm:
        return False
    try:
        match _public_key(key):
            case RSAPublicKey() as rsa:
                rsa.verify(token.signature, token.signed, PKCS1v15(), SHA256())
            case point:
                point.verify(_der(token.signature), token.signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _public_key(key: IssuerKey) -> RSAPublicKey | EllipticCurvePublicKey:
    first, second = map(number, key.numbers)
    match key.algorithm:
        case Algorithm.RS256:
            return RSAPublicNumbers(second, first).public_key()
        case Algorithm.ES256:
            return EllipticCurvePublicNumbers(first, second, SECP256R1()).public_key()


def _der(raw: bytes) -> bytes:
    if len(raw) != _P256_SIGNATURE:
        raise ValueError("an ES256 signature has 64 bytes")
    return encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
