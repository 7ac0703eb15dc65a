"""What is planned for later: the causes of each key, every one at its own instant.

The wheel knows only when a key is due next. A run for the light cause alone does not stand for what is planned after it, so
that stays planned; any other run does all there is to do, so it takes along whatever is planned of its key.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from seatwarden.reconcilers.timer_wheel import TimerWheel

Key = TypeVar("Key", bound=Hashable)
Cause = TypeVar("Cause", bound=Hashable)


class Agenda(Generic[Key, Cause]):
    """Plans of keys in ``wheel``. ``light`` is the cause for a light run, ``urgent`` the one for which nobody stays away."""

    def __init__(self, wheel: TimerWheel[Key], *, light: Cause, urgent: Cause) -> None:
        self._wheel = wheel
        self._light = light
        self._urgent = urgent
        self._planned: dict[Key, dict[Cause, float]] = {}
        self._away_until: dict[Key, float] = {}

    def plan(self, key: Key, seconds: float, causes: Iterable[Cause]) -> None:
        """Have ``key`` due for these causes in ``seconds``; one that is planned for earlier stays so."""
        planned = self._planned.setdefault(key, {})
        for cause in causes:
            instant = self._not_while_away(key, cause, self._wheel.now() + max(seconds, 0.0))
            planned[cause] = min(instant, planned.get(cause, instant))
        self._wheel.schedule_at(key, min(planned.values()))

    def stay_away(self, key: Key, seconds: float) -> None:
        """Have ``key`` due no sooner than in ``seconds``, whatever is or will be planned, but for the urgent cause."""
        self._away_until[key] = self._wheel.now() + seconds
        planned = self._planned.get(key)
        if planned:
            for cause, instant in planned.items():
                planned[cause] = self._not_while_away(key, cause, instant)
            self._wheel.cancel(key)
            self._wheel.schedule_at(key, min(planned.values()))

    def take(self, key: Key) -> set[Cause]:
        """The key is due: for which causes?"""
        self._away_until.pop(key, None)
        planned = self._planned.pop(key, {})
        later = {cause: instant for cause, instant in planned.items() if instant > self._wheel.now()}
        if later and planned.keys() - later.keys() == {self._light}:
            self._planned[key] = later
            self._wheel.schedule_at(key, min(later.values()))
            return {self._light}
        return set(planned)

    def forget(self, key: Key) -> None:
        """Nothing is planned of ``key`` any more."""
        self._wheel.cancel(key)
        self._planned.pop(key, None)
        self._away_until.pop(key, None)

    def _not_while_away(self, key: Key, cause: Cause, instant: float) -> float:
        return instant if cause == self._urgent else max(instant, self._away_until.get(key, instant))
