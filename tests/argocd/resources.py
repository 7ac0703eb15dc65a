"""Resources that the definitions allow, and many that they do not: made up from the schemas of the CRDs."""

from typing import Any

from hypothesis import strategies as st

from seatwarden.resources.conditions import ConditionStatus, ConditionType
from seatwarden.resources.crd import custom_resource_definition
from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.reasons import Reason

Body = dict[str, Any]
Bodies = st.SearchStrategy[Body]
_SMALL = st.integers(min_value=0, max_value=3)
_TEXTS = st.text(max_size=12)


def _condition(types: list[str]) -> Bodies:
    return st.fixed_dictionaries(
        {
            "type": st.sampled_from(types),
            "status": st.sampled_from([str(status) for status in ConditionStatus]),
            "reason": st.sampled_from([str(reason) for reason in Reason]) | st.just("NewerReason"),
            "message": _TEXTS,
            "lastTransitionTime": st.just("2026-11-24T09:00:00Z"),
        },
        optional={"observedGeneration": _SMALL},
    )


def _conditions() -> st.SearchStrategy[list[Body]]:
    """Most often with Ready among them, as nothing else decides where it is missing."""
    others = [str(kind) for kind in ConditionType if kind is not ConditionType.READY] + ["Other"]
    beside = st.lists(_condition(others), max_size=4, unique_by=lambda condition: condition["type"])
    return st.tuples(st.lists(_condition(["Ready"]), max_size=1), beside).map(lambda both: both[0] + both[1])


def resources(kind: Kind) -> Bodies:
    """Any resource of a kind. Formats and patterns of texts are not kept to, so there are more than the API server admits."""
    schema = custom_resource_definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    status = values(schema["properties"]["status"])
    with_conditions = st.tuples(status, _conditions()).map(lambda both: {**both[0], "conditions": both[1]})
    with_generation = st.tuples(with_conditions, _SMALL).map(
        lambda both: {**both[0], "observedGeneration": both[1]}
    )
    metadata = st.fixed_dictionaries(
        {"name": st.just("one"), "namespace": st.just("customers")},
        optional={
            "generation": _SMALL,
            "deletionTimestamp": st.just("2026-11-24T09:00:00Z"),
            "annotations": st.dictionaries(_TEXTS, _TEXTS, max_size=2),
        },
    )
    return st.fixed_dictionaries(
        {"apiVersion": st.just(API_VERSION), "kind": st.just(str(kind)), "metadata": metadata},
        optional={
            "spec": values(schema["properties"]["spec"]),
            "status": st.one_of(status, with_conditions, with_generation),
        },
    )


def values(schema: Body) -> st.SearchStrategy[Any]:
    """Any value of a schema as CRDs have them."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _objects(schema)
        case "array":
            return st.lists(values(schema["items"]), max_size=2)
        case "boolean":
            return st.booleans()
        case "integer":
            return _SMALL
        case _:
            return _TEXTS


def _objects(schema: Body) -> Bodies:
    if "properties" not in schema:
        return st.dictionaries(_TEXTS, _TEXTS, max_size=2)
    required = set(schema.get("required", ()))
    fields = {name: values(below) for name, below in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: below for name, below in fields.items() if name in required},
        optional={name: below for name, below in fields.items() if name not in required},
    )
