"""From pydantic models to the structural OpenAPI schemas that a CustomResourceDefinition may hold.

Pydantic writes JSON Schema, of which the API server takes a strict subset
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema):
no references, no titles, no unions with null, no closed objects. What is optional is simply not required.
An unknown field of a closed object is refused by the API server's strict field validation instead.
"""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from seatwarden.resources.durations import format_duration
from seatwarden.resources.rules import VALIDATIONS, JsonSchema

_NULL = {"type": "null"}
_KEY_ORDER = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "required",
    "properties",
    "items",
    VALIDATIONS,
)


class UnpublishableSchemaError(TypeError):
    """A model says something that no CustomResourceDefinition can hold."""


class _WireDefaults(GenerateJsonSchema):
    """JSON Schema whose defaults are written as in a manifest; those of objects are left to their fields."""

    def encode_default(self, dft: Any) -> Any:
        match dft:
            case timedelta():
                return format_duration(dft)
            case BaseModel():
                return {}
            case _:
                return super().encode_default(dft)


def structural_schema(model: type[BaseModel]) -> JsonSchema:
    """The structural schema of ``model``, with fields in the order in which the model has them.

    Raises:
        UnpublishableSchemaError: the model has something that this does not know how to write structurally.
    """
    schema = model.model_json_schema(by_alias=True, schema_generator=_WireDefaults)
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> JsonSchema:
    found = _without_null(_inlined(schema, definitions), definitions)
    if found.get("default") in (None, []):
        found.pop("default", None)
    if "description" in found:
        found["description"] = " ".join(found["description"].split())
    if "properties" in found:
        found["properties"] = {
            name: _structural(child, definitions) for name, child in found["properties"].items()
        }
    if "items" in found:
        found["items"] = _structural(found["items"], definitions)
    for key in ("title", "additionalProperties", "$defs"):
        found.pop(key, None)
    if unknown := sorted(set(found) - set(_KEY_ORDER)):
        raise UnpublishableSchemaError(f"{', '.join(unknown)} cannot be published in a CRD, in {schema}")
    return {key: found[key] for key in _KEY_ORDER if key in found}


def _inlined(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> JsonSchema:
    """``schema`` with what it refers to; what stands beside the reference wins, rules of both hold."""
    if "$ref" not in schema:
        return dict(schema)
    target = _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    rules = [*target.get(VALIDATIONS, ()), *beside.get(VALIDATIONS, ())]
    return {**target, **beside, **({VALIDATIONS: rules} if rules else {})}


def _without_null(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> JsonSchema:
    if "anyOf" not in schema:
        return schema
    others = [choice for choice in schema["anyOf"] if choice != _NULL]
    if len(others) != 1:
        raise UnpublishableSchemaError(f"a field has one type in a CRD, not {len(others)}, in {schema}")
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**_inlined(others[0], definitions), **beside}
