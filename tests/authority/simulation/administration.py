"""The operator and fate: caps move, pools are suspended, scripts are flushed, the network goes dark."""

import hashlib
import random
from collections.abc import Callable

from seatwarden.domain.seats import Millis, PoolState
from tests.authority.desk import KEY
from tests.authority.loss import Lost
from tests.authority.simulation.network import Network
from tests.authority.simulation.scenario import Scenario
from tests.authority.simulation.timetable import Timetable
from tests.authority.twin import Twin

NEXT_KEY = hashlib.sha256(b"the next licence key").hexdigest()


class Administration:
    """All that is done to a pool by others than its clients."""

    def __init__(
        self, twin: Twin, network: Network, timetable: Timetable, scenario: Scenario, rng: random.Random
    ) -> None:
        self._twin = twin
        self._network = network
        self._timetable = timetable
        self._scenario = scenario
        self._rng = rng
        self.longest_lease = scenario.lease
        self.done: dict[str, int] = {}
        self._every(scenario.sweep_pause, self._sweep)
        self._every(scenario.resize_pause, self._resize)
        self._every(scenario.suspend_pause, self._change_state)
        self._every(scenario.reconfigure_pause, self._reconfigure)
        self._every(scenario.flush_pause, self._flush)
        self._every(scenario.blackout_pause, self._blackout)

    def _every(self, pause: int | None, action: Callable[[], None]) -> None:
        if pause is None:
            return

        def again() -> None:
            name = action.__name__.strip("_")
            self.done[name] = self.done.get(name, 0) + 1
            try:
                action()
            except Lost:
                # The operator finds out by reading, and tells again what it wants.
                self._twin.configure(generation=self._twin.config.generation + 1)
            self._timetable.after(max(1, int(pause * self._rng.uniform(0.3, 1.7))), again)

        self._timetable.after(self._rng.randint(0, pause), again)

    def _sweep(self) -> None:
        self._twin.sweep()
        if self._rng.random() < 0.2:
            self._twin.observe()
            self._twin.sessions(limit=self._rng.choice([1, 7, 500]))

    def _resize(self) -> None:
        self._twin.configure(capacity=self._rng.randint(0, int(self._scenario.seats * 1.3) + 1))

    def _change_state(self) -> None:
        suspended = self._twin.config.state is PoolState.SUSPENDED
        calm = PoolState.ACTIVE
        troubled = self._rng.choice([PoolState.SUSPENDED, PoolState.SUSPENDED, PoolState.EXPIRED, calm])
        self._twin.configure(state=calm if suspended else troubled)

    def _reconfigure(self) -> None:
        twin, rng = self._twin, self._rng
        match rng.choice(["lease", "valid_until", "valid_until", "keys", "epoch", "document"]):
            case "lease":
                lease = Millis(max(1000, int(self._scenario.lease * rng.choice([0.5, 1, 1, 2]))))
                self.longest_lease = max(self.longest_lease, lease)
                twin.configure(lease=lease, heartbeat=Millis(lease // 3))
            case "valid_until":
                soon = twin.now + rng.randint(-1000, 3 * self._scenario.lease)
                ended = twin.config.valid_until is not None
                twin.configure(valid_until=None if ended else Millis(soon))
            case "keys":
                twin.configure(key_ids={KEY: "kept", **rng.choice([{}, {NEXT_KEY: "next"}])})
            case "epoch":
                twin.configure(epoch=twin.config.epoch + rng.choice([0, 1, 3]))
            case _:
                twin.configure(document=f'{{"plan":"{rng.random()}"}}')

    def _flush(self) -> None:
        self._twin.runner.ask(("SCRIPT", "FLUSH"))

    def _blackout(self) -> None:
        length = int(self._scenario.lease * self._rng.uniform(0.3, 3))
        self._network.dark_until = self._timetable.now + length
