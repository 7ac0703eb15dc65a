"""values.schema.json: the types of the defaults, and what the comments in values.yaml add to them."""

import json
from typing import Any

from charts.values_file import Value

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def schema_file(values: tuple[Value, ...]) -> str:
    """The text of values.schema.json."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart seatwarden",
        **_object(values),
    }
    # Helm puts the values of a parent chart here.
    schema["properties"]["global"] = {"type": "object"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _object(values: tuple[Value, ...]) -> dict[str, Any]:
    properties = {value.path[-1]: _schema(value) for value in values}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _schema(value: Value) -> dict[str, Any]:
    said = {"description": value.description} if value.description else {}
    if value.children:
        return {**said, **_object(value.children)}
    return {**said, "type": _TYPES[type(value.default)], "default": value.default, **value.schema}
