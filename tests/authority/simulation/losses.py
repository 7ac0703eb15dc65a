"""What befalls the server in a simulated world, but for being killed around a call: see `servers`.

A restart that keeps all, an older copy that is put back, a flush, and a time in which nobody can reach it. What a loss may
cost is bounded here: of the charged seat time no more than all seats that were ever held at once, for the time since the
copy was taken, or since a lease in it had run out.
"""

import random
from collections.abc import Callable

from tests.authority.copies import PoolCopy, flush, put_back, take_copy
from tests.authority.simulation.administration import Administration
from tests.authority.simulation.beliefs import Beliefs
from tests.authority.simulation.endpoints import Endpoints
from tests.authority.simulation.scenario import Scenario
from tests.authority.simulation.timetable import Timetable

COPIES = 3


class Losses:
    """Those that the scenario asks for."""

    def __init__(
        self,
        endpoints: Endpoints,
        beliefs: Beliefs,
        operator: Administration,
        timetable: Timetable,
        scenario: Scenario,
        rng: random.Random,
    ) -> None:
        self._endpoints = endpoints
        self._twin = endpoints.twin
        self._beliefs = beliefs
        self._operator = operator
        self._timetable = timetable
        self._scenario = scenario
        self._rng = rng
        self._copies: list[tuple[int, PoolCopy]] = []
        self.done: dict[str, int] = {}
        self._every(scenario.copy_pause, self._copy)
        self._every(scenario.restart_pause, self._restart)
        self._every(scenario.loss_pause, self._lose)
        self._every(scenario.outage_pause, self._outage)

    def _every(self, pause: int | None, action: Callable[[], None]) -> None:
        if pause is None:
            return

        def again() -> None:
            if not (self._endpoints.away or self._endpoints.forgotten):
                action()
            self._timetable.after(max(1, int(pause * self._rng.uniform(0.3, 1.7))), again)

        self._timetable.after(self._rng.randint(1, pause), again)

    def _did(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    def _copy(self) -> None:
        self._copies = [*self._copies, (self._timetable.now, take_copy(self._twin))][-COPIES:]

    def _restart(self) -> None:
        """All is there again; but whoever declared it volatile cannot know that."""
        self._did("restart")
        self._beliefs.loss(self._timetable.now)
        self._endpoints.server_changed()

    def _lose(self) -> None:
        if self._operator.is_behind:
            return  # what nobody outside Redis knows cannot be had back: no promise covers a second loss in ten seconds
        self._beliefs.loss(self._timetable.now)
        if not self._copies or self._rng.random() < 0.3:
            self._did("flush of all")
            self._copies.clear()
            flush(self._twin)
            self._endpoints.forgotten = True
        else:
            self._did("older copy")
            taken_at, old = self._rng.choice(self._copies)
            self._put_back(taken_at, old)
            self._endpoints.server_changed()
        delay = int(self._scenario.operator_delay * self._rng.uniform(0.5, 1.5))
        self._timetable.after(delay, self._operator.put_back_what_was_lost)

    def _put_back(self, taken_at: int, old: PoolCopy) -> None:
        now, peak = self._twin.now, self._twin.model.peak
        before = self._twin.model.seat_milliseconds(now)
        put_back(self._twin, old)
        self._copies = [one for one in self._copies if one[0] <= taken_at]
        # A lease that had run out before and was let back in since is charged without a gap.
        since = min([taken_at, *(lease.expiry for lease in old.model.holding())])
        cost = before - self._twin.model.seat_milliseconds(now)
        assert abs(cost) <= peak * (self._timetable.now - since), "a loss cost more seat time than there was"

    def _outage(self) -> None:
        self._did("outage")
        length = int(self._scenario.lease * self._rng.uniform(0.3, 2.5)) + 3_001
        self._beliefs.outage(length, self._timetable.now, self._twin.config.lease)
        self._endpoints.go_away()

        def over() -> None:
            if self._endpoints.away:
                self._endpoints.come_back()

        self._timetable.after(length, over)
