"""values.yaml with its comments, as a tree: what each value is called, its default, and what is said about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "seatwarden"
_SCHEMA = re.compile(r"@schema (\{.*\})$")


class UnreadableValues(ValueError):
    """values.yaml is not written as it should be; the message names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A key of values.yaml. ``children`` are the values in it, and empty where the default is to be taken as a whole."""

    path: tuple[str, ...]
    default: Any
    description: str
    schema: dict[str, Any]
    children: tuple["Value", ...]

    @property
    def name(self) -> str:
        """The path as it is written for `--set`."""
        return ".".join(self.path)

    def leaves(self) -> Iterator["Value"]:
        """The value itself, or all within it, in the order of the file."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def read_values(text: str) -> tuple[Value, ...]:
    """The values in ``text``.

    Raises:
        UnreadableValues: it is no mapping, or a comment has a schema that is no mapping in one line.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise UnreadableValues("the values are no mapping")
    return _values(root, text.splitlines(), ())


def _values(node: yaml.MappingNode, lines: list[str], above: tuple[str, ...]) -> tuple[Value, ...]:
    return tuple(_value(key, child, lines, above) for key, child in node.value)


def _value(key: yaml.Node, node: yaml.Node, lines: list[str], above: tuple[str, ...]) -> Value:
    path = (*above, str(key.value))
    description, schema = _read_comment(lines, key.start_mark.line)
    # What describes its own properties is one value, whatever its default has in it.
    children: tuple[Value, ...] = ()
    if isinstance(node, yaml.MappingNode) and "additionalProperties" not in schema:
        children = _values(node, lines, path)
    return Value(
        path=path,
        default=yaml.safe_load(yaml.serialize(node)),
        description=description,
        schema=schema,
        children=children,
    )


def _read_comment(lines: list[str], line: int) -> tuple[str, dict[str, Any]]:
    above: list[str] = []
    for before in reversed(lines[:line]):
        if not before.strip().startswith("#"):
            break
        above.insert(0, before.strip().removeprefix("#").strip())
    said = [text for text in above if not text.startswith("@")]
    schema: dict[str, Any] = {}
    for text in above:
        if text.startswith("@"):
            found = _SCHEMA.fullmatch(text)
            if found is None:
                raise UnreadableValues(
                    f"a comment above line {line + 1} begins with @ but is no @schema {{...}}: {text}"
                )
            schema |= yaml.safe_load(found[1])
    return " ".join(said), schema
