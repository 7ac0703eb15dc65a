"""Whether what the stand-in answers is what Stripe says that it answers: every field known, none missing, each of its type."""

from collections.abc import Iterator
from typing import Any

from tests.stripe.openapi import OpenApi, Schema

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def complaints(api: OpenApi, schema: Schema, value: Any, path: str = "answer") -> list[str]:
    """What is wrong with ``value``, each with its place; empty where nothing is."""
    return list(_complaints(api, schema, value, path))


def _complaints(api: OpenApi, schema: Schema, value: Any, path: str) -> Iterator[str]:
    if value is None and (schema.get("nullable") or api.resolved(schema).get("nullable")):
        return
    schema = api.resolved(schema)
    if "anyOf" in schema:
        found = [complaints(api, one, value, path) for one in _meant(api, schema["anyOf"], value)]
        if all(found):
            yield from min(found, key=len) if found else [f"{path}: is none of what it may be"]
        return
    kind = schema.get("type")
    if kind is None:
        return
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path}: {value!r} is no {kind}"
    elif value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _complaints(api, schema["items"], one, f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _of_fields(api, schema, value, path)


def _meant(api: OpenApi, schemas: list[Schema], value: Any) -> list[Schema]:
    """Of several schemas those of the object's own kind, so that a complaint is about a field and not about the whole."""
    told = value.get("object") if isinstance(value, dict) else None
    if told is None:
        return schemas
    kinds = [api.resolved(one).get("properties", {}).get("object", {}).get("enum", []) for one in schemas]
    fitting = [one for one, kind in zip(schemas, kinds, strict=True) if told in kind]
    return [one for one in fitting if ("deleted" in value) == _says_deleted(api, one)] or fitting or schemas


def _says_deleted(api: OpenApi, schema: Schema) -> bool:
    return "deleted" in api.resolved(schema).get("required", [])


def _of_fields(api: OpenApi, schema: Schema, value: dict[str, Any], path: str) -> Iterator[str]:
    known, free = schema.get("properties", {}), schema.get("additionalProperties")
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}.{name}: is missing"
    for name, one in value.items():
        inner = known.get(name, free if isinstance(free, dict) else None)
        if inner is not None:
            yield from _complaints(api, inner, one, f"{path}.{name}")
        elif known or free is False:
            yield f"{path}.{name}: is no field"
