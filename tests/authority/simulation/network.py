"""Between clients and the authority: calls get lost on the way there or back, come late, or come twice.

The order in which calls are applied is the order of this one queue, so whoever looks on knows exactly what happened,
though the clients do not.
"""

import random
from collections.abc import Callable
from typing import TypeVar

from tests.authority.loss import Lost
from tests.authority.simulation.scenario import Scenario
from tests.authority.simulation.timetable import Timetable

T = TypeVar("T")
LATENCY = (1, 40)


class Network:
    """Carries calls. A call's answer goes to ``then``, if it comes at all."""

    def __init__(self, timetable: Timetable, scenario: Scenario, rng: random.Random) -> None:
        self._timetable = timetable
        self._scenario = scenario
        self._rng = rng
        self.dark_until = 0
        self.fates: dict[str, int] = {}

    def carry(self, call: Callable[[], T], then: Callable[[T], None]) -> None:
        """Send ``call`` on its way."""
        scenario, dice = self._scenario, self._rng.random()
        there, back = self._rng.randint(*LATENCY), self._rng.randint(*LATENCY)
        fates = {
            "lost": scenario.lost_requests,
            "unanswered": scenario.lost_answers,
            "delayed": scenario.delayed,
            "doubled": scenario.doubled,
        }
        fate = "carried"
        for name, share in fates.items():
            if dice < share:
                fate = name
                break
            dice -= share
        if self._timetable.now < self.dark_until:
            fate = "lost"
        self.fates[fate] = self.fates.get(fate, 0) + 1
        if fate == "lost":
            return
        answer = None if fate in {"unanswered", "delayed"} else then
        if fate == "delayed":
            there = self._rng.randint(1000, max(2000, 2 * scenario.lease))
        self._timetable.after(there, lambda: self._apply(call, answer, back))
        if fate == "doubled":
            again = there + self._rng.randint(1, max(2, scenario.lease))
            self._timetable.after(again, lambda: self._apply(call, None, back))

    def _apply(self, call: Callable[[], T], then: Callable[[T], None] | None, back: int) -> None:
        try:
            answer = call()
        except Lost:
            return
        if then is not None and self._timetable.now >= self.dark_until:
            self._timetable.after(back, lambda: then(answer))
