"""``python -m tests.vectors.write [--check] [--make-keys]``: write the vectors, or tell whether they are current."""

import argparse
import json
import sys
from collections.abc import Sequence

from tests.vectors.claim_cases import lease_vectors, licence_vectors, revocation_vectors
from tests.vectors.jws_cases import jws_vectors
from tests.vectors.key_set_cases import key_set_vectors
from tests.vectors.making import HERE, Json, make_keys
from tests.vectors.world import read_world

ABOUT = {
    "licences.json": "Verify `licence` with the set `keys` of key_sets.json, as of `now`, for the tenant `tenant`.",
    "leases.json": "Take `licence` whatever its time, then verify `lease` with it for `holder`, of `pool` where there is one, "
    "with `revocations` where there are any.",
    "revocations.json": "Read `revocations` with the set `keys` of key_sets.json, as of `now`, for the tenant `tenant`.",
    "own_key_sets.json": "Read the key set `jwks`, then verify `licence` with it as in licences.json.",
}
COMMON = (
    " `expected` is valid, or the code of the refusal. `plain_jws` tells what a library says that verifies signatures only, "
    "where all of them should say the same. The clock may be wrong by 60 seconds."
)


def made_files() -> dict[str, str]:
    """The files by their names, as they should be."""
    world = read_world()
    vectors: dict[str, list[Json]] = {
        "licences.json": [*jws_vectors(world), *licence_vectors(world)],
        "leases.json": lease_vectors(world),
        "revocations.json": revocation_vectors(world),
        "own_key_sets.json": key_set_vectors(world),
    }
    files = {name: {"about": ABOUT[name] + COMMON, "vectors": found} for name, found in vectors.items()}
    written: Json = {"key_sets.json": world.key_sets(), **files}
    return {name: json.dumps(content, indent=1) + "\n" for name, content in written.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write each file that differs, or with ``--check`` write none and return 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m tests.vectors.write", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is stale")
    parser.add_argument("--make-keys", action="store_true", help="make new test keys first")
    options = parser.parse_args(arguments)
    if options.make_keys:
        make_keys()
    stale = {
        name: text
        for name, text in made_files().items()
        if not (HERE / name).exists() or (HERE / name).read_text() != text
    }
    for name, text in stale.items():
        if not options.check:
            (HERE / name).write_text(text)
        sys.stdout.write(f"{name} {'is stale' if options.check else 'was written'}\n")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
