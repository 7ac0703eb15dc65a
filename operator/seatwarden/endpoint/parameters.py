"""Path, query and header parameters of requests, each checked once here."""

import re

from aiohttp import web

from seatwarden.endpoint.bodies import invalid_request
from seatwarden.endpoint.problems import FieldError
from seatwarden.endpoint.request_models import FENCE_LIMIT, LEASE_ID_PATTERN

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 500
CURSOR_LENGTH = 256
_LEASE_ID = re.compile(LEASE_ID_PATTERN.strip("^$"))
_HARDWARE_ID = re.compile("[0-9a-f]{64}")
IDEMPOTENCY_KEY = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN = "^[!-~]{1,255}$"
_SESSION_PATH = re.compile(f"/api/v1/licenses/sessions/({LEASE_ID_PATTERN.strip('^$')})(?:[/?]|$)")
_NUMBER = re.compile("[0-9]{1,16}")
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN.strip("^$"))


def session_parameter(request: web.Request) -> str:
    """The session id in the path.

    Raises:
        Refused: it is no lease id.
    """
    if (plain := _SESSION_PATH.match(request.raw_path)) is not None:
        return plain[1]
    lease_id = request.match_info["id"]
    if _LEASE_ID.fullmatch(lease_id) is None:
        raise invalid_request(FieldError("id", "Session id should be 32 lower-case hex characters"))
    return lease_id


def device_parameter(request: web.Request) -> str:
    """The hardware id in the path.

    Raises:
        Refused: it is none.
    """
    holder = request.match_info["hardware_id"]
    if _HARDWARE_ID.fullmatch(holder) is None:
        raise invalid_request(FieldError("hardware_id", "Hardware id should be 64 lower-case hex characters"))
    return holder


def fence_parameter(request: web.Request) -> int | None:
    """The fence in the query, if any.

    Raises:
        Refused: it is no fence.
    """
    return _number(request, "fence", smallest=0, largest=FENCE_LIMIT - 1)


def limit_parameter(request: web.Request) -> int:
    """How many rows a page may have.

    Raises:
        Refused: it is no number in range.
    """
    limit = _number(request, "limit", smallest=1, largest=LARGEST_LIMIT)
    return DEFAULT_LIMIT if limit is None else limit


def one_parameter(request: web.Request, name: str) -> str | None:
    """The query parameter ``name``, if it was given.

    Raises:
        Refused: it was given twice, or is too long for anything that this server hands out.
    """
    values = request.query.getall(name, []) if request.query_string else []
    if not values:
        return None
    if len(values) > 1:
        raise invalid_request(FieldError(name, "Parameter should be given only once"))
    if len(values[0]) > CURSOR_LENGTH:
        raise invalid_request(FieldError(name, f"Parameter should have at most {CURSOR_LENGTH} characters"))
    return values[0]


def idempotency_key(request: web.Request) -> str | None:
    """The `Idempotency-Key` header, if there is one (draft-ietf-httpapi-idempotency-key-header).

    Raises:
        Refused: it was given twice, is too long, or has other characters than printable ASCII.
    """
    if IDEMPOTENCY_KEY not in request.headers:
        return None
    values = request.headers.getall(IDEMPOTENCY_KEY)
    if len(values) > 1:
        raise invalid_request(FieldError(IDEMPOTENCY_KEY, "Header should be given only once"))
    if _IDEMPOTENCY_KEY.fullmatch(values[0]) is None:
        message = "Header should have 1 to 255 printable ASCII characters without spaces"
        raise invalid_request(FieldError(IDEMPOTENCY_KEY, message))
    return values[0]


def _number(request: web.Request, name: str, *, smallest: int, largest: int) -> int | None:
    text = one_parameter(request, name)
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None or not smallest <= int(text) <= largest:
        raise invalid_request(
            FieldError(name, f"Parameter should be a whole number from {smallest} to {largest}")
        )
    return int(text)
