"""Real keys for the stand-in of Google Cloud KMS, and how it signs with them."""

import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POOLED = 3
"""RSA keys are made once for a run, since each costs up to a second; more versions than this share them."""
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_lock = threading.Lock()


@functools.cache
def _pooled(bits: int) -> Iterator[rsa.RSAPrivateKey]:
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        made = list(threads.map(lambda _: rsa.generate_private_key(65537, bits), range(POOLED)))
    return itertools.cycle(made)


def is_known(algorithm: str) -> bool:
    """Whether there can be keys for this name of ``CryptoKeyVersionAlgorithm``."""
    return algorithm in _MADE or algorithm.startswith("RSA_SIGN_")


def new_private_key(algorithm: str) -> PrivateKey:
    """A key for an algorithm that is known."""
    if algorithm.startswith("RSA_SIGN_"):
        bits = next(int(part) for part in algorithm.split("_") if part.isdigit())
        with _lock:
            return next(_pooled(bits))
    return _MADE[algorithm]()


_MADE: dict[str, Callable[[], PrivateKey]] = {
    "EC_SIGN_P256_SHA256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC_SIGN_P384_SHA384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EC_SIGN_ED25519": ed25519.Ed25519PrivateKey.generate,
}


def public_pem(key: PrivateKey) -> str:
    """The public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def hash_of(algorithm: str) -> str | None:
    """The name of the digest that the algorithm takes, or None where it takes data."""
    return None if algorithm == "EC_SIGN_ED25519" else algorithm.rsplit("_", 1)[-1].lower()


def signature_of(key: PrivateKey, algorithm: str, content: bytes) -> bytes:
    """The signature of a digest, or of data where the algorithm takes that."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[
        hash_of(algorithm) or ""
    ]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(Prehashed(digest)))
    if "_PSS_" in algorithm:
        return key.sign(content, padding.PSS(padding.MGF1(digest), digest.digest_size), Prehashed(digest))
    return key.sign(content, padding.PKCS1v15(), Prehashed(digest))
