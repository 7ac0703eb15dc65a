"""How long to wait before trying again: exponentially longer, with jitter, so that many failures do not march in step."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A retry schedule in seconds. Delay ``n`` lies between half and all of ``first * 2**n``, never above ``longest``."""

    first: float = 0.5
    longest: float = 60.0

    def delay(self, attempt: int, jitter: float) -> float:
        """Seconds to wait after failed attempt number ``attempt`` (from 0). ``jitter`` is a random number in [0, 1)."""
        ceiling = min(self.longest, self.first * 2.0 ** min(attempt, 32))
        return ceiling * (0.5 + 0.5 * jitter)


def spread(seconds: float, jitter: float) -> float:
    """``seconds`` moved by up to a tenth either way, so that periodic work of many objects does not meet."""
    return seconds * (0.9 + 0.2 * jitter)
