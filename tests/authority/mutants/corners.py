"""Scenes of what the operator does, of pools that lost something, and of answers that walks do not ask for."""

from dataclasses import replace

import pytest

from seatwarden.backends.authority import AuthorityRecovering, AuthorityUnavailable, StaleTerm
from seatwarden.backends.redis_keys import AUTHORITY_KEYS
from seatwarden.domain.seats import (
    AcquireRequest,
    Code,
    Configured,
    Fence,
    Grant,
    PoolState,
    PoolUid,
)
from tests.authority.desk import KEY, holder
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once

INCOMPLETE = "the state of the pool is complete"
WEEK = 7 * 24 * 3_600_000


def a_leader_that_was_succeeded_is_refused(twin: Twin) -> None:
    configure, larger = twin.authority.configure, replace(twin.config, capacity=9)
    assert not at_once(configure(twin.pool, twin.config, term=7)).changed
    for config in (twin.config, larger):
        with pytest.raises(StaleTerm, match="term 7 by a newer leader; term 6 is over"):
            at_once(configure(twin.pool, config, term=6))
    assert twin.runner.ask(("HGET", twin.keys.config, "term")) == [b"7"]
    assert at_once(configure(twin.pool, larger, term=7)).changed
    assert at_once(configure(twin.pool, twin.config, term=8)).changed
    assert twin.runner.ask(("HGET", twin.keys.config, "term")) == [b"8"]


def the_same_configuration_again_writes_nothing(twin: Twin) -> None:
    twin.seat(holder(1))
    before = twin.runner.ask(*(("DUMP", key) for key in twin.keys))
    twin.clock.forward(5)
    answer = twin.configure()
    assert answer == Configured(changed=False, existed=True, epoch=1, live=1)
    assert twin.runner.ask(*(("DUMP", key) for key in twin.keys)) == before


def the_ledger_tells_of_a_configuration(twin: Twin) -> None:
    twin.seat(holder(1))
    twin.clock.forward(1000)
    twin.configure(capacity=7, generation=3, epoch=2, state=PoolState.SUSPENDED)
    assert twin.ledger()[-1] == {
        "event": "configured",
        "generation": "3",
        "capacity": "7",
        "state": "suspended",
        "epoch": "2",
        "at": str(twin.now),
        "used": "1",
        "seat_ms": "1000",
    }


