"""Mutants that no test can kill, each with its reason: read from ``equivalents.txt``.

There a line ``because …`` is the reason of the names below it, up to the next one. A name is what
``python -m tests.authority.mutants`` says of a survivor.
"""

from pathlib import Path

_BECAUSE = "because "


def equivalents() -> dict[str, str]:
    """The reason by the name of the mutant."""
    found: dict[str, str] = {}
    reason = ""
    for line in Path(__file__).with_suffix(".txt").read_text().splitlines():
        if line.startswith(_BECAUSE):
            reason = line.removeprefix(_BECAUSE)
        elif line:
            assert reason, "the first name has no reason"
            found[line.strip()] = reason
    return found
