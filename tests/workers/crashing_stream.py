"""A stream over a real Redis whose user can be struck down between any two steps."""

from typing import Any

from seatwarden.backends.redis_link import Argument
from seatwarden.backends.redis_scripts import Script
from seatwarden.backends.stripe_stream import StripeStream


class Crash(BaseException):
    """The process is gone. Nothing of it runs after this, so nothing may catch it."""


class CrashingStream(StripeStream):
    """Before the step number ``crash_at`` (each call has two: before it is sent, and when it was done) all ends."""

    steps: int = 0
    crash_at: int | None = None

    def strike(self, at: int | None) -> None:
        """Crash at that step from now on."""
        self.steps, self.crash_at = 0, at

    async def _run(self, script: Script, *arguments: Argument) -> Any:
        self._step()
        reply = await super()._run(script, *arguments)
        self._step()
        return reply

    def _step(self) -> None:
        self.steps += 1
        if self.crash_at is not None and self.steps > self.crash_at:
            raise Crash
