"""From the bytes of a request to a model: size, time, media type, JSON, schema; each failure is `Refused`."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from seatwarden.endpoint.codes import RequestCode
from seatwarden.endpoint.problems import JSON, FieldError, Problem, Refused
from seatwarden.endpoint.request_models import RequestBody

SHOWN_ERRORS = 20

Body = TypeVar("Body", bound=RequestBody)


def invalid_request(*errors: FieldError) -> Refused:
    """The refusal of a request whose ``errors`` are known."""
    shown = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
    detail = f"The request is not understood ({shown}). Correct it and send it again."
    return Refused(Problem(code=RequestCode.INVALID_REQUEST, detail=detail, errors=errors))


async def read_body(request: web.Request, *, limit: int, seconds: float) -> bytes:
    """The whole body, at most ``limit`` bytes long and within ``seconds``.

    Raises:
        Refused: too long, too slow, or broken off.
    """
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    content = request.content
    try:
        if content.is_eof():  # nearly always: the body came in the same packet as the headers
            body = content.read_nowait()
        else:
            async with asyncio.timeout(seconds):
                body = await _collect(request, limit)
    except TimeoutError:
        detail = f"The body did not arrive within {seconds:g} seconds. Send it again over a new connection."
        raise Refused(Problem(code=RequestCode.REQUEST_TIMEOUT, detail=detail)) from None
    except (web.RequestPayloadError, ConnectionError):
        raise invalid_request(FieldError("body", "The body broke off or is badly framed")) from None
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _collect(request: web.Request, limit: int) -> bytes:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> Refused:
    detail = f"The body is longer than the {limit // 1024} KiB that this call takes. Send less."
    return Refused(Problem(code=RequestCode.BODY_TOO_LARGE, detail=detail))


async def read_json_body(request: web.Request, model: type[Body], *, seconds: float) -> Body:
    """The body of ``request`` as a ``model``, which has to be there ``seconds`` after the head.

    Raises:
        Refused: it is none, too long, or too late.
    """
    body = await read_body(request, limit=model.body_limit, seconds=seconds)
    if body:
        require_json(request)
    return decode(body, model)


def require_json(request: web.Request) -> None:
    """Return where the headers say that the body is plain JSON in UTF-8.

    Raises:
        Refused: they do not.
    """
    headers = request.headers
    said = headers.get("Content-Type", "")
    plain = said == JSON or (
        request.content_type == JSON and (request.charset or "utf-8").lower() in {"utf-8", "utf8"}
    )
    if not plain:
        detail = "The body has to be JSON in UTF-8: set 'Content-Type: application/json'."
    elif headers.get("Content-Encoding", "identity").lower() != "identity":
        detail = "The body has to come without content encoding: send it uncompressed."
    else:
        return
    raise Refused(Problem(code=RequestCode.UNSUPPORTED_MEDIA_TYPE, detail=detail))


def decode(body: bytes, model: type[Body]) -> Body:
    """``body`` as a ``model``.

    Raises:
        Refused: it is no JSON, has a duplicate name, or does not fit the model; with the fields that do not.
    """
    if not body:
        raise invalid_request(FieldError("body", "The body is empty; send a JSON object"))
    try:
        read = model.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(*_field_errors(error)) from None
    # Each pair has a colon. Only with more colons than pairs that the model took can there be a duplicate.
    if body.count(b":") > read.names_read():
        _refuse_duplicates(body)
    return read


def _field_errors(error: ValidationError) -> Iterable[FieldError]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    for item in found[:SHOWN_ERRORS]:
        yield FieldError(".".join(map(str, item["loc"])) or "body", item["msg"])


def _refuse_duplicates(body: bytes) -> None:
    def once(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) != len({name for name, _ in pairs}):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise invalid_request(FieldError(twice, "Name should be given only once"))

    json.loads(body, object_pairs_hook=once)
