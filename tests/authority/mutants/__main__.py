"""Try every mutant: ``python -m tests.authority.mutants``. Survivors that are not explained are an error."""

import argparse
import os
import sys
from collections import Counter

from tests.authority.mutants.equivalents import equivalents
from tests.authority.mutants.mutations import all_mutants
from tests.authority.mutants.trial import Verdict, try_all


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Say what became of each mutant; 1 where one survived without a reason, or a reason has no mutant."""
    parser = argparse.ArgumentParser(prog="python -m tests.authority.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name has this in it")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    explained = equivalents()
    mutants = [mutant for mutant in all_mutants() if asked.only in mutant.name]
    verdicts: list[Verdict] = []
    for batch in try_all(mutants, processes=asked.processes):
        verdicts += batch
        _say(f"{len(verdicts)} of at most {len(mutants)} tried")
    _say("")
    for scene, count in Counter(one.killed_by for one in verdicts if one.killed_by).most_common():
        _say(f"{count:>5} killed by {scene}")
    survivors = {one.mutant.name for one in verdicts if one.killed_by is None}
    new = sorted(survivors - explained.keys())
    killed = sorted({one.mutant.name for one in verdicts if one.killed_by} & explained.keys())
    gone = sorted(explained.keys() - {one.name for one in all_mutants()})
    _say(f"{len(survivors) - len(new):>5} equivalent, each with its reason")
    for title, names in (
        ("survived without a reason", new),
        ("called equivalent, and killed", killed),
        ("called equivalent, and not there any more", gone),
    ):
        _say("".join([f"{len(names):>5} {title}", *(f"\n      {name}" for name in names)]))
    return 1 if new or killed or gone else 0


if __name__ == "__main__":
    sys.exit(main())
