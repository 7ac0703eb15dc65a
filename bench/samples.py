"""What was measured again and again, and the rows that are made of it."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from bench.rows import Row


@dataclass(slots=True)
class Samples:
    """What was measured, by name, a value for each turn."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    units: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str) -> None:
        """One value of one turn."""
        self.values[name].append(value)
        self.units[name] = unit

    def median(self, name: str) -> float:
        """The median of the turns."""
        return statistics.median(self.values[name])

    def row(self, name: str, reference: str | None = None) -> Row:
        """As a row; ``reference`` names what it is held against."""
        return Row(
            name=name,
            value=self.median(name),
            unit=self.units[name],
            reference=None if reference is None else self.median(reference),
            low=min(self.values[name]),
            high=max(self.values[name]),
        )
