"""How the vectors are made: the test keys, and every way of writing a compact JWS, right and wrong."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

HERE = Path(__file__).parent
KEYS = HERE / "keys.json"
ROOTS = ("RS256", "PS512", "ES256", "EdDSA")
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Json = dict[str, Any]


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value: int) -> str:
    """A positive whole number as RFC 7518 section 2 writes it."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def compact(value: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Signer:
    """A test key. ``algorithm`` is what its tokens say as ``alg``."""

    algorithm: str
    private: Private

    @property
    def kid(self) -> str:
        """The id: of root keys and lease keys as Seatwarden names them."""
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey) and self.algorithm == "lease":
            return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()[:16]

    @property
    def public_pem(self) -> bytes:
        """The public key in PEM."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def jwk(self, **changed: object) -> Json:
        """The public key as a JWK, with some members ``changed``; None removes one."""
        found = {"kid": self.kid, "use": "sig", "alg": self.alg, **self._members(), **changed}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def alg(self) -> str:
        """What the header says: lease keys are Ed25519."""
        return "EdDSA" if self.algorithm == "lease" else self.algorithm

    def _members(self) -> Json:
        public = self.private.public_key()
        match public:
            case rsa.RSAPublicKey():
                numbers = public.public_numbers()
                return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
            case ec.EllipticCurvePublicKey():
                point = public.public_numbers()
                return {
                    "kty": "EC",
                    "crv": "P-256",
                    "x": b64(point.x.to_bytes(32)),
                    "y": b64(point.y.to_bytes(32)),
                }
            case _:
                return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}

    def signature(self, signed: bytes) -> bytes:
        """The signature as a JWS wants it. Only that of PS512 is another one each time, since its salt is random."""
        match self.private:
            case rsa.RSAPrivateKey() if self.algorithm == "PS512":
                return pss_signature(self.private, signed, salt_length=64)
            case rsa.RSAPrivateKey():
                return self.private.sign(signed, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePrivateKey():
                der = self.private.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True))
                return b"".join(one.to_bytes(32) for one in decode_dss_signature(der))
            case _:
                return self.private.sign(signed)

    def token(self, token_type: str, claims: object, **header: object) -> str:
        """A token with such claims (bytes are taken as they are), and with some members of the header changed."""
        found = {"alg": self.alg, "kid": self.kid, "typ": token_type, **header}
        return self.raw_token(
            compact({name: value for name, value in found.items() if value is not None}),
            claims if isinstance(claims, bytes) else compact(claims),
        )

    def raw_token(self, header: bytes, payload: bytes) -> str:
        """A token of exactly these bytes, with a signature that is right."""
        signed = f"{b64(header)}.{b64(payload)}"
        return f"{signed}.{b64(self.signature(signed.encode()))}"


def pss_signature(key: rsa.RSAPrivateKey, signed: bytes, *, salt_length: int) -> bytes:
    """A signature of PS512, which is right with a salt of 64 bytes (RFC 7518 section 3.5): the stored one where there is one."""
    pss = padding.PSS(mgf=padding.MGF1(SHA512()), salt_length=salt_length)
    return kept_signatures().get(signed) or key.sign(signed, pss, SHA512())


def kept_signatures() -> dict[bytes, bytes]:
    """What was signed with PS512 before, so that the vectors stay as they are."""
    stored = HERE / "licences.json"
    found = json.loads(stored.read_text())["vectors"] if stored.exists() else []
    tokens = [one["licence"].rpartition(".") for one in found if "ps512" in one["name"].lower()]
    return {signed.encode(): unb64(signature) for signed, _, signature in tokens}


def read_signers() -> dict[str, Signer]:
    """The test keys, by their names."""
    return {
        name: Signer(one["algorithm"], _private(one["pem"]))
        for name, one in json.loads(KEYS.read_text())["keys"].items()
    }


def make_keys() -> None:
    """Make the test keys: once, for with others all vectors become others."""
    made: dict[str, tuple[str, Private]] = {
        "RS256": ("RS256", rsa.generate_private_key(65537, 4096)),
        "PS512": ("PS512", rsa.generate_private_key(65537, 4096)),
        "ES256": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        "small-rsa": ("RS256", rsa.generate_private_key(65537, 2048)),
        **{name: ("EdDSA", ed25519.Ed25519PrivateKey.generate()) for name in ("EdDSA", "other-tenant")},
        **{
            name: ("lease", ed25519.Ed25519PrivateKey.generate())
            for name in ("pool-a", "pool-b", "other-document")
        },
    }
    keys = {
        name: {
            "algorithm": algorithm,
            "pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        }
        for name, (algorithm, key) in made.items()
    }
    about = "Private keys for tests and for nothing else: everybody has them."
    KEYS.write_text(json.dumps({"about": about, "keys": keys}, indent=1) + "\n")


def _private(pem: str) -> Private:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, Private)
    return key
