"""How long a reconciler waits for an instant that it knows."""

from datetime import datetime

LONGEST_PAUSE_SECONDS = 600.0
_BEHIND_SECONDS = 0.1


def pause_until(instant: datetime | None, now: datetime) -> float | None:
    """Seconds until just behind ``instant``, or fewer where that is far away; None where it is over, or there is none."""
    if instant is None or instant <= now:
        return None
    return min((instant - now).total_seconds() + _BEHIND_SECONDS, LONGEST_PAUSE_SECONDS)


def soonest(*pauses: float | None) -> float | None:
    """The shortest of ``pauses``; None where there is none."""
    return min((pause for pause in pauses if pause is not None), default=None)
