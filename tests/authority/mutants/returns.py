"""Scenes of losses and outages at their borders, and of the authority's pulse."""

import pytest

from seatwarden.backends.authority import AuthorityRecovering
from seatwarden.backends.redis_keys import AUTHORITY_KEYS
from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.seats import Arrival, Code, Millis, Outage, PoolUid, Pulse
from tests.authority.desk import KEY, holder
from tests.authority.mutants.losing_walk import LosingWalk
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once

WEEK = 7 * 24 * 3_600_000


def a_short_walk_through_losses(twin: Twin) -> None:
    LosingWalk(twin, 1).walk(150)


def longer_walks_through_losses(twin: Twin) -> None:
    for seed in range(2, 26):
        LosingWalk(twin, seed).walk(250)
        twin.begin()


def _outage(number: int, began: int, ended: int) -> Outage:
    return Outage(number=number, began=Millis(began), ended=Millis(ended))


def the_pulse_is_told_to_the_millisecond(twin: Twin) -> None:
    seats, [key] = twin.authority, AUTHORITY_KEYS
    twin.runner.ask(("DEL", key))
    silent = Pulse(silent_for=None, provisioned=False, outages=())
    assert at_once(seats.feel_pulse()) == silent
    assert at_once(seats.beat_pulse()) == silent
    outages: list[Outage] = []
    found = silent
    for pause in (0, 1, 3_000, 3_001, 2_999, *(3_001 + number for number in range(20))):
        began = twin.now
        twin.clock.forward(pause)
        if pause > 3_000:
            outages.append(_outage(len(outages) + 1, began, twin.now))
        assert at_once(seats.feel_pulse()).silent_for == pause
        found = at_once(seats.beat_pulse())
        assert found == Pulse(silent_for=Millis(pause), provisioned=False, outages=tuple(outages[-16:]))
        assert at_once(seats.feel_pulse()) == Pulse(
            silent_for=Millis(0), provisioned=False, outages=found.outages
        )
    assert twin.runner.ask(("HLEN", key)) == [2 + 16]
    twin.clock.forward(-10)
    assert at_once(seats.beat_pulse()).outages == found.outages
    twin.clock.forward(10)
    assert at_once(seats.feel_pulse()).silent_for == 0
    twin.runner.ask(("DEL", key))


def the_pulse_knows_that_all_pools_are_in_and_dies_a_week_after_its_last_sign(twin: Twin) -> None:
    seats, [key] = twin.authority, AUTHORITY_KEYS
    for first in (seats.note_provisioned, seats.beat_pulse):
        twin.runner.ask(("DEL", key))
        at_once(first())
        [lasts] = twin.runner.ask(("PTTL", key))
        assert WEEK - 5_000 < lasts <= WEEK
    assert not at_once(seats.feel_pulse()).provisioned
    at_once(seats.note_provisioned())
    at_once(seats.note_provisioned())
    assert at_once(seats.feel_pulse()).provisioned
    assert at_once(seats.beat_pulse()).provisioned
    assert twin.runner.ask(("HGET", key, "provisioned")) == [b"1"]
    twin.runner.ask(("DEL", key))
    at_once(seats.beat_pulse())
    twin.clock.forward(5_000)
    at_once(seats.beat_pulse())
    at_once(seats.note_provisioned())
    assert at_once(seats.feel_pulse()).provisioned
    twin.runner.ask(("DEL", key))
    with pytest.raises(AuthorityRecovering):
        at_once(twin.authority.validate(PoolUid("no pool"), KEY))


def the_ledger_tells_of_a_recovery_and_of_who_came_back(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    twin.clock.forward(100)
    twin.arrive("another", loss=Loss.EXPECTED)
    until = twin.model.recover_until
    assert twin.ledger()[-1] == {
        "event": "recovering",
        "epoch": "2",
        "until": str(until),
        "at": str(twin.now),
        "used": "1",
        "seat_ms": "100",
    }
    twin.clock.forward(7)
    twin.readmit(twin.proof(grant, holder(1)))
    assert twin.ledger()[-1] == {
        "event": "readmitted",
        "lease": grant.lease_id,
        "holder": holder(1),
        "fence": str(grant.fence),
        "at": str(twin.now),
        "used": "1",
        "seat_ms": "107",
    }
    [row] = twin.sessions()
    assert (row.client_version, row.metadata) == ("", "{}")
    assert twin.runner.ask(("HMGET", twin.keys.state, "readmitted", "epoch")) == [[b"1", b"2"]]


def a_crowd_is_prolonged_as_a_whole(twin: Twin) -> None:
    twin.configure(capacity=1000)
    for number in range(401):
        twin.seat(holder(number))
    began = twin.now
    twin.clock.forward(2 * twin.config.lease)
    told = twin.arrive("first run", _outage(1, began, twin.now))
    assert told is Arrival.LEASES_PROLONGED
    assert twin.model.live(twin.now) == 401
    twin.audit()


def an_outage_is_made_good_once_and_to_the_millisecond(twin: Twin) -> None:
    twin.configure(capacity=9)
    early = twin.seat(holder(1))
    twin.clock.forward(twin.config.lease)
    began = twin.now
    twin.clock.forward(-1)
    twin.seat(holder(2))
    twin.clock.forward(5_000)
    ended = twin.now
    twin.seat(holder(3))
    twin.clock.forward(1)
    twin.seat(holder(4))
    away = _outage(4, began, ended)
    assert twin.arrive("first run", _outage(3, 1, 2), away) is Arrival.LEASES_PROLONGED
    assert twin.arrive("first run", _outage(3, 1, 2), away) is Arrival.NOTHING_NEW
    assert twin.arrive("first run") is Arrival.NOTHING_NEW
    assert twin.beat(early)[0].code is Code.LEASE_EXPIRED
    assert twin.runner.ask(("HMGET", twin.keys.state, "run", "outage")) == [[b"first run", b"4"]]
    twin.audit()


SCENES = (
    a_short_walk_through_losses,
    the_pulse_is_told_to_the_millisecond,
    the_pulse_knows_that_all_pools_are_in_and_dies_a_week_after_its_last_sign,
    the_ledger_tells_of_a_recovery_and_of_who_came_back,
    an_outage_is_made_good_once_and_to_the_millisecond,
    a_crowd_is_prolonged_as_a_whole,
    longer_walks_through_losses,
)
