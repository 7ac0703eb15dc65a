"""The OpenAPI 3.1 document, made from the route table, the pydantic models and the code table."""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from seatwarden.endpoint.codes import CODES, AnyCode
from seatwarden.endpoint.credentials import POOL_HEADER
from seatwarden.endpoint.operations import Answer, Link, Operation, Parameter
from seatwarden.endpoint.problems import PROBLEM_JSON, ProblemDocument
from seatwarden.endpoint.request_models import POOL_NAME_PATTERN
from seatwarden.endpoint.route_table import OPERATIONS

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaMode

Json = dict[str, Any]

ABOUT = """Floating software licences: take a seat, keep it with heartbeats, give it back.

Lengths of time are seconds from the moment of the answer, so clients need no right clock. Fields that the \
server does not know are ignored in requests; clients should ignore those that they do not know in answers. \
Every refusal is application/problem+json with a stable `code`. Every call is safe to repeat after a timeout \
or a 503.

A sound client: acquires with a nonce of its own run, sends a heartbeat after each `next_heartbeat_in` \
seconds, keeps on working through 503 until its lease would end, stops using the seat on 404, 409 and 410, \
and releases at its end."""

_REQUEST_ID_HEADER = {"$ref": "#/components/headers/X-Request-Id"}
_HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "The scheme to use: Bearer."}},
    409: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds, where waiting can help."}},
    429: {
        "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before the next try."},
        "RateLimit-Policy": {
            "schema": {"type": "string"},
            "description": 'The limit that was reached, such as "perHolder";q=6;w=60: q requests in w seconds.',
        },
        "RateLimit": {
            "schema": {"type": "string"},
            "description": 'What is left of it, such as "perHolder";r=0;t=10: t is the wait in seconds.',
        },
    },
    503: {
        "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before the next try."}
    },
}


def openapi_document(version: str) -> Json:
    """The document for this ``version`` of the endpoint."""
    schemas, references = _schemas()
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Seatwarden seat endpoint",
            "version": version,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "seats", "description": "For client programs."},
            {"name": "service", "description": "For the platform and for readers."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {
                "X-Request-Id": {
                    "schema": {"type": "string"},
                    "description": "The id that the request came with, or a new one.",
                }
            },
            "parameters": {
                "X-Request-Id": {
                    "name": "X-Request-Id",
                    "in": "header",
                    "description": "An id of the client's own choice, up to 64 of A-Z a-z 0-9 . _ : -",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
                },
                POOL_HEADER: {
                    "name": POOL_HEADER,
                    "in": "header",
                    "description": "With a token, the pool that is meant: NAMESPACE/NAME. A licence key names its pool.",
                    "schema": {"type": "string", "pattern": POOL_NAME_PATTERN},
                },
            },
            "securitySchemes": {
                "licenceKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The licence key of the pool: LIC-…",
                },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token that the pool's Tenant trusts: of a Kubernetes ServiceAccount, or of an"
                    " OpenID Connect issuer. The pool is named in Seatwarden-Pool.",
                },
            },
        },
    }


def _schemas() -> tuple[Json, dict[type, Json]]:
    """All schemas by name, and for each class the reference to its own."""
    requests = {operation.body for operation in OPERATIONS if operation.body is not None}
    bodies = {answer.body for operation in OPERATIONS for answer in operation.answers if answer.body}
    inputs: list[tuple[type, JsonSchemaMode, TypeAdapter[Any]]] = [
        *((model, "validation", TypeAdapter(model)) for model in requests),
        *((model, "serialization", TypeAdapter(model)) for model in {*bodies, ProblemDocument}),
    ]
    inputs.sort(key=lambda item: item[0].__name__)
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    schemas = dict(sorted(definitions["$defs"].items()))
    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            if member.get("default", ...) is None:
                del member["default"]
    return schemas, {model: schema for (model, _), schema in found.items()}


def _operation(operation: Operation[Any], references: dict[type, Json]) -> Json:
    result: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": ["seats" if operation.needs_key else "service"],
        "parameters": [
            *(_parameter(parameter) for parameter in operation.parameters),
            *([{"$ref": f"#/components/parameters/{POOL_HEADER}"}] if operation.needs_key else []),
            {"$ref": "#/components/parameters/X-Request-Id"},
        ],
        "responses": _responses(operation, references),
    }
    if operation.description:
        result["description"] = operation.description
    if operation.needs_key:
        # A key in the body is taken too, so the header alone is not demanded where there can be a body.
        shown: list[Json] = [{"licenceKey": []}, {"token": []}]
        result["security"] = [*shown, {}] if operation.body else shown
    if operation.body is not None:
        result["requestBody"] = {
            "required": operation.body_required,
            "description": f"At most {operation.body.body_limit // 1024} KiB.",
            "content": {"application/json": {"schema": references[operation.body]}},
        }
    return result


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _responses(operation: Operation[Any], references: dict[type, Json]) -> Json:
    responses: Json = {str(answer.status): _answer(answer, references) for answer in operation.answers}
    for status, codes in groupby(operation.all_refusals(), key=lambda refusal: refusal[0]):
        responses[str(status)] = _refusal(status, [code for _, code in codes], references)
    return dict(sorted(responses.items()))


def _answer(answer: Answer, references: dict[type, Json]) -> Json:
    schema = {"type": "string"} if answer.body is None else references[answer.body]
    result: Json = {
        "description": answer.description,
        "headers": {"X-Request-Id": _REQUEST_ID_HEADER},
    }
    if answer.media_type:
        result["content"] = {answer.media_type: {"schema": schema}}
    if answer.links:
        result["links"] = {link.name: _link(link) for link in answer.links}
    return result


def _link(link: Link) -> Json:
    result: Json = {"operationId": link.operation, "description": link.description}
    if link.parameters:
        result["parameters"] = link.parameters
    if link.body:
        result["requestBody"] = link.body
    return result


def _refusal(status: int, codes: list[AnyCode], references: dict[type, Json]) -> Json:
    schema = {
        "allOf": [
            references[ProblemDocument],
            {"type": "object", "properties": {"code": {"enum": [code.value for code in codes]}}},
        ]
    }
    return {
        "description": "; ".join(f"{code}: {CODES[code].title}" for code in codes),
        "headers": {"X-Request-Id": _REQUEST_ID_HEADER, **_HEADERS.get(status, {})},
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
