"""Scenes of borrowing: what is lent, what keeps it, and how it comes back, also after a loss."""

import random
from dataclasses import replace

from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.borrowing import Borrow, BorrowedLease, BorrowRefusal, Return
from seatwarden.domain.seats import Code, Fence, Grant, Millis, PoolState, Refusal, SeatGroup
from tests.authority.copies import flush, put_back, take_copy
from tests.authority.desk import beat_of, holder
from tests.authority.mutants.walk import LEASE, OTHER_KEY, walk
from tests.authority.twin import Twin

DAY = 86_400_000


def _lends(twin: Twin, seats: int = 2, *, capacity: int = 3, low_water: int = 0) -> None:
    twin.configure(
        capacity=capacity,
        lease=Millis(LEASE),
        borrow_seats=seats,
        borrow_longest=Millis(DAY),
        borrow_low_water=low_water,
    )


def _borrowed(twin: Twin, grant: Grant, length: int = DAY) -> Borrow:
    answer = twin.borrow(grant, length)
    assert isinstance(answer, Borrow), answer
    return answer


def a_borrowed_seat_counts_until_it_comes_back(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1), quantity=2)
    assert _borrowed(twin, grant).borrowed_for == DAY
    twin.clock.forward(DAY - 1)
    assert twin.acquire(holder(2), quantity=2).code is Code.POOL_EXHAUSTED
    counts = twin.sweep()
    assert (counts.live, counts.borrowed, counts.lends) == (2, 2, True)
    twin.clock.forward(1)
    assert twin.seat(holder(2), quantity=3).live == 3
    assert twin.beat(grant)[0].code is Code.LEASE_EXPIRED
    assert twin.sweep().borrowed == 0
    twin.audit()


def a_renewal_does_not_shorten_a_borrow_and_outlives_it(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1))
    _borrowed(twin, grant, LEASE)
    _borrowed(twin, grant, 3 * LEASE)
    _borrowed(twin, grant, LEASE)
    twin.beat(grant)
    twin.clock.forward(3 * LEASE - 1)
    assert len(twin.borrows().leases) == 1
    twin.beat(grant)
    twin.clock.forward(1)
    assert twin.borrows().leases == ()
    assert isinstance(twin.acquire(holder(1), quantity=2), Grant)
    twin.clock.forward(LEASE)
    assert twin.sweep().live == 0
    twin.audit()


def borrowing_has_limits_of_number_and_time(twin: Twin) -> None:
    twin.configure(capacity=4)
    grants = [twin.seat(holder(number)) for number in range(4)]
    assert twin.borrow(grants[0]) == BorrowRefusal(code=Code.BORROW_LIMIT)
    _lends(twin, 2, capacity=4)
    assert twin.borrow(grants[0], DAY + 1) == BorrowRefusal(
        code=Code.BORROW_LIMIT, seats_left=2, longest=Millis(DAY)
    )
    for grant in grants[:2]:
        _borrowed(twin, grant, 0)
    refused = twin.borrow(grants[2], 1)
    assert refused == BorrowRefusal(code=Code.BORROW_LIMIT, seats_left=0, longest=Millis(DAY))
    # Its own seat does not stand in the way of who borrows it for longer.
    _borrowed(twin, grants[0])
    _lends(twin, 4, capacity=4, low_water=1)
    _borrowed(twin, grants[2])
    assert isinstance(twin.borrow(grants[3]), BorrowRefusal)
    twin.configure(capacity=1)
    assert isinstance(twin.borrow(grants[3]), BorrowRefusal)
    assert twin.sweep().borrow_limit == 5
    # What is away stays away, whatever the limits are now.
    twin.configure(borrow_seats=0)
    counts = twin.sweep()
    assert (counts.borrowed, counts.lends) == (3, False)
    twin.audit()


