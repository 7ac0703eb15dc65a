"""Who asks: the licence key of a request, and through it the pool."""

from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from seatwarden.domain.licence_key import parse_licence_key
from seatwarden.domain.seats import Code, PoolUid
from seatwarden.endpoint.bodies import invalid_request
from seatwarden.endpoint.problems import FieldError, Problem, Refused

NO_KEY = "There is no licence key in the request. Send it as 'Authorization: Bearer LIC-…'."
BAD_KEY = (
    "No pool accepts this licence key. Check it for typing errors; if it was rotated, take the current one"
    " from the pool's Secret."
)


@dataclass(frozen=True, slots=True)
class Credential:
    """A pool, and the hash of the key with which it is approached.

    Whether the key fits, only the authority says.
    """

    pool: PoolUid
    key_hash: str


def credential_of(request: web.Request, body_key: str | None = None) -> Credential:
    """The credential in the `Authorization` header, or else in the body.

    Raises:
        Refused: there is none, it is malformed, or there are two headers.
    """
    headers = request.headers.getall("Authorization", [])
    if len(headers) > 1:
        raise invalid_request(FieldError("Authorization", "Header should be given only once"))
    if headers:
        scheme, _, key = headers[0].partition(" ")
        credential = _credential(key.strip()) if scheme.lower() == "bearer" else None
    elif body_key is not None:
        credential = _credential(body_key)
    else:
        raise Refused(Problem(code=Code.INVALID_LICENSE, detail=NO_KEY))
    if credential is None:
        raise Refused(Problem(code=Code.INVALID_LICENSE, detail=BAD_KEY))
    return credential


# A client sends its key with each heartbeat; decoding and hashing it anew would cost as much as the rest of
# the parsing.
@lru_cache(maxsize=4096)
def _credential(text: str) -> Credential | None:
    key = parse_licence_key(text)
    return None if key is None else Credential(key.pool, key.sha256)
