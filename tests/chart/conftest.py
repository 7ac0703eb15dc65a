"""A world for the tests that run an operator under the chart's rights."""

from tests.operator.conftest import idle_world

__all__ = ["idle_world"]
