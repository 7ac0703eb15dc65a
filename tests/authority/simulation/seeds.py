"""Running seeds: one by one, and what is said of one that fails."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from seatwarden.local.valkey import Valkey
from tests.authority.simulation.scenario import Scenario, scenario_of
from tests.authority.simulation.servers import PLANS, DurableLoss
from tests.authority.simulation.timetable import Timetable
from tests.authority.simulation.world import Outcome, World
from tests.authority.virtual_time import GivenTimeRunner


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed whose history broke a promise."""

    scenario: Scenario
    step: str
    broken: str
    before: tuple[str, ...]

    def __str__(self) -> str:
        calls = "\n    ".join(self.before)
        return (
            f"seed {self.scenario.seed} breaks a promise: {self.broken} ({self.step})\n"
            f"  scenario: {self.scenario}\n  the last calls:\n    {calls}\n"
            f"  again: python -m tests.authority.simulation --seed {self.scenario.seed}"
        )


def run_seed(seed: int, server: Valkey, *, texts: Mapping[str, str] | None = None) -> Outcome | Failure:
    """Live through ``seed`` on ``server``, which it may kill and start again. ``texts`` are other scripts to run."""
    scenario = scenario_of(seed)
    timetable = Timetable()
    runner = GivenTimeRunner(server, timetable.clock, texts=texts)
    world = None
    try:
        rng = random.Random(seed + 2)
        world = World(scenario, runner, timetable, DurableLoss(server, lambda: rng.choice(PLANS)))
        return world.run()
    except Exception as broken:  # noqa: BLE001  # whatever goes wrong here is what was looked for
        trace, place = broken.__traceback__, "?"
        while trace is not None:
            place = f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
            trace = trace.tb_next
        recent = tuple(world.recent) if world else ()
        return Failure(scenario, place, f"{type(broken).__name__}: {broken}", recent)
    finally:
        runner.disconnect()
