"""The bytes between us and the scripts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.backends.redis_wire import (
    Place,
    acquire_arguments,
    configure_arguments,
    fence_bytes,
    lease_bytes,
    read_acquired,
    read_beats,
    read_counts,
    read_cursor,
    read_observation,
    read_sessions,
    read_validation,
)
from seatwarden.domain.seats import AcquireRequest, Fence, Millis, PoolConfig, Refusal
from seatwarden.domain.versions import first_version_key, last_version_key, version_key
from tests.domain.objects import pool_config

HOLDER = "ab" * 32
KEY_HASH = "0123456789" + 54 * "f"


def _record(request: AcquireRequest) -> bytes:
    _, holder, nonce, quantity, group, _, tail, _ = acquire_arguments(request)
    assert isinstance(holder, bytes)
    assert isinstance(nonce, bytes)
    assert isinstance(tail, bytes)
    assert isinstance(quantity, int)
    assert isinstance(group, str)
    wish = quantity.to_bytes(2, "big") + bytes([len(group)]) + group.encode() + tail
    return (7).to_bytes(8, "big") + b"l" + (1000).to_bytes(6, "big") + holder + nonce + wish


@given(st.integers(0, 10**15 - 1), st.binary(min_size=16, max_size=16))
def test_a_cursor_comes_back_as_the_place_that_it_was(expiry: int, lease: bytes) -> None:
    place = Place(expiry, lease)
    assert read_cursor(place.cursor()) == place


@given(st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor was not given"):
        read_cursor(text)


@given(st.text(max_size=64), st.text(max_size=200))
def test_a_session_reads_what_acquire_wrote(version: str, metadata: str) -> None:
    request = AcquireRequest(
        key_hash=KEY_HASH, holder=HOLDER, client_version=version, metadata=metadata or "{}"
    )
    [row] = read_sessions([500, 0, bytes(16), 900, _record(request)]).rows
    assert (row.holder, row.fence, row.acquired_at, row.expires_in) == (HOLDER, 7, 1000, 400)
    assert (row.key_id, row.client_version, row.metadata) == ("0123456789", version, metadata or "{}")


def test_a_client_without_notes_costs_no_byte_but_the_id_of_its_key() -> None:
    # Redis keeps a small hash compact while no value of it is longer than 64 bytes.
    assert len(_record(AcquireRequest(key_hash=KEY_HASH, holder=HOLDER, nonce="any"))) == 58 + 5


def test_nonces_are_told_apart_without_being_stored() -> None:
    nonces = [acquire_arguments(AcquireRequest(key_hash=KEY_HASH, holder=HOLDER, nonce=n))[2] for n in "abc"]
    assert len(set(nonces)) == 3


@pytest.mark.parametrize("lease_id", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "\0" * 32, "0" * 31 + "\n"])
def test_what_cannot_be_a_lease_id_is_none_that_redis_has(lease_id: str) -> None:
    assert len(lease_bytes(lease_id)) not in (0, 16)


@pytest.mark.parametrize("fence", [-1, 2**53, 2**64, 0])
def test_what_cannot_be_a_fence_is_none_that_was_given(fence: int) -> None:
    assert fence_bytes(Fence(fence)) == bytes(8)


def test_a_version_travels_as_text_that_sorts_and_one_that_is_none_as_nothing() -> None:
    def told(version: str) -> object:
        return acquire_arguments(AcquireRequest(key_hash=KEY_HASH, holder=HOLDER, client_version=version))[7]

    assert told("4.2.1") == version_key("4.2.1") != ""
    assert told("") == told("nightly") == ""


def test_gates_travel_where_they_are_configured_and_else_cost_no_field() -> None:
    gates = {"versions", "version_min", "version_max", "rate_key", "rate_holder"}

    def fields(**changes: Any) -> dict[Any, Any]:
        flat = configure_arguments(pool_config(**changes), term=7, secret="s", run_id="r")[6:]
        return {name: value for name, value in zip(flat[::2], flat[1::2], strict=True) if name in gates}

    assert fields() == {}
    assert fields(version_max="4", rate_holder=6) == {
        "versions": "up to 4",
        "version_max": last_version_key("4"),
        "rate_holder": 6,
    }
    assert fields(version_min="4.2", rate_key=60) == {
        "versions": "from 4.2 on",
        "version_min": first_version_key("4.2"),
        "rate_key": 60,
    }


@pytest.mark.parametrize(
    ("reply", "versions", "rate"),
    [
        ([b"version_blocked", 5, 2, None, b"up to 4"], "up to 4", None),
        ([b"rate_limited", 5, 2, 1500, b"perKey", 60], "", ("perKey", 60)),
    ],
)
def test_a_refusal_at_a_gate_tells_what_the_gate_asks(
    reply: list[bytes | int | None], versions: str, rate: tuple[str, int] | None
) -> None:
    refusal = read_acquired(reply)
    assert isinstance(refusal, Refusal)
    assert (refusal.versions, refusal.rate, refusal.retry_after) == (versions, rate, reply[3])


def test_a_configuration_travels_without_a_valid_until_where_it_has_none() -> None:
    config = pool_config(epoch=2, key_ids={"aa": "id"})
    arguments = configure_arguments(config, term=9, secret="s", run_id="r")
    assert arguments[:6] == (config.digest, 9, 2, "s", "r", "active")
    assert "valid_until" not in arguments
    assert arguments[-4:] == ("keys", "id", "key:aa", "id")


def test_a_key_that_dies_travels_with_its_instant() -> None:
    config = pool_config(key_ids={"aa": "new", "bb": "old"}, keys_die={"bb": Millis(1234)})
    arguments = configure_arguments(config, term=9, secret="s", run_id="r")
    assert arguments[-6:] == ("keys", "new old", "key:aa", "new", "key:bb", "old@1234")


def test_the_digest_ignores_the_order_of_keys() -> None:
    def config(keys: dict[str, str]) -> PoolConfig:
        return pool_config(key_ids=keys)

    assert config({"a": "1", "b": "2"}).digest == config({"b": "2", "a": "1"}).digest
    assert config({"a": "1"}).digest != config({"a": "2"}).digest


def test_an_answer_of_another_version_is_refused_by_name() -> None:
    with pytest.raises(RuntimeError, match=r"acquire\.lua"):
        read_acquired([1, 2])
    with pytest.raises(RuntimeError, match=r"heartbeat\.lua"):
        read_beats([1, 2, 3, b"ok"])
    with pytest.raises(RuntimeError, match=r"heartbeat\.lua"):
        read_beats([1, 2, 3, 4, 5])
    with pytest.raises(RuntimeError, match=r"validate\.lua"):
        read_validation([])
    with pytest.raises(RuntimeError, match=r"sessions\.lua"):
        read_sessions([1])
    with pytest.raises(RuntimeError, match=r"sessions\.lua"):
        read_sessions([1, 0, 1, 1, 1])
    with pytest.raises(RuntimeError, match=r"observe\.lua"):
        read_observation([1])
    with pytest.raises(RuntimeError, match=r"sweep\.lua"):
        read_counts([1])
