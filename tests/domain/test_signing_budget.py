from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.signing_budget import SIGNATURES_A_DAY, SigningBudget
from tests.domain.objects import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_so_many_signatures_are_made_in_a_day_and_then_one_for_each_that_is_a_day_old() -> None:
    budget = SigningBudget(limit=2)
    assert [budget.spend("acme", NOON), budget.spend("acme", NOON + HOUR)] == [None, None]
    assert budget.spend("acme", NOON + 2 * HOUR) == NOON + DAY
    assert budget.spend("acme", NOON + DAY) is None
    assert budget.spend("acme", NOON + DAY) == NOON + HOUR + DAY


def test_each_tenant_has_its_own() -> None:
    budget = SigningBudget(limit=1)
    assert budget.spend("acme", NOON) is None
    assert budget.spend("globex", NOON) is None
    assert budget.spend("acme", NOON) is not None
    budget.forget("acme")
    assert budget.spend("acme", NOON) is None


def test_what_is_usual_is_far_below_the_limit() -> None:
    assert SIGNATURES_A_DAY > 100


@given(st.lists(st.integers(0, 40), max_size=80))
def test_in_no_day_are_more_than_the_limit_and_a_refusal_says_when_there_is_one(pauses: list[int]) -> None:
    budget, now, made = SigningBudget(limit=3), NOON, []
    for hours in pauses:
        now += hours * HOUR
        again = budget.spend("acme", now)
        if again is None:
            made.append(now)
        else:
            assert now < again <= now + DAY
    assert all(sum(begin <= at < begin + DAY for at in made) <= 3 for begin in made)
