"""The benchmark of signed leases runs from its first row to its last, and what it counts exactly is as promised."""

import pytest

from bench.black_hole import away_rows
from bench.signing_bench import Options, measure_pairs

KINDS = ("heartbeat_plain", "heartbeat_showing", "heartbeat_renewing", "acquire")


@pytest.mark.exclusive
async def test_a_very_short_run_has_every_pair() -> None:
    options = Options(rounds=2, seconds=0.1, once=64, rate=50.0, away_seconds=1.0)
    rows = {row.name: row for row in await measure_pairs(options)}
    for kind in KINDS:
        assert rows[f"{kind}_signed"].reference == rows[f"{kind}_unsigned"].value
        pair = rows[f"{kind}_signed_to_unsigned"]
        assert pair.low is not None
        assert pair.high is not None
        assert 0 < pair.low <= pair.value <= pair.high
    goals = {kind: rows[f"{kind}_signed_to_unsigned"].reference for kind in KINDS}
    assert goals == {
        "heartbeat_plain": 0.95,
        "heartbeat_showing": 0.95,
        "heartbeat_renewing": None,
        "acquire": 0.6,
    }


async def test_with_the_kms_away_every_grant_is_a_lease_and_nobody_asks_for_it() -> None:
    rows = {row.name: row.value for row in await away_rows(rate=100.0, seconds=2.0)}
    assert rows["kms_calls_on_the_seat_path"] == 0
    assert rows["grants_lost_with_kms_away"] == rows["refusals_with_kms_away"] == 0
    assert rows["grants_with_kms_away"] > 100
    assert rows["operator_calls_that_kms_swallowed"] >= 1
