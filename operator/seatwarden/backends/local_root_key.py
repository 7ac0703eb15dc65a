"""Root keys of the provider `Local`: RSA private keys in PEM, made here, kept in a Secret by the reconciler."""

import asyncio

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from seatwarden.domain.root_key import ROOT_KEY_BITS, PublicRootKey, public_root_key

_PUBLIC_EXPONENT = 65537


class UnusableKey(ValueError):
    """The bytes are no root key; the message says what they should be and never quotes them."""


async def generate_private_pem() -> bytes:
    """A new private key (PKCS#8 PEM). It takes 0.2 to 0.8 s of a core, in a thread."""
    return await asyncio.to_thread(_generate)


def read_public(private_pem: bytes) -> PublicRootKey:
    """The public half of a private key.

    Raises:
        UnusableKey: it cannot be read, or is no RSA key of the right size.
    """
    try:
        # OpenSSL's check of the primes takes 0.3 s and is for keys of strangers. This one comes from our own Secret.
        key = load_pem_private_key(private_pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableKey(
            f"it is no unencrypted PKCS#8 private key in PEM ({type(error).__name__})"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != ROOT_KEY_BITS:
        raise UnusableKey(f"it is no RSA key of {ROOT_KEY_BITS} bits")
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public_root_key(der, pem.decode())


def _generate() -> bytes:
    key = rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=ROOT_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
