"""The order of versions once more, clause by clause as semver 2.0.0 has it in rule 11: what keys are compared with."""

import re

Parts = tuple[list[int], list[str]]
_FORM = re.compile(r"(\d+)(?:\.(\d+)(?:\.(\d+)(?:-([\w.-]+))?(?:\+[\w.-]+)?)?)?", re.ASCII)


def parts_of(version: str) -> Parts | None:
    """The numbers that are there, and the identifiers of the pre-release."""
    found = _FORM.fullmatch(version)
    if found is None:
        return None
    pre_release = found[4].split(".") if found[4] else []
    return [int(number) for number in found.groups()[:3] if number is not None], pre_release


def precedence(one: Parts, other: Parts) -> int:
    """Below 0 where ``one`` comes first, above 0 where it comes later. A missing number is 0."""
    ours, theirs = (numbers + [0] * (3 - len(numbers)) for numbers, _ in (one, other))
    if ours != theirs:
        return -1 if ours < theirs else 1
    if not one[1] or not other[1]:
        return bool(other[1]) - bool(one[1])
    for left, right in zip(one[1], other[1], strict=False):
        if left != right and (order := _identifiers(left, right)):
            return order
    return len(one[1]) - len(other[1])


def _identifiers(left: str, right: str) -> int:
    if left.isdigit() and right.isdigit():
        return int(left) - int(right)
    if left.isdigit() or right.isdigit():
        return -1 if left.isdigit() else 1
    return -1 if left.encode() < right.encode() else 1


def admits(minimum: str, maximum: str, version: str) -> bool:
    """Does a window from ``minimum`` to ``maximum`` (either may be empty) let ``version`` in?"""
    if not minimum and not maximum:
        return True
    asked, first, last = parts_of(version), parts_of(minimum), parts_of(maximum)
    if asked is None or (first is not None and precedence(asked, first) < 0):
        return False
    if last is None:
        return True
    # What the maximum leaves open may be anything.
    open_from = len(last[0])
    if open_from == 3:
        return precedence(asked, last) <= 0
    return (asked[0] + [0, 0])[:open_from] <= last[0]
