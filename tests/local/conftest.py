"""The fixtures of this room."""

from tests.local.fake_go import go

__all__ = ["go"]
