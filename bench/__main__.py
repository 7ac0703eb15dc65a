"""`python -m bench NAME`: run one benchmark, print its rows, write them to `bench/results/NAME.json`."""

import asyncio
import json
from pathlib import Path

import click

from bench.rows import Row, print_rows

RESULTS = Path(__file__).parent / "results"


@click.group(epilog="Example: make bench ARGS='operator --pools 10000'")
def main() -> None:
    """Measure Seatwarden against references taken in the same run."""


@main.command()
@click.option(
    "--pools", default=1000, show_default=True, type=click.IntRange(10, 100_000), help="How many SeatPools."
)
def operator(pools: int) -> None:
    """Time SeatPools from apply to Ready, and a restart with all of them Ready."""
    from bench.operator_bench import measure

    _report("operator", asyncio.run(measure(pools)))


@main.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Rounds of turns.")
@click.option(
    "--seconds",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.1, 60),
    help="Of each load in a round.",
)
@click.option(
    "--calls",
    default=5000,
    show_default=True,
    type=click.IntRange(64, 100_000),
    help="Acquires and releases.",
)
@click.option(
    "--live-seconds",
    default=15.0,
    show_default=True,
    type=click.FloatRange(1, 3600),
    help="How long 10,000 sessions send heartbeats. 60 for a report.",
)
@click.option(
    "--leases",
    default=100_000,
    show_default=True,
    type=click.IntRange(1000, 10_000_000),
    help="Of the pool whose memory is measured. 1000000 for a report.",
)
@click.option(
    "--turns",
    default=300,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Turns of a few calls by which the scripts of policies are timed.",
)
@click.option(
    "--waiting",
    default=10_000,
    show_default=True,
    type=click.IntRange(10, 100_000),
    help="How many wait in the long queue.",
)
def seats(  # each is one option
    rounds: int, seconds: float, calls: int, live_seconds: float, leases: int, turns: int, waiting: int
) -> None:
    """Hold the seat path against a bare HTTP handler and against Redis itself."""
    from bench.seats_bench import Options, measure

    options = Options(
        rounds=rounds,
        seconds=seconds,
        once=calls,
        live_seconds=live_seconds,
        memory_leases=leases,
        turns=turns,
        waiting=waiting,
    )
    _report("seats", asyncio.run(measure(options)))


@main.command()
@click.option(
    "--turns",
    default=150,
    show_default=True,
    type=click.IntRange(2, 100_000),
    help="Turns of each of the two endpoints, for each kind of call.",
)
@click.option(
    "--calls", default=300, show_default=True, type=click.IntRange(1, 100_000), help="Calls in each turn."
)
@click.option(
    "--rate",
    default=1000.0,
    show_default=True,
    type=click.FloatRange(10, 10_000),
    help="Acquires a second while the KMS is away. Less where the machine cannot do it.",
)
@click.option(
    "--away-seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 3600),
    help="How long the KMS is away.",
)
def signing(turns: int, calls: int, rate: float, away_seconds: float) -> None:
    """Hold signed leases against unsigned ones, and take seats while the KMS is away."""
    from bench.signing_bench import Options, measure

    options = Options(turns=turns, calls=calls, rate=rate, away_seconds=away_seconds)
    _report("signing", asyncio.run(measure(options)))


def _report(name: str, rows: list[Row]) -> None:
    print_rows(rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"rows": [row.wire() for row in rows]}, indent=2) + "\n")
    click.echo(f"\nWritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
