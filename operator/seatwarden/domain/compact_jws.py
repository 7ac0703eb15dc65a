"""How a compact JWS (RFC 7515) is put together."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping

import orjson


def base64url(raw: bytes) -> bytes:
    """``raw`` as RFC 7515 section 2 writes it: in the URL's alphabet, and without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=")


def signing_bytes(header: Mapping[str, object], claims: Mapping[str, object]) -> bytes:
    """What is to be signed. The same header and claims give the same bytes."""
    return base64url(orjson.dumps(header)) + b"." + base64url(orjson.dumps(claims))


def signed_token(signed: bytes, signature: bytes) -> str:
    """The token of what was signed, which is header and claims with a dot between, and its signature."""
    return (signed + b"." + base64url(signature)).decode()
