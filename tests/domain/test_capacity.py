from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.capacity import Demand, Holding, grown, shares, shrunken
from seatwarden.domain.seats import PoolUid
from tests.domain.objects import NOON

A, B, C = PoolUid("a"), PoolUid("b"), PoolUid("c")
UIDS = [A, B, C, PoolUid("d")]
SEATS = st.integers(0, 12)

DEMANDS = st.lists(
    st.builds(
        Demand,
        pool=st.sampled_from(UIDS),
        created=st.integers(0, 2).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        seats=SEATS,
    ),
    unique_by=lambda demand: demand.pool,
)
HOLDINGS = st.dictionaries(st.sampled_from(UIDS), st.builds(Holding, capacity=SEATS, live=SEATS))


def demand(pool: PoolUid, seats: int, *, minutes: int = 0) -> Demand:
    return Demand(pool=pool, created=NOON + timedelta(minutes=minutes), seats=seats)


def holding(capacity: int, live: int = 0) -> Holding:
    return Holding(capacity=capacity, live=live)


@pytest.mark.parametrize(
    ("seats", "expected"),
    [
        (10, {A: 4, B: 3, C: 2}),
        (9, {A: 4, B: 3, C: 2}),
        (8, {A: 4, B: 3, C: 1}),
        (5, {A: 4, B: 1, C: 0}),
        (3, {A: 3, B: 0, C: 0}),
        (0, {A: 0, B: 0, C: 0}),
        (-1, {A: 0, B: 0, C: 0}),
    ],
)
def test_older_pools_get_all_that_they_ask_for_before_younger_ones_get_any(
    seats: int, expected: dict[PoolUid, int]
) -> None:
    demands = [demand(C, 2, minutes=2), demand(A, 4), demand(B, 3, minutes=1)]

    assert shares(demands, seats) == expected


def test_shares_come_in_serving_order() -> None:
    demands = [demand(B, 1, minutes=1), demand(C, 1), demand(A, 1, minutes=1)]

    assert list(shares(demands, 3)) == [C, A, B]


def test_of_pools_made_in_the_same_second_the_smaller_uid_is_served_first() -> None:
    assert shares([demand(B, 3), demand(A, 3)], 4) == {A: 3, B: 1}


def test_a_pool_that_is_being_deleted_leaves_its_share_to_the_others() -> None:
    assert shares([demand(A, 0), demand(B, 5, minutes=1)], 5) == {A: 0, B: 5}


@given(demands=DEMANDS, seats=st.integers(-3, 30))
def test_shares_never_exceed_the_seats_nor_what_a_pool_asks_for(demands: list[Demand], seats: int) -> None:
    entitled = shares(demands, seats)

    assert sum(entitled.values()) == min(max(seats, 0), sum(asked.seats for asked in demands))
    assert all(0 <= entitled[asked.pool] <= asked.seats for asked in demands)


@given(demands=DEMANDS, seats=SEATS)
def test_a_pool_goes_short_only_where_nothing_is_left_for_younger_ones(
    demands: list[Demand], seats: int
) -> None:
    entitled = shares(demands, seats)
    oldest_first = sorted(demands, key=lambda asked: (asked.created, asked.pool))

    for position, asked in enumerate(oldest_first):
        if entitled[asked.pool] < asked.seats:
            assert all(entitled[younger.pool] == 0 for younger in oldest_first[position + 1 :])


@given(data=st.data(), demands=DEMANDS, seats=SEATS)
def test_the_order_in_which_pools_are_named_does_not_matter(
    data: st.DataObject, demands: list[Demand], seats: int
) -> None:
    assert shares(data.draw(st.permutations(demands)), seats) == shares(demands, seats)


@pytest.mark.parametrize(
    ("has", "held"), [(holding(5, 0), 5), (holding(5, 5), 5), (holding(3, 5), 5), (holding(0, 2), 2)]
)
def test_leases_above_a_shrunken_cap_are_held_still(has: Holding, held: int) -> None:
    assert has.held == held