def all_the_seats_of_a_lease_are_borrowed_or_none(twin: Twin) -> None:
    _lends(twin, 2, capacity=9)
    assert isinstance(twin.borrow(twin.seat(holder(1), quantity=3)), BorrowRefusal)
    _borrowed(twin, twin.seat(holder(2), quantity=2))
    assert isinstance(twin.borrow(twin.seat(holder(3))), BorrowRefusal)
    twin.audit()


def nothing_is_borrowed_beyond_the_end_of_the_licence(twin: Twin) -> None:
    _lends(twin)
    twin.configure(valid_until=Millis(twin.now + DAY // 2))
    grant = twin.seat(holder(1))
    assert isinstance(twin.borrow(grant, DAY // 2 + 1), BorrowRefusal)
    assert _borrowed(twin, grant, 0).borrowed_for == DAY // 2
    twin.configure(valid_until=Millis(twin.now + 2 * DAY))
    assert _borrowed(twin, grant, 0).borrowed_for == DAY
    twin.audit()


def a_pool_that_is_closed_drains_or_recovers_lends_nothing(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1))
    assert twin.borrow(grant, key=OTHER_KEY) == BorrowRefusal(code=Code.INVALID_LICENSE)
    twin.configure(drain=True)
    assert twin.borrow(grant) == BorrowRefusal(code=Code.DRAINING, left=Millis(LEASE))
    twin.configure(drain=False, state=PoolState.SUSPENDED)
    twin.clock.forward(1)
    assert twin.borrow(grant) == BorrowRefusal(code=Code.SUSPENDED, left=Millis(LEASE - 1))
    twin.configure(state=PoolState.ACTIVE, epoch=2)
    assert twin.borrow(grant) == BorrowRefusal(code=Code.RECOVERING, left=Millis(LEASE + 1))
    twin.configure(shadow=True, borrow_seats=0)
    twin.clock.forward(LEASE + 1)
    assert isinstance(twin.borrow(twin.seat(holder(2))), BorrowRefusal)
    twin.audit()


def a_lease_that_is_gone_is_not_borrowed(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1))
    for beat, code in (
        (beat_of(grant)._replace(lease_id="ab" * 16), Code.UNKNOWN_SESSION),
        (beat_of(grant)._replace(fence=Fence(grant.fence + 1)), Code.STALE_FENCE),
    ):
        assert twin.borrow(beat) == BorrowRefusal(code=code)
        assert twin.take_back(beat).code is code  # type: ignore[union-attr]
    twin.release(grant)
    assert twin.borrow(grant) == BorrowRefusal(code=Code.RELEASED)
    late = twin.seat(holder(1))
    twin.clock.forward(LEASE)
    assert twin.borrow(late) == BorrowRefusal(code=Code.LEASE_EXPIRED)
    assert twin.take_back(late, key=OTHER_KEY).code is Code.INVALID_LICENSE  # type: ignore[union-attr]
    twin.audit()


def a_seat_that_comes_back_early_floats_again(twin: Twin) -> None:
    _lends(twin, 1)
    grant = twin.seat(holder(1))
    changes = twin.sweep().borrow_changes
    _borrowed(twin, grant)
    assert twin.sweep().borrow_changes == changes + 1
    twin.clock.forward(5 * LEASE)
    back = twin.take_back(grant)
    assert isinstance(back, Return)
    assert back.expires_in == LEASE - 1
    assert twin.sweep().borrow_changes == changes + 2
    twin.clock.forward(LEASE - 1)
    assert isinstance(twin.take_back(grant), Return)
    assert twin.sweep().borrow_changes == changes + 2
    twin.clock.forward(1)
    assert twin.seat(holder(2), quantity=3).live == 3
    twin.audit()


def a_borrow_that_is_nearly_over_does_not_get_longer_by_its_return(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1))
    _borrowed(twin, grant, 2 * LEASE)
    twin.configure(state=PoolState.SUSPENDED)
    twin.clock.forward(2 * LEASE - 5)
    back = twin.take_back(grant)
    assert isinstance(back, Return)
    assert back.expires_in == 4
    twin.audit()


def what_ran_out_beside_a_borrow_is_not_charged_on(twin: Twin) -> None:
    _lends(twin)
    twin.seat(holder(2))
    away = twin.seat(holder(1))
    _borrowed(twin, away)
    twin.clock.forward(3 * LEASE)
    twin.take_back(away)
    assert twin.ledger()[-1]["seat_ms"] == str(twin.model.seat_milliseconds(twin.now))
    twin.beat(away)
    twin.clock.forward(LEASE // 2)
    _borrowed(twin, away)
    assert twin.ledger()[-1]["seat_ms"] == str(twin.model.seat_milliseconds(twin.now))
    twin.audit()


def a_release_ends_the_borrow_with_the_lease(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1), quantity=2)
    _borrowed(twin, grant)
    changes = twin.sweep().borrow_changes
    assert twin.release(grant) is Code.RELEASED
    counts = twin.sweep()
    assert (counts.borrowed, counts.borrow_changes) == (0, changes + 1)
    assert twin.seat(holder(2), quantity=3).live == 3
    twin.audit()


def a_borrowed_lease_keeps_its_seats_and_its_group(twin: Twin) -> None:
    _lends(twin, 2, capacity=6)
    twin.configure(groups={"a": SeatGroup(), "b": SeatGroup()})
    grant = twin.seat(holder(1), quantity=2, group="a")
    _borrowed(twin, grant)
    before = twin.sweep()
    for quantity in (1, 3):
        refused = twin.acquire(holder(1), quantity=quantity, group="a")
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.retry_after) == (Code.BORROWED, None)
    assert twin.sweep().borrow_changes == before.borrow_changes
    assert twin.acquire(holder(1), quantity=2, group="b").code is Code.EXISTING
    again = twin.seat(holder(1), "another run", quantity=2, group="b")
    assert (again.taken_over, again.group) == (True, "a")
    after = twin.sweep()
    assert after.borrow_changes == before.borrow_changes + 1
    assert (after.groups, after.borrowed) == ({"a": 2, "b": 0}, 2)
    twin.take_back(again)
    assert isinstance(twin.acquire(holder(1), "another run", quantity=1, group="b"), Grant)
    twin.audit()


