"""Checks a JSON value against a schema of the endpoint's OpenAPI document; knows just the keywords used there."""

import re
from collections.abc import Callable, Iterator
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
    if keyword in FITS:
        if not FITS[keyword](value, rule):
            yield f"{where}: {value!r} breaks {keyword} {rule}"
        return
    match keyword:
        case "$ref":
            yield from mismatches(value, resolve(rule, document), document, where)
        case "allOf":
            yield from _members(dict.fromkeys(range(len(rule)), value), rule, document, where)
        case "anyOf":
            if all([*mismatches(value, part, document, where)] for part in rule):
                yield f"{where}: {value!r} fits none of {rule}"
        case "properties":
            if "required" in schema:
                yield from (f"{where}: {name} is not documented" for name in value.keys() - rule.keys())
            yield from _members(
                {name: value[name] for name in value.keys() & rule.keys()}, rule, document, where
            )
        case "items":
            yield from _members(
                dict(enumerate(value)), dict.fromkeys(range(len(value)), rule), document, where
            )
        case _:
            raise AssertionError(f"the walker does not know the keyword {keyword}")


def _members(members: Json, schemas: Json, document: Json, where: str) -> Iterator[str]:
    for name, member in members.items():
        yield from mismatches(member, schemas[name], document, f"{where}.{name}")


FITS: dict[str, Callable[[Json, Json], bool]] = {
    "enum": lambda value, rule: value in rule,
    "const": lambda value, rule: bool(value == rule),
    "pattern": lambda value, rule: re.search(rule, value) is not None,
    "minimum": lambda value, rule: bool(value >= rule),
    "exclusiveMinimum": lambda value, rule: bool(value > rule),
    "maximum": lambda value, rule: bool(value <= rule),
    "exclusiveMaximum": lambda value, rule: bool(value < rule),
    "maxLength": lambda value, rule: len(value) <= rule,
    "minItems": lambda value, rule: len(value) >= rule,
    "maxItems": lambda value, rule: len(value) <= rule,
    "required": lambda value, rule: set(rule) <= set(value),
}


def resolve(reference: str, document: Json) -> Json:
    """What ``reference`` (a local JSON pointer) points to."""
    assert reference.startswith("#/")
    found = document
    for step in reference[2:].split("/"):
        found = found[step]
    return found