@pytest.mark.parametrize(
    ("capacity", "live", "beyond", "held"),
    [
        pytest.param(5, 7, 2, 5, id="overage takes nothing from the others"),
        pytest.param(3, 7, 2, 5, id="what a shrunken cap left counts still"),
        pytest.param(5, 3, 2, 5, id="overage that nobody has"),
        pytest.param(5, 70, 2**31, 5, id="nothing is enforced"),
    ],
)
def test_leases_above_the_cap_by_permission_are_nobody_elses_seats(
    capacity: int, live: int, beyond: int, held: int
) -> None:
    assert Holding(capacity=capacity, live=live, beyond=beyond).held == held


def test_only_caps_above_their_share_are_made_smaller() -> None:
    holdings = {A: holding(5), B: holding(2), C: holding(1)}

    assert shrunken({A: 3, B: 2, C: 4}, holdings) == {A: 3}


def test_a_pool_without_a_share_is_not_touched() -> None:
    assert shrunken({A: 3}, {A: holding(3), B: holding(2)}) == {}


@pytest.mark.parametrize(
    ("entitled", "holdings", "seats", "larger"),
    [
        pytest.param({A: 3, B: 2}, {}, 5, {A: 3, B: 2}, id="what is new gets its share"),
        pytest.param({A: 3, B: 2}, {A: holding(3, 1), B: holding(2)}, 5, {}, id="what has its share stays"),
        pytest.param({A: 5}, {A: holding(2, 2)}, 5, {A: 5}, id="a pool's own leases are not in its way"),
        pytest.param(
            {A: 3, B: 2}, {A: holding(3, 5), B: holding(0)}, 5, {}, id="leases above a cap are in the way"
        ),
        pytest.param(
            {A: 3, B: 2}, {A: holding(3, 4), B: holding(0)}, 5, {B: 1}, id="what came back can be given on"
        ),
        pytest.param({A: 4, B: 1}, {B: holding(3)}, 5, {A: 2}, id="a cap not yet shrunken is in the way"),
        pytest.param(
            {A: 4}, {A: holding(1), B: holding(2)}, 5, {A: 3}, id="a pool without a share holds what it has"
        ),
        pytest.param({A: 3, B: 3}, {}, 4, {A: 3, B: 1}, id="the older one grows first"),
        pytest.param(
            {A: 2, B: 3}, {A: holding(0, 5), B: holding(0)}, 5, {A: 2}, id="under leases that hold it anyway"
        ),
        pytest.param({A: 2}, {A: holding(0), B: holding(9, 9)}, 5, {}, id="nothing grows while too much is held"),
    ],
)  # fmt: skip
def test_a_cap_grows_only_out_of_seats_that_nobody_holds(
    entitled: dict[PoolUid, int], holdings: dict[PoolUid, Holding], seats: int, larger: dict[PoolUid, int]
) -> None:
    assert grown(entitled, holdings, seats) == larger


@given(demands=DEMANDS, holdings=HOLDINGS, seats=SEATS)
def test_larger_caps_never_add_up_to_more_than_there_is_in_whatever_order_they_are_written(
    demands: list[Demand], holdings: dict[PoolUid, Holding], seats: int
) -> None:
    entitled = shares(demands, seats)
    held = sum(has.held for has in holdings.values())
    larger = grown(entitled, holdings, seats)
    after = dict(holdings)
    for pool, cap in larger.items():
        before = after.get(pool, holding(0))
        assert before.capacity < cap <= entitled[pool]
        after[pool] = holding(cap, before.live)

    assert sum(has.held for has in after.values()) <= max(seats, held)


@given(demands=DEMANDS, holdings=HOLDINGS, seats=SEATS)
def test_smaller_caps_are_what_pools_are_entitled_to(
    demands: list[Demand], holdings: dict[PoolUid, Holding], seats: int
) -> None:
    entitled = shares(demands, seats)
    smaller = shrunken(entitled, holdings)

    assert all(cap == entitled[pool] < holdings[pool].capacity for pool, cap in smaller.items())
    assert all(
        holdings[pool].capacity <= entitled[pool] for pool in entitled if pool in holdings.keys() - smaller
    )
