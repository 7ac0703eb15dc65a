"""Stripe's API as Stripe describes it: the OpenAPI that stripe-mock carries. Which requests there are, and what they may hold."""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stripe.mock_build import stripe_mock_folder
from tests.stripe.refusals import BeforeItBegan

Schema = Mapping[str, Any]
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request that Stripe serves."""

    method: str
    path: str
    """With names in braces, such as /v1/customers/{customer}."""
    parameters: Schema
    """An object's schema: the form's or the query's."""
    answer: Schema


@dataclass(frozen=True, slots=True)
class OpenApi:
    """The whole description."""

    document: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Of the API, such as 2026-08-26.dahlia."""
        return str(self.document["info"]["version"])

    def schema(self, name: str) -> Schema:
        """A named schema, such as subscription."""
        found: Schema = self.document["components"]["schemas"][name]
        return found

    def resolved(self, schema: Schema) -> Schema:
        """What a reference stands for; anything else as it is."""
        while "$ref" in schema:
            schema = self.schema(schema["$ref"].rpartition("/")[2])
        return schema

    def operation(self, method: str, path: str) -> Operation | None:
        """The request with that method and path (with or without names in braces); None where there is none."""
        for template in [path] if path in self.document["paths"] else self._templates(path):
            described = self.document["paths"][template].get(method.lower())
            if described is not None:
                return Operation(
                    method=method,
                    path=template,
                    parameters=_parameters(described),
                    answer=described["responses"]["200"]["content"]["application/json"]["schema"],
                )
        return None

    def _templates(self, path: str) -> list[str]:
        # Paths without names come first: /v1/customers/search is not a customer called search.
        found = [one for one in self.document["paths"] if _pattern(one).fullmatch(path)]
        return sorted(found, key=lambda one: one.count("{"))


def _parameters(described: Mapping[str, Any]) -> Schema:
    form = described.get("requestBody", {}).get("content", {}).get(_FORM, {}).get("schema", {})
    query = [one for one in described.get("parameters", []) if one["in"] == "query"]
    properties = form.get("properties", {}) | {one["name"]: one["schema"] for one in query}
    required = [*form.get("required", []), *(one["name"] for one in query if one["required"])]
    return {"type": "object", "properties": properties, "required": required}


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", r"[^/]+", template))


@functools.cache
def stripe_openapi(folder: Path | None = None) -> OpenApi:
    """The description, read once."""
    text = ((folder or stripe_mock_folder()) / "spec3.json").read_text()
    return OpenApi(json.loads(text))


def typed(schema: Schema, given: Any, name: str = "") -> Any:
    """The texts of a form as the values that ``schema`` means. Raises `BeforeItBegan` as Stripe would."""
    if "anyOf" in schema:
        return _first_that_fits(schema["anyOf"], given, name)
    match schema.get("type"):
        case "object":
            return _object(schema, given, name)
        case "array":
            if not isinstance(given, dict):
                raise BeforeItBegan("Invalid array", param=name)
            return [typed(schema["items"], one, f"{name}[{index}]") for index, one in given.items()]
        case kind:
            return _scalar(kind, schema, given, name)


def _first_that_fits(schemas: list[Schema], given: Any, name: str) -> Any:
    refusals = []
    for schema in schemas:
        try:
            return typed(schema, given, name)
        except BeforeItBegan as refusal:
            refusals.append(refusal)
    # The deepest complaint is about the alternative that was meant.
    raise max(refusals, key=lambda one: len(one.body["error"].get("param", "")))


def _object(schema: Schema, given: Any, name: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise BeforeItBegan("Invalid object", param=name)
    known, free = schema.get("properties", {}), schema.get("additionalProperties")
    values = {}
    for key, value in given.items():
        path = f"{name}[{key}]" if name else key
        inner = known.get(key, free if isinstance(free, dict) else None)
        if inner is None:
            raise BeforeItBegan(f"Received unknown parameter: {path}", code="parameter_unknown", param=path)
        values[key] = typed(inner, value, path)
    for key in schema.get("required", []):
        if key not in values:
            path = f"{name}[{key}]" if name else key
            raise BeforeItBegan(f"Missing required param: {path}.", code="parameter_missing", param=path)
    return values


def _scalar(kind: str | None, schema: Schema, given: Any, name: str) -> Any:
    if not isinstance(given, str):
        raise BeforeItBegan(f"Invalid {kind}", param=name)
    if "enum" in schema and given not in schema["enum"]:
        listed = ", ".join(schema["enum"])
        raise BeforeItBegan(f"Invalid {name}: must be one of {listed}", param=name)
    if len(given) > schema.get("maxLength", len(given)):
        raise BeforeItBegan(f"Invalid string: {name} is too long", param=name)
    try:
        return _READERS[kind or "string"](given)
    except (ValueError, KeyError):
        raise BeforeItBegan(f"Invalid {kind}: {given}", code="parameter_invalid", param=name) from None


def _integer(text: str) -> int:
    if re.fullmatch(r"-?\d+", text) is None:
        raise ValueError(text)
    return int(text)


_READERS: Mapping[str, Any] = {
    "string": str,
    "integer": _integer,
    "number": float,
    "boolean": {"true": True, "false": False}.__getitem__,
}
