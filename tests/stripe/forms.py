"""Form-encoded parameters with brackets, as Stripe's clients send them: ``items[0][price]=price_1&expand[]=customer``."""

import re
from typing import Any
from urllib.parse import parse_qsl, quote

from tests.stripe.refusals import BeforeItBegan

_NAME = re.compile(r"(?P<first>[^\[\]]+)(?P<rest>(\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def parsed(text: str) -> dict[str, Any]:
    """Nested dicts of texts. A list is a dict with the keys "0", "1", …: only the API's description tells them apart."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
        match = _NAME.fullmatch(name)
        if match is None:
            raise BeforeItBegan(f"Invalid parameter name: {name}", param=name)
        _put(tree, [match["first"], *_PART.findall(match["rest"])], value, name)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise BeforeItBegan(f"Invalid parameter: {name} is given twice, in two shapes", param=name)
    last = path[-1] or str(len(tree))
    if last in tree:
        raise BeforeItBegan(f"Invalid parameter: {name} is given twice", param=name)
    tree[last] = value


def encoded(tree: dict[str, Any]) -> str:
    """What `parsed` makes ``tree`` of; also for values that are lists, numbers and truths."""
    return "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in _pairs(tree, ""))


def _pairs(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, list):
        value = {str(index): one for index, one in enumerate(value)}
    if isinstance(value, dict):
        inner = [(f"{name}[{key}]" if name else str(key), one) for key, one in value.items()]
        return [pair for path, one in inner for pair in _pairs(one, path)]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


def leaves(tree: dict[str, Any]) -> set[str]:
    """The dotted names of what is given, without the places in lists: ``items.price``."""
    found: set[str] = set()
    for name, value in tree.items():
        below = value if isinstance(value, list) else [value]
        for one in below:
            found |= {f"{name}.{leaf}" for leaf in leaves(one)} if isinstance(one, dict) and one else {name}
    return found
