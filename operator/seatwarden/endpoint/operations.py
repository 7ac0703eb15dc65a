"""What a call of the endpoint is: the words in which `seatwarden.endpoint.route_table` is written."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aiohttp import web

from seatwarden.domain.seats import Code
from seatwarden.endpoint.codes import AnyCode, RequestCode
from seatwarden.endpoint.problems import Outcome
from seatwarden.endpoint.request_models import LEASE_ID_PATTERN, RequestBody

H = TypeVar("H")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path or query parameter; ``schema`` is JSON Schema."""

    name: str
    place: str
    description: str
    schema: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What can be called next with what an answer said. Values are OpenAPI's runtime expressions."""

    name: str
    operation: str
    description: str
    parameters: dict[str, str] = field(default_factory=dict, hash=False)
    body: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer: a JSON ``body`` of that class, or text of that ``media_type``, or where that is empty
    nothing."""

    status: int
    description: str
    body: type | None = None
    media_type: str = "application/json"
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[H]):
    """One call. ``name`` is its operationId and its metric label; ``refusals`` are those of its own."""

    name: str
    method: str
    path: str
    handler: Callable[[H, web.Request], Awaitable[Outcome]]
    summary: str
    description: str = ""
    body: type[RequestBody] | None = None
    body_required: bool = True
    parameters: tuple[Parameter, ...] = ()
    answers: tuple[Answer, ...]
    refusals: tuple[tuple[int, AnyCode], ...] = ()
    needs_key: bool = True
    asks_authority: bool = True

    def all_refusals(self) -> tuple[tuple[int, AnyCode], ...]:
        """The refusals of its own and those that come with a key, a body or the authority."""
        shared: list[tuple[int, AnyCode]] = []
        if self.needs_key:
            shared += [(400, RequestCode.INVALID_REQUEST), (401, Code.INVALID_LICENSE)]
        if self.body is not None:
            shared += [
                (408, RequestCode.REQUEST_TIMEOUT),
                (413, RequestCode.BODY_TOO_LARGE),
                (415, RequestCode.UNSUPPORTED_MEDIA_TYPE),
            ]
        if self.asks_authority:
            shared.append((503, RequestCode.AUTHORITY_UNAVAILABLE))
            if self.needs_key:
                shared.append((503, Code.RECOVERING))
        return tuple(sorted({*self.refusals, *shared}))


SESSION_ID = Parameter(
    name="id",
    place="path",
    description="The session_id that acquire gave.",
    schema={"type": "string", "pattern": LEASE_ID_PATTERN},
)
