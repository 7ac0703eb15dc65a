"""What a benchmark reports: named figures, each with its reference where it has one."""

from dataclasses import asdict, dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. ``ratio`` is value over reference, worked out here; ``low`` and ``high`` are its spread, if known."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def ratio(self) -> float | None:
        """How the value compares with its reference, or None without one."""
        return self.value / self.reference if self.reference else None

    def wire(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"ratio": self.ratio}


def print_rows(rows: list[Row]) -> None:
    """Show rows as a table."""
    click.echo(f"\n{'':34}{'value':>12} {'unit':14}{'reference':>12}{'ratio':>8}   spread")
    for row in rows:
        reference = f"{row.reference:12.1f}" if row.reference is not None else " " * 12
        ratio = f"{row.ratio:8.2f}" if row.ratio is not None else ""
        spread = "" if row.low is None else f"   {row.low:.1f} … {row.high:.1f}"
        click.echo(f"{row.name:34}{row.value:12.2f} {row.unit:14}{reference}{ratio:8}{spread}")
