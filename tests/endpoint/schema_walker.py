"""Checks a JSON value against a schema of the endpoint's OpenAPI document; knows just the keywords used there."""

import re
from collections.abc import Iterator
from typing import Any

Json = Any
ANNOTATIONS = {"title", "description", "default", "format", "type", "examples", "additionalProperties"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def mismatches(value: Json, schema: Json, document: Json, where: str = "$") -> Iterator[str]:
    """A sentence for each way in which ``value`` does not fit ``schema``."""
    wanted = schema.get("type")
    if wanted is not None and not (
        isinstance(value, TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    ):
        yield f"{where}: {value!r} is no {wanted}"
        return
    for keyword, rule in schema.items():
        if keyword in ANNOTATIONS:
            continue
        yield from _check(keyword, rule, value, schema, document, where)


def _check(keyword: str, rule: Json, value: Json, schema: Json, document: Json, where: str) -> Iterator[str]:
    match keyword:
        case "$ref":
            yield from mismatches(value, resolve(rule, document), document, where)
        case "allOf":
            for part in rule:
                yield from mismatches(value, part, document, where)
        case "anyOf":
            if all(any(True for _ in mismatches(value, part, document, where)) for part in rule):
                yield f"{where}: {value!r} fits none of {rule}"
        case "enum" if value not in rule:
            yield f"{where}: {value!r} is none of {rule}"
        case "const" if value != rule:
            yield f"{where}: {value!r} is not {rule!r}"
        case "pattern" if re.search(rule, value) is None:
            yield f"{where}: {value!r} does not match {rule}"
        case "minimum" if value < rule:
            yield f"{where}: {value!r} is below {rule}"
        case "exclusiveMinimum" if value <= rule:
            yield f"{where}: {value!r} is not above {rule}"
        case "maximum" if value > rule:
            yield f"{where}: {value!r} is above {rule}"
        case "exclusiveMaximum" if value >= rule:
            yield f"{where}: {value!r} is not below {rule}"
        case "maxLength" | "maxItems" if len(value) > rule:
            yield f"{where}: longer than {rule}"
        case "minItems" if len(value) < rule:
            yield f"{where}: shorter than {rule}"
        case "required":
            yield from (f"{where}: {name} is missing" for name in rule if name not in value)
        case "properties" if isinstance(value, dict):
            if schema.get("type") == "object" and "required" in schema:
                yield from (f"{where}: {name} is not documented" for name in value if name not in rule)
            for name, part in rule.items():
                if name in value:
                    yield from mismatches(value[name], part, document, f"{where}.{name}")
        case "items":
            for index, item in enumerate(value):
                yield from mismatches(item, rule, document, f"{where}[{index}]")
        case _ if keyword not in KNOWN:
            raise AssertionError(f"the walker does not know the keyword {keyword}")


KNOWN = {
    "enum", "const", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "maxLength",
    "maxItems", "minItems", "properties",
}  # fmt: skip


def resolve(reference: str, document: Json) -> Json:
    """What ``reference`` (a local JSON pointer) points to."""
    assert reference.startswith("#/")
    found = document
    for step in reference[2:].split("/"):
        found = found[step]
    return found
