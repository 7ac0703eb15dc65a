"""What one seat policy makes of another: a table, a play a cell. Each is played on a real server and in the model."""

from tests.authority.interactions import borrowing, evictions, lingering, shrinking, suspensions, waiting
from tests.authority.interactions.table import CELLS, LEASE

__all__ = ["CELLS", "LEASE", "borrowing", "evictions", "lingering", "shrinking", "suspensions", "waiting"]
