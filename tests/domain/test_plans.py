from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatwarden.domain.billing.facts import PriceFacts
from seatwarden.domain.billing.wanted import wanted
from seatwarden.domain.plans import NoTerms, PriceRef, Terms, in_plan, pool_in_plan, terms
from seatwarden.resources.plans import MAX_TEXT, PlanTable
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Interval
from tests.domain import objects

TEAM = """
seats: 5
offlineGrace: 72h
devices: 3
entitlements:
  - name: simulate
  - name: render.minutes
    limit: 600
prices:
  month: {lookupKey: team-month}
  year: {priceID: price_team_year}
"""
TABLE = PlanTable.parse({"team": TEAM, "free": "seats: 1"})


def bought(plan: Any = "team", **spec: Any) -> Any:
    """A Subscription of a plan that says nothing else but ``spec``."""
    body = objects.subscription_body(
        spec={"plan": plan if isinstance(plan, dict) else {"name": plan}, **spec}
    )
    if "seats" not in spec:
        del body["spec"]["seats"]
    return type(objects.subscription()).parse(body)


def found(subscription: Any, table: PlanTable = TABLE) -> Terms:
    """Its terms, which there are."""
    result = terms(subscription, table)
    assert isinstance(result, Terms)
    return result


def test_what_the_subscription_does_not_say_is_that_of_the_plan() -> None:
    has = found(bought())
    assert (has.seats, has.devices, has.offline_grace) == (5, 3, timedelta(hours=72))
    assert [each.name for each in has.entitlements] == ["simulate", "render.minutes"]
    assert (has.price, has.interval) == (PriceRef(lookup_key="team-month"), Interval.MONTH)


def test_what_the_subscription_says_goes_before_the_plan() -> None:
    own = [{"name": "render.minutes", "limit": 9}, {"name": "support"}]
    has = found(bought(seats=0, entitlements=own))
    assert has.seats == 0
    assert [(each.name, each.limit) for each in has.entitlements] == [
        ("simulate", None),
        ("render.minutes", 9),
        ("support", None),
    ]


@pytest.mark.parametrize(
    ("plan", "price", "interval"),
    [
        ({"name": "team", "interval": "Year"}, PriceRef(price="price_team_year"), Interval.YEAR),
        ({"name": "team", "priceID": "price_x"}, PriceRef(price="price_x"), None),
        ({"name": "team", "lookupKey": "x", "interval": "Year"}, PriceRef(lookup_key="x"), Interval.YEAR),
        ({"name": "free"}, None, None),
        ({"name": "free", "interval": "Month"}, None, Interval.MONTH),
    ],
)
def test_the_price_is_that_of_the_spec_or_of_the_plan_at_the_interval(
    plan: Any, price: Any, interval: Any
) -> None:
    has = found(bought(plan))
    assert (has.price, has.interval) == (price, interval)


def test_a_plan_with_a_price_by_the_year_only_is_paid_by_the_year() -> None:
    table = PlanTable.parse({"team": "{seats: 1, prices: {year: {lookupKey: y}}}"})
    assert found(bought(), table).interval is Interval.YEAR


def test_no_plan_is_needed_where_the_subscription_says_all() -> None:
    assert found(bought("custom", seats=7), PlanTable()).seats == 7


@pytest.mark.parametrize(
    ("plan", "says"), [("nobody-knows", "is not in ConfigMap"), ("odd", "says no seats")]
)
def test_seats_must_be_said_somewhere(plan: str, says: str) -> None:
    missing = terms(bought(plan), PlanTable.parse({"odd": "devices: 1"}))
    assert isinstance(missing, NoTerms)
    assert missing.reason is Reason.INVALID_PLAN
    assert says in missing.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seats: many", "seatwarden-plans: data.team.seats must be a whole number"),
        ("seat: 5", 'data.team.seat is not a field; did you mean "seats"?'),
        ("offlineGrace: 3d", "data.team.offlineGrace must be whole hours"),
        ("entitlements: [{name: a}, {name: a}]", "data.team.entitlements[1] must have another name"),
        ("prices: {month: {}}", "data.team.prices.month must have priceID or lookupKey"),
        ("prices: {month: {priceID: x}}", "data.team.prices.month.priceID must be the id of a price"),
        ("prices: {week: {lookupKey: x}}", "data.team.prices.week is not a field"),
        ("- seats", "data.team must be fields with their values"),
        ("5: seats", "data.team must be fields with their values"),
        ("a: [", "data.team must be YAML, see line 1"),
        ("seats: 5\n" + "#" * MAX_TEXT, "data.team must have at most 16384 characters"),
        ("!!python/object/apply:os.getcwd []", "data.team must be YAML"),
    ],
)
def test_a_plan_that_cannot_be_read_is_told_with_its_field_and_harms_no_other(text: str, says: str) -> None:
    table = PlanTable.parse({"team": text, "free": "seats: 1"})
    broken = terms(bought(seats=5), table)
    assert isinstance(broken, NoTerms)
    assert says in broken.message
    assert found(bought("free"), table).seats == 1


