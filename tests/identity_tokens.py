"""Issuers made for tests: keys of their own, and tokens signed with them."""

import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from seatwarden.domain.trust import TrustedIssuer, read_key_set

Claims = dict[str, Any]
ISSUER = "https://issuer.example.com"


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def assembled(header: object, claims: object, signature: bytes) -> str:
    """A compact JWS of any parts."""
    return f"{encoded(orjson.dumps(header))}.{encoded(orjson.dumps(claims))}.{encoded(signature)}"


@dataclass
class TestIssuer:
    """An issuer with one key of ``algorithm``."""

    __test__ = False

    issuer: str = ISSUER
    kid: str = "key-1"
    algorithm: str = "RS256"
    number: int = 0
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = _key(self.algorithm, self.number)

    def key_set(self) -> dict[str, Any]:
        """The JSON Web Key Set that it publishes."""
        if isinstance(self.key, RSAPrivateKey):
            modulus = self.key.public_key().public_numbers().n
            key = {"kty": "RSA", "alg": "RS256", "use": "sig", "n": _number(modulus, 256), "e": "AQAB"}
        else:
            point = self.key.public_key().public_numbers()
            key = {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}
        return {"keys": [{"kid": self.kid, **key}]}

    def trusted(self, *subjects: str, audience: str = "seatwarden") -> TrustedIssuer:
        """As a Tenant trusts it that lists these subjects."""
        keys = read_key_set(orjson.dumps(self.key_set()))
        return TrustedIssuer(issuer=self.issuer, audience=audience, subjects=subjects, keys=keys)

    def claims(self, subject: str, **changes: Any) -> Claims:
        """What a good token says, but for ``changes``; None leaves a claim out."""
        now = int(time.time())
        told = {"iss": self.issuer, "sub": subject, "aud": ["seatwarden"], "iat": now, "exp": now + 3600}
        return {name: value for name, value in (told | changes).items() if value is not None}

    def token(self, subject: str = "job-1", header: Claims | None = None, **changes: Any) -> str:
        """A token that is signed as it should be."""
        headed = {"alg": self.algorithm, "kid": self.kid} | (header or {})
        claims = self.claims(subject, **changes)
        signed = assembled(headed, claims, b"").removesuffix(".")
        return f"{signed}.{encoded(self.signature(signed.encode()))}"

    def signature(self, signed: bytes) -> bytes:
        """The signature of these bytes."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(signed, PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.key.sign(signed, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


def pod_claims(uid: str, *, namespace: str = "team-a", account: str = "builder") -> Claims:
    """What Kubernetes says in the token of a Pod, besides the subject."""
    bound = {"pod": {"name": "worker-0", "uid": uid}, "serviceaccount": {"name": account, "uid": "s"}}
    return {"kubernetes.io": {"namespace": namespace, **bound}}


@cache
def _key(algorithm: str, number: int) -> RSAPrivateKey | EllipticCurvePrivateKey:
    return new_rsa_key(65537, 2048) if algorithm == "RS256" else new_ec_key(SECP256R1())


def _number(value: int, length: int) -> str:
    return encoded(value.to_bytes(length))
