"""What happens when a server dies around a call."""

from typing import Protocol

from tests.authority.virtual_time import Moment


class Lost(Exception):
    """The server died before it answered. ``applied`` tells whether it acted."""

    def __init__(self, *, applied: bool) -> None:
        super().__init__("the answer is lost")
        self.applied = applied


class Loss(Protocol):
    """How a server dies around a call, and how it comes back: with all that it had acknowledged, or less."""

    def strike(self, moment: Moment) -> None: ...
    def revive(self) -> None: ...
