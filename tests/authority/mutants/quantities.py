"""Scenes of leases with several seats."""

from dataclasses import replace

from seatwarden.domain.seats import MOST_SEATS_OF_A_LEASE, Code, Fence, Grant
from tests.authority.copies import flush
from tests.authority.desk import holder
from tests.authority.mutants.walk import LEASE
from tests.authority.twin import Twin


def all_or_none(twin: Twin) -> None:
    twin.configure(capacity=5)
    big = twin.seat(holder(0), quantity=3)
    assert twin.acquire(holder(1), quantity=3).code is Code.POOL_EXHAUSTED
    twin.seat(holder(1), quantity=2)
    twin.clock.forward(LEASE // 2)
    twin.beat(big)
    twin.clock.forward(LEASE // 2)
    assert twin.seat(holder(2), quantity=2).live == 5
    twin.sessions(1)
    twin.release(big)
    twin.audit()


def a_lease_grows_and_shrinks(twin: Twin) -> None:
    twin.configure(capacity=4, overage=2)
    twin.seat(holder(0), quantity=2)
    for quantity, overage in ((1, 0), (3, 0), (5, 1), (6, 2), (7, None), (6, 2), (2, 0), (2, 0)):
        twin.clock.forward(1000)
        answer = twin.acquire(holder(0), quantity=quantity)
        assert (answer.overage if isinstance(answer, Grant) else None) == overage
        twin.audit()
    twin.clock.forward(LEASE + 1)
    twin.sweep()
    twin.audit()


def growing_purges_and_is_refused_as_a_new_lease_is(twin: Twin) -> None:
    twin.configure(capacity=4)
    twin.seat(holder(1), quantity=3)
    twin.clock.forward(LEASE // 2)
    twin.seat(holder(0))
    assert twin.acquire(holder(0), quantity=2).code is Code.POOL_EXHAUSTED
    twin.clock.forward(LEASE // 2)
    assert twin.seat(holder(0), quantity=4).live == 4
    twin.configure(drain=True)
    assert twin.acquire(holder(0), quantity=5).code is Code.DRAINING
    twin.configure(shadow=True)
    twin.seat(holder(0), quantity=5)
    twin.configure(drain=False)
    twin.seat(holder(0), quantity=7)
    twin.audit()
    grown = [it.get("shadow") for it in twin.ledger() if it["event"] == "taken_over"]
    assert grown == [None, "1", "2"]


def seats_above_the_capacity_are_single_ones(twin: Twin) -> None:
    twin.configure(capacity=3, overage=4)
    base = twin.seat(holder(0), quantity=2)
    mixed = twin.seat(holder(1), quantity=3)
    assert mixed.overage == 2
    assert twin.acquire(holder(2), quantity=3).code is Code.POOL_EXHAUSTED
    twin.seat(holder(2), quantity=2)
    twin.release(base)
    twin.audit()
    assert len(twin.model.above()) == 2
    twin.clock.forward(10)
    twin.release(mixed)
    twin.audit()
    assert twin.model.above() == []


def a_chunk_ends_amid_a_lease(twin: Twin) -> None:
    twin.configure(capacity=1000)
    for number, quantity in enumerate((150, 49, 2, 150, 200)):
        twin.seat(holder(number), quantity=quantity)
        twin.clock.forward(1)
    twin.clock.forward(LEASE + 10)
    for purged in (3, 2, 0):
        assert twin.sweep().purged == purged
        twin.audit()


def very_big_leases_are_moved_in_parts(twin: Twin) -> None:
    twin.configure(capacity=9 * MOST_SEATS_OF_A_LEASE)
    grants = [twin.seat(holder(number), quantity=MOST_SEATS_OF_A_LEASE) for number in range(7)]
    twin.clock.forward(LEASE - 1)
    twin.beat(*grants)
    twin.audit()
    twin.sessions(2)
    twin.clock.forward(LEASE - 1)
    twin.seat(holder(0), "again", quantity=MOST_SEATS_OF_A_LEASE)
    twin.clock.forward(1)
    twin.sweep()
    twin.audit()


def all_seats_come_back_or_none(twin: Twin) -> None:
    for overage, shadow in ((0, False), (2, False), (0, True)):
        twin.configure(capacity=4, overage=overage, shadow=shadow)
        wishes = (3, 2, 1) if overage or shadow else (3, 1)
        grants = [twin.seat(holder(number), quantity=wish) for number, wish in enumerate(wishes)]
        shown = [twin.proof(grant, holder(number)) for number, grant in enumerate(grants)]
        flush(twin)
        twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
        twin.set_up(term=1)
        for lease in [*shown, *shown]:
            twin.readmit(lease)
            twin.audit()
        twin.configure(capacity=1)
        # Whoever shows more than it has gets it only where there is room, and whoever shows less gives back.
        for quantity in (5, 4, 1, 2):
            twin.readmit(replace(shown[0], quantity=quantity, fence=Fence(shown[0].fence + quantity)))
            twin.audit()
        twin.acquire(holder(0), quantity=1)
        twin.acquire(holder(0), quantity=3)
        twin.audit()
        twin.remove()
        twin.begin()


def who_shows_more_seats_gets_them_where_there_is_room(twin: Twin) -> None:
    twin.configure(capacity=2, overage=4)
    grants = [twin.seat(holder(0)), twin.seat(holder(1), quantity=2)]
    shown = [twin.proof(grant, holder(number)) for number, grant in enumerate(grants)]
    flush(twin)
    twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
    twin.set_up(term=1)
    for lease in shown:
        twin.readmit(lease)
    for step, quantity in enumerate((3, 4, 5, 3, 1)):
        twin.readmit(replace(shown[0], quantity=quantity, fence=Fence(shown[0].fence + 10 + step)))
        twin.audit()
    twin.configure(overage=0, capacity=1)
    for step, quantity in enumerate((1, 2)):
        twin.readmit(replace(shown[0], quantity=quantity, fence=Fence(shown[0].fence + 20 + step)))
        twin.audit()


def a_page_ends_behind_the_seats_of_a_lease(twin: Twin) -> None:
    twin.configure(capacity=20)
    for number, quantity in enumerate((2, 1, 3, 1, 1)):
        twin.seat(holder(number), quantity=quantity)
        twin.clock.forward(1)
    for limit in range(1, 9):
        twin.sessions(limit)


def of_a_wish_that_is_too_big_the_ledger_tells_by_how_much(twin: Twin) -> None:
    twin.configure(capacity=3, overage=1, shadow=True)
    twin.seat(holder(0), quantity=6)
    twin.seat(holder(1), quantity=2)
    assert [it.get("shadow") for it in twin.ledger() if it["event"] == "granted"] == ["2", "2"]
    twin.audit()


def in_recovery_there_must_be_room_for_all_seats_of_a_holder(twin: Twin) -> None:
    for how in ("beat", "ask"):
        twin.configure(capacity=6, shadow=False)
        grants = [twin.seat(holder(number), quantity=2) for number in range(3)]
        twin.configure(capacity=3, epoch=twin.config.epoch + 1)
        if how == "beat":
            twin.beat(*grants)
        else:
            for number in range(3):
                twin.acquire(holder(number), quantity=2 - number // 2)
                twin.acquire(holder(number), quantity=3)
        twin.sweep()
        twin.audit()
        twin.remove()
        twin.begin()


SCENES = (
    all_or_none,
    a_lease_grows_and_shrinks,
    growing_purges_and_is_refused_as_a_new_lease_is,
    seats_above_the_capacity_are_single_ones,
    a_chunk_ends_amid_a_lease,
    very_big_leases_are_moved_in_parts,
    all_seats_come_back_or_none,
    who_shows_more_seats_gets_them_where_there_is_room,
    a_page_ends_behind_the_seats_of_a_lease,
    of_a_wish_that_is_too_big_the_ledger_tells_by_how_much,
    in_recovery_there_must_be_room_for_all_seats_of_a_holder,
)