def the_ledger_tells_of_each_change(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    twin.clock.forward(10)
    twin.seat(holder(1), "again")
    entries = twin.ledger()[1:]
    common = {"lease": grant.lease_id, "holder": holder(1), "used": "1"}
    assert entries == [
        {"event": "granted", **common, "fence": str(grant.fence), "at": str(twin.now - 10), "seat_ms": "0"},
        {
            "event": "taken_over",
            **common,
            "fence": str(grant.fence + 1),
            "at": str(twin.now),
            "seat_ms": "10",
        },
    ]


def a_pool_that_lost_a_key_is_unknown_and_can_be_configured_again(twin: Twin) -> None:
    for lost in ("config", "state", "expiry", "leases", "ended"):
        twin.configure(epoch=1)
        twin.release(twin.seat(holder(1)))
        held = twin.seat(holder(2))
        twin.clock.forward(10)
        twin.runner.ask(("DEL", getattr(twin.keys, lost)))
        assert at_once(twin.authority.observe([twin.pool])) == [None]
        assert at_once(twin.authority.sweep([twin.pool])) == [None]
        looks, twin.runner.looks = twin.runner.looks, tuple
        if lost == "config":
            with pytest.raises(AuthorityRecovering):
                at_once(twin.authority.acquire(twin.pool, new_run_of(3)))
            at_once(twin.authority.note_provisioned())
            assert at_once(twin.authority.acquire(twin.pool, new_run_of(3))).code is Code.INVALID_LICENSE
            twin.runner.ask(("DEL", *AUTHORITY_KEYS))
        else:
            with pytest.raises(AuthorityUnavailable, match=INCOMPLETE):
                at_once(twin.authority.acquire(twin.pool, new_run_of(3)))
        if lost in {"state", "expiry", "leases", "ended"}:
            _its_state_begins_again(twin, held)
        twin.runner.looks = looks
        at_once(twin.authority.remove(twin.pool))
        twin.begin()


def _its_state_begins_again(twin: Twin, held: Grant) -> None:
    kept_state = twin.runner.ask(("EXISTS", twin.keys.state)) == [1]
    done = at_once(twin.authority.configure(twin.pool, twin.config, term=1))
    assert done == Configured(changed=True, existed=False, epoch=1, live=0)
    assert twin.runner.ask(("EXISTS", twin.keys.expiry, twin.keys.leases, twin.keys.ended)) == [0]
    again = at_once(twin.authority.acquire(twin.pool, new_run_of(2)))
    assert isinstance(again, Grant)
    assert again.live == 1
    assert again.fence == (held.fence + 1 if kept_state else Fence(2**32 + 1))
    assert again.lease_id == held.lease_id
    [counts] = at_once(twin.authority.sweep([twin.pool]))
    assert counts is not None
    assert (counts.granted, counts.peak) == ((3, 1) if kept_state else (1, 1))
    twin.clock.forward(5)
    [later] = at_once(twin.authority.sweep([twin.pool]))
    assert later is not None
    assert later.seat_milliseconds == counts.seat_milliseconds + 5


def a_new_pool_has_all_its_numbers(twin: Twin) -> None:
    [state] = twin.runner.ask(("HGETALL", twin.keys.state))
    told = dict(zip(state[::2], state[1::2], strict=True))
    assert len(told.pop(b"secret")) == 64
    zero = [
        "counter",
        "used",
        "overrun",
        "over",
        "extra",
        "held_back",
        "peak",
        "seat_ms",
        "granted",
        "released",
        "expired",
        "taken_over",
        "denied",
    ]
    rest = {b"epoch": b"1", b"at": str(twin.now).encode(), b"run": b"first run"}
    assert told == {name.encode(): b"0" for name in zero} | rest
    assert not at_once(twin.authority.configure(PoolUid("other"), twin.config, term=1)).existed
    [first, second] = twin.runner.ask(
        ("HGET", twin.keys.state, "secret"), ("HGET", "sw:{other}:state", "secret")
    )
    assert first != second
    at_once(twin.authority.remove(PoolUid("other")))


def a_state_without_its_secret_gives_no_seat(twin: Twin) -> None:
    twin.runner.ask(("HDEL", twin.keys.state, "secret"))
    with pytest.raises(AuthorityUnavailable, match=INCOMPLETE):
        at_once(twin.authority.acquire(twin.pool, new_run_of(1)))
    found = at_once(twin.authority.validate(twin.pool, KEY, holder=holder(1)))
    assert found.code is Code.UNKNOWN_SESSION


def a_sweep_trims_the_ledger_to_what_is_kept(twin: Twin) -> None:
    for generation in range(260):
        twin.configure(generation=generation)
    [now] = twin.runner.ask(("TIME",))
    today = int(now[0]) * 1000
    twin.clock.now = today + WEEK - 60_000
    twin.sweep()
    assert len(twin.ledger()) == 261
    twin.clock.now = today + WEEK + 60_000
    twin.sweep()
    assert len(twin.ledger()) <= 100
    twin.clock.now = 5_000
    [counts] = at_once(twin.authority.sweep([twin.pool]))
    assert counts is not None


def a_suspension_is_remembered_to_the_millisecond(twin: Twin) -> None:
    twin.configure(capacity=9)
    grants = []
    for number in range(5):
        grants.append(twin.seat(holder(number)))
        twin.clock.forward(10)
    twin.clock.now = twin.model.holding()[1].expiry
    twin.configure(state=PoolState.SUSPENDED)
    twin.configure(state=PoolState.EXPIRED)
    twin.configure(state=PoolState.SUSPENDED)
    twin.clock.now = twin.model.holding()[3].expiry
    twin.configure(state=PoolState.ACTIVE)
    twin.clock.forward(100)
    wanted = [Code.LEASE_EXPIRED, Code.SUSPENDED, Code.SUSPENDED, Code.LEASE_EXPIRED, Code.LEASE_EXPIRED]
    assert [one.code for one in twin.beat(*grants)] == wanted
    twin.sweep()
    assert [one.code for one in twin.beat(*grants)] == wanted


def new_run_of(number: int) -> AcquireRequest:
    """What machine ``number`` asks when it started again."""
    return AcquireRequest(key_hash=KEY, holder=holder(number), nonce="wish")


SCENES = (
    a_leader_that_was_succeeded_is_refused,
    the_same_configuration_again_writes_nothing,
    the_ledger_tells_of_a_configuration,
    the_ledger_tells_of_each_change,
    a_pool_that_lost_a_key_is_unknown_and_can_be_configured_again,
    a_new_pool_has_all_its_numbers,
    a_state_without_its_secret_gives_no_seat,
    a_sweep_trims_the_ledger_to_what_is_kept,
    a_suspension_is_remembered_to_the_millisecond,
)
