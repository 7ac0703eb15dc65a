"""Run many seeds in parallel: ``python -m tests.authority.simulation --seeds 1000``, or one: ``--seed 7``."""

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.authority.simulation.seeds import Failure, run_seed
from tests.authority.simulation.servers import memory_server

_BATCH = 10


def _run(seeds: range) -> tuple[Counter[str], int, list[str]]:
    happened, simulated, failures = Counter[str](), 0, list[str]()
    with memory_server() as server:
        for seed in seeds:
            outcome = run_seed(seed, server)
            if isinstance(outcome, Failure):
                failures.append(str(outcome))
            else:
                happened += outcome.happened
                simulated += outcome.simulated
    return happened, simulated, failures


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the seeds that the command line asks for; 1 where one of them breaks a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.authority.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many fresh seeds (100)")
    parser.add_argument("--seed", type=int, help="this seed only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    first = int.from_bytes(os.urandom(4)) if asked.seed is None else asked.seed
    last = first + (asked.seeds if asked.seed is None else 1)
    _say(f"seeds {first} to {last - 1}")
    happened, simulated, failures, done = Counter[str](), 0, list[str](), 0
    with ProcessPoolExecutor(asked.processes) as pool:
        batches = [range(at, min(at + _BATCH, last)) for at in range(first, last, _BATCH)]
        running = {pool.submit(_run, batch): batch for batch in batches}
        for future in as_completed(running):
            seen, length, broken = future.result()
            happened += seen
            simulated += length
            failures += broken
            done += len(running[future])
            for failure in broken:
                _say(failure)
            if done % 100 < _BATCH or done == last - first:
                _say(f"{done} seeds, {len(failures)} failures, {simulated / 3_600_000:.1f} h simulated")
    _say("\n".join(f"{count:>9} {name}" for name, count in happened.most_common()))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
