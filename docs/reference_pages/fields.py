"""The page about the fields of the custom resources, from the CRDs that the API server is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from docs.reference_pages.markdown import code, codes, document, table
from seatwarden.resources.generate import crd_file_name
from seatwarden.resources.names import Kind

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One field of a kind. ``path`` is as in ``kubectl explain``."""

    path: str
    schema: Schema
    required: bool


def fields_page() -> str:
    """Every field of every kind."""
    return document(
        "Fields of the resources",
        "`kubectl explain` tells the same for one kind, for example `kubectl explain seatpool.spec`. "
        "The `spec` is yours; the operator never writes it. The `status` is the operator's.",
        *(_kind(kind) for kind in Kind),
    )


def _kind(kind: Kind) -> str:
    crd = yaml.safe_load((files("seatwarden_crds") / crd_file_name(kind)).read_text())
    version = crd["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    names = crd["spec"]["names"]
    called = codes([names["plural"], *names["shortNames"], *names["categories"]])
    columns = [
        [column["name"], column.get("description", ""), "`-o wide`" if column.get("priority") else "always"]
        for column in version["additionalPrinterColumns"]
    ]
    return "\n\n".join(
        [
            f"## {kind.value}",
            schema["description"],
            f"API version {code(crd['spec']['group'] + '/' + version['name'])}. For `kubectl`: {called}.",
            f"### Spec of {kind.value}",
            _table(schema["properties"]["spec"], "spec"),
            f"### Status of {kind.value}",
            _table(schema["properties"]["status"], "status"),
            f"### Columns of {kind.value}",
            table(["Column", "What it shows", "Shown"], columns),
        ]
    )


def _table(schema: Schema, root: str) -> str:
    rows = (
        [
            code(field.path),
            _type(field.schema),
            _default(field),
            _limits(field.schema),
            _meaning(field.schema),
        ]
        for field in _fields(schema, root)
    )
    return table(["Field", "Type", "Default", "Limits", "What it means"], rows)


def _fields(schema: Schema, path: str) -> Iterator[_Field]:
    required = schema.get("required", ())
    for name, child in schema.get("properties", {}).items():
        is_list = child["type"] == "array"
        here = f"{path}.{name}{'[]' if is_list else ''}"
        yield _Field(path=here, schema=child, required=name in required)
        yield from _fields(child["items"] if is_list else child, here)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return codes(schema["enum"])
    if schema["type"] == "array":
        return f"list of {schema['items']['type']}"
    return str(schema.get("format", schema["type"]))


def _default(field: _Field) -> str:
    if field.required:
        return "required"
    default = field.schema.get("default")
    if default is None or isinstance(default, dict):
        return ""
    return code(str(default).lower() if isinstance(default, bool) else default)


def _limits(schema: Schema) -> str:
    said = []
    if "minimum" in schema:
        said.append(f"at least {schema['minimum']}")
    if "maximum" in schema:
        said.append(f"at most {schema['maximum']}")
    if "maxLength" in schema and "enum" not in schema:
        said.append(f"up to {schema['maxLength']} characters")
    if "maxItems" in schema:
        said.append(f"up to {schema['maxItems']} items")
    return ", ".join([*said, *(_rule(rule) for rule in schema.get("x-kubernetes-validations", ()))])


def _rule(rule: dict[str, str]) -> str:
    where = rule.get("fieldPath", "").removeprefix(".")
    return f"{code(where)} {rule['message']}".strip()


def _meaning(schema: Schema) -> str:
    return str(schema.get("description", ""))
