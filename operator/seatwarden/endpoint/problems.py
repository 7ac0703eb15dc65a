"""Refusals as RFC 9457 problem documents, and what a handler gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from seatwarden.domain.seats import Millis, RateLimit
from seatwarden.endpoint.codes import CODES, AnyCode

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, header or parameter.

    ``field`` is a dotted path such as ``sessions.3.fence``.
    """

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal. ``status`` is needed only where it is not the code's usual one; ``allow`` is for 405, ``rate`` for 429."""

    code: AnyCode
    detail: str
    status: int | None = None
    errors: tuple[FieldError, ...] = ()
    capacity: int | None = None
    used: int | None = None
    retry_after: Millis | None = None
    allow: tuple[str, ...] = ()
    rate: RateLimit | None = None
    pool: int | None = None
    """The place of the pool that refused, where several were asked."""

    @property
    def http_status(self) -> int:
        """The status to answer with."""
        return self.status or CODES[self.code].status


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready to be sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


Outcome = Reply | Problem


class Refused(Exception):  # a refusal is an answer, not an error of ours
    """Ends a request with ``problem``, from wherever that was found."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class ProblemDocument(BaseModel):
    """RFC 9457 problem details, with a stable `code`. Members without a value are left out."""

    type: Annotated[str, Field(description="Where the code is explained, relative to this server.")]
    title: Annotated[str, Field(description="The code in a few words; the same for every occurrence.")]
    status: Annotated[int, Field(description="The HTTP status again.")]
    detail: Annotated[str, Field(description="What happened this time and what to do, in a sentence.")]
    code: Annotated[str, Field(description="The stable code: decide by this.")]
    capacity: Annotated[int | SkipJsonSchema[None], Field(description="Seats of the pool.")] = None
    used: Annotated[int | SkipJsonSchema[None], Field(description="Leases alive in the pool.")] = None
    retry_after: Annotated[
        float | SkipJsonSchema[None], Field(description="Seconds after which trying again can help.")
    ] = None
    pool: Annotated[
        int | SkipJsonSchema[None],
        Field(description="The place of the pool that refused in pools of the request, from 0 on."),
    ] = None
    errors: Annotated[
        list[FieldError] | SkipJsonSchema[None],
        Field(description="What is wrong with the request, field by field."),
    ] = None


def problem_body(problem: Problem) -> bytes:
    """``problem`` as the bytes of a `ProblemDocument`."""
    document: dict[str, Any] = {
        "type": f"/docs#code-{problem.code}",
        "title": CODES[problem.code].title,
        "status": problem.http_status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if problem.capacity is not None:
        document["capacity"] = problem.capacity
    if problem.used is not None:
        document["used"] = problem.used
    if problem.retry_after is not None:
        document["retry_after"] = problem.retry_after / 1000
    if problem.pool is not None:
        document["pool"] = problem.pool
    if problem.errors:
        document["errors"] = problem.errors
    return orjson.dumps(document)


def problem_headers(problem: Problem) -> dict[str, str]:
    """The headers that go with ``problem``: `Retry-After` in whole seconds, `WWW-Authenticate`, `Allow`, `RateLimit`."""
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(max(1, -(-problem.retry_after // 1000)))
    if problem.rate is not None:
        headers |= _rate_headers(problem.rate, headers["Retry-After"])
    if problem.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="seatwarden"'
    if problem.allow:
        headers["Allow"] = ", ".join(problem.allow)
    return headers


def _rate_headers(rate: RateLimit, wait_seconds: str) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers has them since its ninth version."""
    return {
        "RateLimit-Policy": f'"{rate.policy}";q={rate.quota};w=60',
        "RateLimit": f'"{rate.policy}";r=0;t={wait_seconds}',
    }
