"""The benchmark of the seat path runs from its first row to its last, so that no change of a script leaves it behind."""

import pytest

from bench.seats_bench import Options, measure

PROMISED = {"heartbeat", "acquire", "validate", "release", "bulk_heartbeat", "naive_heartbeat"}
POLICIES = {
    "acquire_with_every_policy",
    "heartbeat_with_every_policy",
    "script_acquire_with_every_policy",
    "script_acquire_1000_groups",
    "script_queue_claim_20_waiting",
    "script_queue_join_20_waiting",
}


@pytest.mark.exclusive
async def test_a_very_short_run_has_every_row_and_each_has_its_reference() -> None:
    options = Options(
        rounds=1, seconds=0.1, once=64, live_seconds=1.0, memory_leases=1000, turns=1, waiting=20
    )
    rows = {row.name: row for row in await measure(options)}
    assert rows.keys() >= PROMISED | POLICIES | {"live_sessions_p99", "memory_per_lease"}
    for name in PROMISED | POLICIES:
        ratio = rows[name].ratio
        assert ratio is not None
        assert ratio > 0, name
    # Exact, unlike every time in it.
    assert rows["memory_per_lease"].value < 300