def a_seat_above_the_capacity_can_be_away_and_becomes_a_base_seat(twin: Twin) -> None:
    _lends(twin, 2, capacity=2)
    twin.configure(overage=1)
    first = twin.seat(holder(1))
    twin.seat(holder(2))
    above = twin.seat(holder(3))
    assert above.overage == 1
    _borrowed(twin, above)
    assert twin.sweep().overage == 1
    twin.release(first)
    counts = twin.sweep()
    assert (counts.overage, counts.borrowed) == (0, 1)
    twin.audit()


def a_loss_does_not_wait_for_who_is_away(twin: Twin) -> None:
    _lends(twin)
    away, here = twin.seat(holder(1)), twin.seat(holder(2))
    soon = twin.seat(holder(3))
    _borrowed(twin, away)
    _borrowed(twin, soon, LEASE // 2)
    twin.arrive("another server", loss=Loss.EXPECTED)
    counts = twin.sweep()
    assert (counts.recovering_for, counts.live, counts.borrowed) == (LEASE + 1, 2, 2)
    assert twin.beat(here)[0].code is Code.OK
    # The one whose time was nearly over has it until the recovery is over.
    twin.clock.forward(LEASE)
    assert twin.sweep().live == 3
    twin.clock.forward(1)
    assert twin.sweep().live == 1
    twin.audit()


def a_lease_from_when_leases_were_longer_is_waited_for_beside_one_that_is_away(twin: Twin) -> None:
    _lends(twin)
    away = twin.seat(holder(1))
    twin.configure(lease=Millis(4 * LEASE))
    twin.seat(holder(2))
    twin.configure(lease=Millis(LEASE))
    _borrowed(twin, away)
    twin.arrive("another server", loss=Loss.EXPECTED)
    assert twin.sweep().recovering_for == 4 * LEASE + 1
    twin.audit()


def a_borrow_that_is_over_is_waited_for_as_any_lease(twin: Twin) -> None:
    _lends(twin)
    twin.configure(lease=Millis(4 * LEASE))
    grant = twin.seat(holder(1))
    _borrowed(twin, grant, LEASE)
    twin.configure(lease=Millis(LEASE))
    twin.clock.forward(LEASE)
    twin.arrive("another server", loss=Loss.EXPECTED)
    counts = twin.sweep()
    assert (counts.recovering_for, counts.live) == (3 * LEASE + 1, 0)
    twin.audit()


def what_is_away_is_put_back_after_all_was_lost(twin: Twin) -> None:
    _lends(twin, 3, capacity=2)
    twin.configure(overage=1)
    grants = [twin.seat(holder(number)) for number in range(3)]
    for grant in grants:
        _borrowed(twin, grant) if grant is not grants[0] else None
    twin.configure(borrow_low_water=0, capacity=3)
    _borrowed(twin, grants[0], 2 * LEASE)
    twin.configure(capacity=2)
    mirror = twin.borrows()
    assert mirror.leases[0].until - twin.now == 2 * LEASE
    flush(twin)
    twin.config = replace(twin.config, epoch=2)
    twin.set_up(term=1)
    other = twin.proof(grants[0], holder(0))
    assert twin.restore(mirror.leases) == 3
    assert twin.restore(mirror.leases) == 0
    counts = twin.sweep()
    assert (counts.live, counts.borrowed, counts.overage) == (3, 3, 1)
    assert twin.borrows().leases == mirror.leases
    assert twin.acquire(holder(7)).code is Code.RECOVERING
    assert twin.readmit(other).code is Code.OK
    assert twin.beat(grants[1])[0].code is Code.OK
    twin.clock.forward(LEASE + 1)
    assert twin.acquire(holder(7)).code is Code.POOL_EXHAUSTED
    twin.clock.forward(LEASE)
    assert twin.sweep().live == 2
    twin.audit()


def what_is_away_comes_in_though_the_pool_is_full(twin: Twin) -> None:
    _lends(twin, 2, capacity=2)
    grants = [twin.seat(holder(1)), twin.seat(holder(2))]
    _borrowed(twin, grants[0])
    mirror = twin.borrows().leases
    flush(twin)
    twin.config = replace(twin.config, epoch=2)
    twin.set_up(term=1)
    twin.clock.forward(LEASE + 1)
    twin.seat(holder(3))
    twin.seat(holder(4))
    assert twin.restore(mirror) == 1
    assert twin.sweep().live == 3
    assert twin.acquire(holder(5)).code is Code.POOL_EXHAUSTED
    twin.audit()


def what_the_pool_knows_better_is_not_put_back(twin: Twin) -> None:
    _lends(twin, 4, capacity=6)
    grants = [twin.seat(holder(number)) for number in range(4)]
    for grant in grants:
        _borrowed(twin, grant, 3 * LEASE)
    mirror = twin.borrows().leases
    twin.release(grants[0])
    twin.seat(holder(1), "another run")
    _borrowed(twin, grants[2], 4 * LEASE)
    assert twin.restore(mirror) == 0
    later = [each._replace(until=Millis(each.until + LEASE + 1)) for each in mirror]
    assert twin.restore(later) == 2
    twin.clock.forward(4 * LEASE + 1)
    assert twin.restore(later) == 0
    twin.audit()


def a_borrow_that_a_copy_does_not_have_comes_back_with_its_fence(twin: Twin) -> None:
    _lends(twin, 3)
    twin.configure(groups={"a": SeatGroup(reserved=1)})
    twin.seat(holder(1), "a run", quantity=2)
    old = take_copy(twin)
    twin.release(beat_of(twin.seat(holder(1), "a run", quantity=2)))
    away = twin.seat(holder(1), "a run", group="a")
    _borrowed(twin, away)
    [mirrored] = twin.borrows().leases
    assert mirrored == BorrowedLease(holder(1), away.fence, Millis(twin.now + DAY), 1, "a")
    put_back(twin, old)
    # Its fence is above all that the pool knows of, so the recovery begins with it.
    assert twin.restore([mirrored]) == 1
    counts = twin.sweep()
    assert (counts.epoch, counts.live, counts.groups) == (2, 1, {"a": 1})
    assert counts.recovering_for == LEASE + 1
    assert twin.beat(away)[0].code is Code.OK
    twin.audit()


def the_nonce_of_a_run_that_is_known_stays(twin: Twin) -> None:
    _lends(twin)
    grant = twin.seat(holder(1), "a run")
    old = take_copy(twin)
    _borrowed(twin, grant)
    mirror = twin.borrows().leases
    put_back(twin, old)
    assert twin.restore(mirror) == 1
    assert twin.acquire(holder(1), "a run").code is Code.EXISTING
    assert twin.seat(holder(1), "another run").taken_over
    twin.audit()


def walks_that_borrow(twin: Twin) -> None:
    """A walk of its own between any two borrows: all that can happen to a lease happens to borrowed ones."""
    for seed in range(40, 44):
        rng = random.Random(seed)
        _lends(twin, 3, capacity=5)
        mirror: tuple[BorrowedLease, ...] = ()
        for part in range(12):
            for number in range(7):
                answer = twin.acquire(holder(number), "a")
                if isinstance(answer, Grant) and rng.random() < 0.5:
                    twin.borrow(answer, rng.choice([0, 1, LEASE // 2, 5 * LEASE]))
                    if rng.random() < 0.4:
                        twin.take_back(answer)
                    elif rng.random() < 0.2:
                        twin.release(answer)
            mirror = twin.borrows().leases if rng.random() < 0.6 else mirror
            walk(twin, 100 * seed + part, steps=15)
            if rng.random() < 0.3:
                twin.arrive(f"server {seed} {part}", loss=rng.choice(list(Loss)))
            twin.restore(mirror)
            twin.audit()
        twin.begin()


SCENES = (
    a_borrowed_seat_counts_until_it_comes_back,
    a_renewal_does_not_shorten_a_borrow_and_outlives_it,
    borrowing_has_limits_of_number_and_time,
    all_the_seats_of_a_lease_are_borrowed_or_none,
    nothing_is_borrowed_beyond_the_end_of_the_licence,
    a_pool_that_is_closed_drains_or_recovers_lends_nothing,
    a_lease_that_is_gone_is_not_borrowed,
    a_seat_that_comes_back_early_floats_again,
    a_borrow_that_is_nearly_over_does_not_get_longer_by_its_return,
    what_ran_out_beside_a_borrow_is_not_charged_on,
    a_release_ends_the_borrow_with_the_lease,
    a_borrowed_lease_keeps_its_seats_and_its_group,
    a_seat_above_the_capacity_can_be_away_and_becomes_a_base_seat,
    a_loss_does_not_wait_for_who_is_away,
    a_lease_from_when_leases_were_longer_is_waited_for_beside_one_that_is_away,
    a_borrow_that_is_over_is_waited_for_as_any_lease,
    what_is_away_is_put_back_after_all_was_lost,
    what_is_away_comes_in_though_the_pool_is_full,
    what_the_pool_knows_better_is_not_put_back,
    a_borrow_that_a_copy_does_not_have_comes_back_with_its_fence,
    the_nonce_of_a_run_that_is_known_stays,
    walks_that_borrow,
)
