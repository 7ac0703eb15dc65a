import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.seats import (
    FENCE_COUNTER_BITS,
    Code,
    Fence,
    Millis,
    PoolConfig,
    PoolState,
    SeatGroup,
    fence_epoch,
)
from tests.domain.objects import pool_config

EPOCHS = st.integers(1, 2**21 - 1)
COUNTERS = st.integers(0, 2**FENCE_COUNTER_BITS - 1)
CONFIG = pool_config()
CHANGES: list[dict[str, Any]] = [
    {"tenant_uid": "another"},
    {"generation": 2},
    {"epoch": 2},
    {"state": PoolState.SUSPENDED},
    {"capacity": 4},
    {"lease": Millis(360_001)},
    {"heartbeat": Millis(60_000)},
    {"signed_for": Millis(1)},
    {"valid_until": Millis(0)},
    {"key_ids": {}},
    {"key_ids": {"a" * 64: "b" * 10}},
    {"key_ids": {"b" * 64: "a" * 10}},
    {"keys_die": {"a" * 64: Millis(1)}},
    {"key_groups": {"a" * 64: "a"}},
    {"document": '{"plan":"team"}'},
    {"overage": 1},
    {"drain": True},
    {"shadow": True},
    {"groups": {"a": SeatGroup()}},
    {"groups": {"a": SeatGroup(members=frozenset({"c" * 64}))}},
    {"only_groups": True},
    {"queue_size": 1},
    {"claim": Millis(1)},
    {"groups": {"a": SeatGroup(priority=1)}},
    {"holder_limit": 1},
    {"borrow_seats": 1},
    {"borrow_longest": Millis(1)},
    {"borrow_low_water": 1},
    {"version_min": "4"},
    {"version_max": "4"},
    {"rate_key": 1},
    {"rate_holder": 1},
    {"device_limit": 1},
    {"device_cooldown": Millis(1)},
    {"evict_after": Millis(0)},
    {"ends_at_once": True},
    {"linger": Millis(1)},
]


def fence(epoch: int, counter: int) -> Fence:
    return Fence((epoch << FENCE_COUNTER_BITS) + counter)


@given(epoch=EPOCHS, counter=COUNTERS)
def test_a_fence_tells_its_epoch_and_survives_every_json_reader(epoch: int, counter: int) -> None:
    given = fence(epoch, counter)

    assert fence_epoch(given) == epoch
    assert int(float(given)) == given
    assert json.loads(json.dumps(given)) == given < 2**53


@given(epoch=st.integers(1, 2**21 - 2), counter=COUNTERS)
def test_every_fence_of_a_later_epoch_is_greater(epoch: int, counter: int) -> None:
    assert fence(epoch + 1, 0) > fence(epoch, counter)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_each_field_changes_the_digest(change: dict[str, Any]) -> None:
    assert replace(CONFIG, **change).digest != CONFIG.digest


def test_no_field_of_a_configuration_was_left_out_of_that() -> None:
    assert {name for change in CHANGES for name in change} == {field.name for field in fields(PoolConfig)}


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    forth = replace(CONFIG, key_ids={"a" * 64: "a", "b" * 64: "b"})
    back = replace(CONFIG, key_ids={"b" * 64: "b", "a" * 64: "a"})

    assert forth.digest == back.digest


def test_the_digest_does_not_depend_on_the_order_of_members() -> None:
    holders = [f"{number:064x}" for number in range(50)]
    forth, back = (SeatGroup(members=frozenset(order)) for order in (holders, holders[::-1]))
    assert replace(CONFIG, groups={"a": forth}).digest == replace(CONFIG, groups={"a": back}).digest


def test_the_digest_is_the_same_in_every_process_and_version() -> None:
    assert CONFIG.digest == "46533102255423675fc2dfd0160ffa8108e18293815818a20b121b3937454ae0"


def test_equal_configurations_have_equal_hashes() -> None:
    assert hash(replace(CONFIG, key_ids=dict(CONFIG.key_ids))) == hash(CONFIG)


@pytest.mark.parametrize("state", [state for state in PoolState if state is not PoolState.ACTIVE])
def test_a_state_that_grants_nothing_is_also_the_code_that_says_so(state: PoolState) -> None:
    assert Code(state.value).value == state.value
