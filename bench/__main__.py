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


def _report(name: str, rows: list[Row]) -> None:
    print_rows(rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"rows": [row.wire() for row in rows]}, indent=2) + "\n")
    click.echo(f"\nWritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