def test_an_empty_plan_says_nothing() -> None:
    assert found(bought(seats=3), PlanTable.parse({"team": ""})).seats == 3


def test_pools_are_limited_by_the_plan_where_they_say_nothing_and_lend_no_longer_than_it() -> None:
    plan = bought().spec.plan.name
    assert pool_in_plan(objects.pool(), plan, TABLE).spec.limits.devices == 3
    assert pool_in_plan(objects.pool(spec={"limits": {"devices": 9}}), plan, TABLE).spec.limits.devices == 9
    assert pool_in_plan(objects.pool(), plan, TABLE).spec.lease.offline_grace == timedelta(hours=24)
    longer = objects.pool(spec={"lease": {"offlineGrace": "168h"}})
    assert pool_in_plan(longer, plan, TABLE).spec.lease.offline_grace == timedelta(hours=72)
    assert pool_in_plan(longer, "free", TABLE) == longer
    assert pool_in_plan(longer, "unknown", TABLE) is longer


def test_a_subscription_has_the_seats_and_entitlements_of_its_plan_where_it_is_silent() -> None:
    filled = in_plan(bought(), TABLE)
    agreed = found(bought())
    assert (filled.spec.seats, filled.spec.entitlements) == (agreed.seats, agreed.entitlements)
    assert in_plan(bought(seats=77), TABLE).spec.seats == 77
    unknown = bought("unknown")
    assert in_plan(unknown, TABLE) is unknown


PRICE = PriceFacts(id="price_x", active=True, interval="month")


@pytest.mark.parametrize(
    ("plan", "price", "reason"),
    [
        ({"name": "team"}, PRICE, None),
        ({"name": "free"}, None, Reason.INVALID_PLAN),
        ({"name": "team"}, None, Reason.INVALID_PRICE),
        ({"name": "team", "interval": "Year"}, PRICE, Reason.INVALID_PRICE),
        ({"name": "team", "priceID": "price_x"}, PRICE, None),
        ({"name": "team", "priceID": "price_x"}, PriceFacts(id="price_x", active=True, interval="week"), Reason.INVALID_PRICE),
        ({"name": "team"}, PriceFacts(id="price_x", active=False, interval="month"), Reason.INVALID_PRICE),
    ],
)  # fmt: skip
def test_a_price_must_be_there_and_fit(plan: Any, price: PriceFacts | None, reason: Reason | None) -> None:
    subscription = bought(plan)
    wish = wanted(subscription, cluster="c", customer="cus_1", terms=found(subscription), price=price)
    assert (wish.price_problem[0] if wish.price_problem is not None else None) is reason
    assert (wish.price is not None) is (reason is None)


def test_what_is_wanted_is_in_the_spec() -> None:
    spec = {"collection": "SendInvoice", "trial": {"endsAt": "2027-04-01T00:00:00.5Z"}, "coupon": "spring"}
    told = {"stripe": {"refusals": 3}}
    subscription = objects.subscription(spec=spec, status=told)
    wish = wanted(subscription, cluster="c", customer="cus_1", terms=Terms(plan="team", seats=5), price=None)
    assert (wish.days_until_due, wish.refusals, wish.discount) == (30, 3, "spring")
    assert wish.trial_end is not None
    assert wish.trial_end.microsecond == 0


def test_the_plans_of_the_documentation_can_be_read() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "plans.md"
    text = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    manifest = yaml.safe_load(text)
    table = PlanTable.parse(manifest["data"])
    assert manifest["metadata"]["name"] == "seatwarden-plans"
    assert table.broken == {}
    assert set(table.plans) == {"free", "pro", "team", "enterprise"}
