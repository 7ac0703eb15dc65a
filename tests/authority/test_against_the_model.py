"""Random histories that hypothesis makes, and makes small where one fails: each call goes to a real server and to the model.

Time is the test's own (see `tests.authority.virtual_time`), so leases run out by themselves and nothing waits. What is
compared after each call is told in `tests.authority.twin`.
"""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from seatwarden.local.valkey import Valkey
from tests.authority.desk import holder
from tests.authority.loss import Lost
from tests.authority.seat_machine import SeatMachine
from tests.authority.simulation.servers import PLANS, DurableLoss, Plan, memory_server
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner, VirtualClock


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with memory_server() as server:
        yield server


@pytest.mark.behaviour(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 26)
def test_any_history_is_answered_as_the_model_answers_it(server: Valkey) -> None:
    machine: type[SeatMachine] = type("SeatMachineHere", (SeatMachine,), {"server": server})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=120,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def twin(server: Valkey) -> Iterator[Twin]:
    with GivenTimeRunner(server, VirtualClock()) as runner:
        yield Twin(runner, capacity=3)


@pytest.mark.behaviour(10)
@pytest.mark.parametrize("plan", PLANS)
def test_a_call_around_which_the_server_dies_was_made_or_not_and_never_by_half(
    server: Valkey, twin: Twin, plan: Plan
) -> None:
    kept = twin.seat(holder(1))
    calls: list[Callable[[], object]] = [
        lambda: twin.acquire(holder(2)),
        lambda: twin.beat(kept),
        lambda: twin.acquire(holder(1), "another run"),
        lambda: twin.release(kept),
        twin.sweep,
    ]
    for call in calls:
        twin.clock.forward(10)
        twin.doom = DurableLoss(server, lambda: plan)
        if plan == "after":
            call()
        else:
            with pytest.raises(Lost):
                call()
        twin.audit()
    assert twin.model.totals.get("granted") == (1 if plan == "before" else 2)
    twin.remove()
