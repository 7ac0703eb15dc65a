"""The behaviours that licence servers get wrong, which tests show them, and what still waits for later work.

A test that shows one has the marker ``behaviour`` with its number. ``python -m tests.behaviours`` writes the page
``docs/behaviours.md`` anew.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "behaviours.md"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a correct server does; ``waits_for`` is the part of it that is not there yet."""

    does: str
    waits_for: str = ""


BEHAVIOURS: dict[int, Behaviour] = {
    1: Behaviour("Counts and takes a seat in one atomic step"),
    2: Behaviour("Gives a client that asks again its own lease, in full"),
    3: Behaviour("Tells a restarted client from a second one"),
    4: Behaviour("Takes no second seat for a retry after a lost answer"),
    5: Behaviour("Never revives a lease that is gone by a heartbeat"),
    6: Behaviour("Never reaps a lease that a heartbeat has just renewed"),
    7: Behaviour("Reaps by what is stored alone, with no mark that can be lost"),
    8: Behaviour("Has an expired seat free at once, without a sweep"),
    9: Behaviour("Goes by one clock, also where that is set back"),
    10: Behaviour("Loses no acknowledged lease in a failover"),
    11: Behaviour("Never lets a fence go back, also after a flush or an old snapshot"),
    12: Behaviour("Guards each lease with a fence that only grows"),
    13: Behaviour("Kills no lease when a pool shrinks below its use"),
    14: Behaviour("Raises a limit without reinstating what was suspended"),
    15: Behaviour("Tells live leases of a suspension at the next heartbeat"),
    16: Behaviour("Has one count, the same for status, metrics and money"),
    17: Behaviour("Counts overage in whole seats, by a stated rule"),
    18: Behaviour("Makes a release safe to repeat, and a late one harmless"),
    19: Behaviour("Keeps borrowed seats through sweeps and failovers"),
    20: Behaviour("Is fair to those who wait, and forgets those who left"),
    21: Behaviour("Spreads heartbeats and retries, so that no herd forms"),
    22: Behaviour("Does not take its own outage for the death of its clients"),
    23: Behaviour("Leaves seats alone when the operator restarts or writes its wishes again"),
    24: Behaviour("Has a pool that is made again begin without old leases"),
    25: Behaviour("Lets an expired licence be renewed, and sees it at once", "billing"),
    26: Behaviour("Rotates keys with an overlap", "rotation of signing keys"),
    27: Behaviour("Lives with keys that are deleted late or never", "key management services"),
    28: Behaviour("Takes events of the payment provider as hints and reads again", "billing"),
    29: Behaviour("Repeats deliveries to a receiver that is restarting", "outbound webhooks"),
    30: Behaviour("Writes the ledger in the same step as the change"),
    31: Behaviour("Says how old what it shows is", "air-gapped installations"),
    32: Behaviour("Says why with a stable code"),
}


def shown_by() -> dict[int, list[str]]:
    """The tests by behaviour, as ``folder/test_module.py``."""
    found: dict[int, list[str]] = {number: [] for number in BEHAVIOURS}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _numbers(node):
                    found[number].append(str(path.relative_to(ROOT / "tests")))
    return found


def page() -> str:
    """The page."""
    lines = [
        "# Behaviours",
        "",
        "Licence servers get the same things wrong again and again. This is the list of what we test for. The page is",
        "written by `python -m tests.behaviours`; `pytest -m behaviour` runs the tests.",
        "",
        "| | Seatwarden … | Tests | Waits for |",
        "| --- | --- | --- | --- |",
    ]
    for number, tests in shown_by().items():
        behaviour = BEHAVIOURS[number]
        modules = ", ".join(f"[{Path(name).stem}](../tests/{name})" for name in dict.fromkeys(tests))
        does = behaviour.does[0].lower() + behaviour.does[1:]
        counted = f"{len(tests)}: {modules}" if tests else ""
        lines.append(f"| {number} | {does} | {counted} | {behaviour.waits_for} |")
    return "\n".join(lines) + "\n"


def _numbers(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.behaviour":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


if __name__ == "__main__":
    PAGE.write_text(page())
