"""The public keys of a Tenant: a JWK Set (RFC 7517) in which each key is for one algorithm only.

=======  ====================================================  ===========
alg      the key                                               its source
=======  ====================================================  ===========
RS256    RSA of exactly 4096 bits, exponent 65537              RFC 7518
PS512    the same                                              RFC 7518
ES256    a point on the curve P-256                            RFC 7518
EdDSA    Ed25519                                               RFC 8037
=======  ====================================================  ===========

A key that is none of these is skipped, as RFC 7517 section 5 wants it, so that an installation can add another kind before all
programs know it. A set that is ambiguous, since two keys have one id, is refused as a whole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from seatwarden.verify.compact import KID
from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.strict_json import from_base64url, read_object

MOST_KEYS = 32
LARGEST_KEY_SET = 64 * 1024
RSA_BYTES = 512
RSA_EXPONENT = bytes((1, 0, 1))
COORDINATE_BYTES = 32
_PRIVATE = {"d", "k", "p", "q"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key that verifies the signatures of one algorithm."""

    kid: str
    algorithm: str
    check: Callable[[bytes, bytes], None]

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Is ``signature`` one of ``signed`` by this key's owner?"""
        try:
            self.check(signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a Tenant by their ids."""

    by_kid: Mapping[str, PublicKey]

    def of(self, kid: str, noun: str) -> PublicKey:
        """The key of that id, for a token that people call ``noun``.

        Raises:
            NotValid: with `Code.UNKNOWN_KEY`.
        """
        key = self.by_kid.get(kid)
        if key is None:
            raise NotValid(Code.UNKNOWN_KEY, f"The key {kid}, which signed the {noun}, is not known.")
        return key


def read_keys(text: str) -> Keys:
    """The keys in the JWK Set ``text``.

    Raises:
        NotValid: with `Code.MALFORMED`: it is no JWK Set, is larger than `LARGEST_KEY_SET` characters, has more than
            `MOST_KEYS` keys or one id twice.
    """
    if len(text) > LARGEST_KEY_SET:
        raise NotValid(Code.MALFORMED, f"The key set is longer than {LARGEST_KEY_SET} characters.")
    try:
        listed = read_object(text.encode()).get("keys")
    except ValueError as error:
        raise NotValid(Code.MALFORMED, f"The key set cannot be read: {error}.") from None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise NotValid(Code.MALFORMED, f"The key set is no list of {MOST_KEYS} keys at most.")
    jwks = [jwk for jwk in listed if isinstance(jwk, dict)]
    named = [jwk["kid"] for jwk in jwks if isinstance(jwk.get("kid"), str)]
    if len(set(named)) != len(named):
        raise NotValid(Code.MALFORMED, "The key set has two keys of one id.")
    known = [key for jwk in jwks if (key := _key(jwk)) is not None]
    return Keys(MappingProxyType({key.kid: key for key in known}))


def ed25519_key(kid: str, x: object) -> PublicKey:
    """The Ed25519 key whose 32 bytes ``x`` spells in base64url (RFC 8037 section 2).

    Raises:
        ValueError: it spells no such key.
    """
    return PublicKey(kid=kid, algorithm="EdDSA", check=_ed25519({"kty": "OKP", "crv": "Ed25519", "x": x}))


def _key(jwk: dict[str, object]) -> PublicKey | None:
    match jwk:
        case {"alg": str(algorithm), "kid": str(kid), "use": "sig"} if algorithm in _ALGORITHMS:
            # Whoever publishes a private half has no secret any more.
            if not KID.fullmatch(kid) or jwk.keys() & _PRIVATE:
                return None
        case _:
            return None
    try:
        return PublicKey(kid=kid, algorithm=algorithm, check=_ALGORITHMS[algorithm](jwk))
    except ValueError:
        return None


def _rs256(jwk: Mapping[str, object]) -> Callable[[bytes, bytes], None]:
    key = _rsa(jwk)
    return lambda signature, signed: key.verify(signature, signed, padding.PKCS1v15(), SHA256())


def _ps512(jwk: Mapping[str, object]) -> Callable[[bytes, bytes], None]:
    key = _rsa(jwk)
    # RFC 7518 section 3.5: the salt is as long as the hash.
    pss = padding.PSS(mgf=padding.MGF1(SHA512()), salt_length=SHA512.digest_size)
    return lambda signature, signed: key.verify(signature, signed, pss, SHA512())


def _rsa(jwk: Mapping[str, object]) -> rsa.RSAPublicKey:
    modulus, exponent = from_base64url(jwk.get("n")), from_base64url(jwk.get("e"))
    # A huge exponent costs minutes for each signature, and the top bit is set in a modulus of full length.
    if jwk.get("kty") != "RSA" or len(modulus) != RSA_BYTES or modulus[0] < 128 or exponent != RSA_EXPONENT:  # noqa: PLR2004
        raise ValueError("it is no RSA key of 4096 bits with the exponent 65537")
    return rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()


def _es256(jwk: Mapping[str, object]) -> Callable[[bytes, bytes], None]:
    x, y = from_base64url(jwk.get("x")), from_base64url(jwk.get("y"))
    if (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256") or (len(x), len(y)) != (COORDINATE_BYTES,) * 2:
        raise ValueError("it is no key of the curve P-256")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    key = numbers.public_key()  # which a point beside the curve is refused by

    def check(signature: bytes, signed: bytes) -> None:
        if len(signature) != 2 * COORDINATE_BYTES:
            raise InvalidSignature
        r, s = signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]
        key.verify(encode_dss_signature(int.from_bytes(r), int.from_bytes(s)), signed, ec.ECDSA(SHA256()))

    return check


def _ed25519(jwk: Mapping[str, object]) -> Callable[[bytes, bytes], None]:
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise ValueError("it is no Ed25519 key")
    return ed25519.Ed25519PublicKey.from_public_bytes(from_base64url(jwk.get("x"))).verify


_ALGORITHMS: dict[str, Callable[[Mapping[str, object]], Callable[[bytes, bytes], None]]] = {
    "RS256": _rs256,
    "PS512": _ps512,
    "ES256": _es256,
    "EdDSA": _ed25519,
}
