from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from seatwarden.domain.billing.calls import ChangeCustomer, CreateCustomer, DeleteCustomer, ReleaseCustomer
from seatwarden.domain.billing.customers import (
    CustomerSeen,
    CustomerWanted,
    Rival,
    customer_farewell,
    customer_step,
    customer_wanted,
    rivals_of,
)
from seatwarden.domain.billing.facts import CustomerFacts
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import DeletionPolicy
from tests.domain import objects
from tests.domain.billing.wishes import CLUSTER, NOON

DAY = timedelta(days=1)
OWNER = "uid-acme"


def wanted(**changes: Any) -> CustomerWanted:
    """What Tenant acme wants, but for ``changes``."""
    told = CustomerWanted(
        owner=OWNER,
        cluster=CLUSTER,
        created=NOON,
        tenant="acme",
        name="Acme Robotics",
        email="a@acme.example",
    )
    return replace(told, **changes)


def customer(**changes: Any) -> CustomerFacts:
    """Acme at Stripe, as it is wanted."""
    facts = CustomerFacts(
        id="cus_1", owner=OWNER, cluster=CLUSTER, name="Acme Robotics", email="a@acme.example", created=NOON
    )
    return replace(facts, **changes)


def rival(created: datetime, owner: str = "uid-other") -> Rival:
    """Another Tenant that names cus_1."""
    return Rival(tenant="shop/other", owner=owner, created=created, customer="cus_1")


def test_a_customer_is_made_with_what_never_changes_and_then_gets_its_name() -> None:
    step = customer_step(wanted(), CustomerSeen(read=None))
    assert isinstance(step.call, CreateCustomer)
    assert (step.call.wish.name, step.call.wish.email) == ("acme", None)
    renamed = customer_step(wanted(name="Acme", email=None), CustomerSeen(read=None))
    assert renamed.call == step.call

    step = customer_step(wanted(), CustomerSeen(read=None, found=[customer(name="acme", email=None)]))
    assert step.call == ChangeCustomer(customer="cus_1", wish=wanted().wish())


def test_a_customer_that_is_as_wanted_is_left_alone() -> None:
    for seen in (CustomerSeen(read=customer()), CustomerSeen(read=None, found=[customer()])):
        step = customer_step(wanted(), seen)
        assert (step.call, step.customer, step.problem) == (None, "cus_1", None)


def test_of_two_that_were_made_the_older_counts() -> None:
    found = [customer(id="cus_2", created=NOON + DAY), customer(), customer(id="cus_0", created=NOON + DAY)]
    assert customer_step(wanted(), CustomerSeen(read=None, found=found)).customer == "cus_1"


def test_a_customer_that_was_deleted_at_stripe_is_replaced_under_another_key() -> None:
    first = customer_step(wanted(), CustomerSeen(read=None)).call
    gone = CustomerSeen(read=customer(deleted=True), found=[customer(deleted=True)])
    again = customer_step(wanted(remembered="cus_1"), gone).call
    refused = customer_step(wanted(refusals=1), CustomerSeen(read=None)).call
    assert isinstance(first, CreateCustomer)
    assert isinstance(again, CreateCustomer)
    assert isinstance(refused, CreateCustomer)
    assert len({first.key, again.key, refused.key}) == 3


@pytest.mark.parametrize(
    "has",
    [{"owner": None, "cluster": None}, {"owner": "uid-dead"}, {"name": None}, {"email": "b@acme.example"}],
)
def test_a_customer_that_the_spec_names_is_taken_over(has: dict[str, Any]) -> None:
    step = customer_step(wanted(named="cus_1"), CustomerSeen(read=customer(**has)))
    assert step.call == ChangeCustomer(customer="cus_1", wish=wanted().wish())


@pytest.mark.parametrize(
    ("read", "says"), [(None, "does not exist"), (customer(deleted=True), "was deleted")]
)
def test_a_customer_that_the_spec_names_must_exist(read: CustomerFacts | None, says: str) -> None:
    step = customer_step(wanted(named="cus_1"), CustomerSeen(read=read, found=[customer(id="cus_2")]))
    assert step.call is None
    assert step.problem is not None
    assert step.problem[0] is Reason.CUSTOMER_NOT_FOUND
    assert says in step.problem[1]


@pytest.mark.parametrize(
    ("other", "is_told"),
    [
        (rival(NOON - DAY), True),
        (rival(NOON, "uid-aaaa"), True),
        (rival(NOON, "uid-zzzz"), False),
        (rival(NOON + DAY), False),
        (replace(rival(NOON - DAY), customer="cus_2"), False),
    ],
)
def test_of_two_tenants_that_name_one_customer_the_older_has_it_and_the_younger_is_told(
    other: Rival, is_told: bool
) -> None:
    step = customer_step(wanted(named="cus_1"), CustomerSeen(read=customer(), rivals=[other]))
    assert (step.problem is not None) is is_told
    if step.problem is not None:
        assert step.problem[0] is Reason.CUSTOMER_CONFLICT
        assert "'shop/other'" in step.problem[1]
        assert step.customer is None
    else:
        assert step.customer == "cus_1"


def test_exactly_one_of_two_rivals_has_the_customer() -> None:
    mine, other = wanted(named="cus_1"), wanted(named="cus_1", owner="uid-other", created=NOON - DAY)
    verdicts = [
        customer_step(each, CustomerSeen(read=customer(), rivals=[rival(at, owner)])).problem
        for each, at, owner in ((mine, NOON - DAY, "uid-other"), (other, NOON, OWNER))
    ]
    assert [verdict is None for verdict in verdicts] == [False, True]


def test_a_customer_of_another_cluster_is_not_taken_away() -> None:
    step = customer_step(wanted(named="cus_1"), CustomerSeen(read=customer(cluster="cluster-2")))
    assert step.call is None
    assert step.problem is not None
    assert "cluster-2" in step.problem[1]


def test_what_is_done_with_a_customer_as_its_tenant_goes() -> None:
    seen = CustomerSeen(read=customer())
    assert customer_farewell(wanted(), DeletionPolicy.RETAIN, seen) == ReleaseCustomer(customer="cus_1")
    assert customer_farewell(wanted(), DeletionPolicy.DELETE, seen) == DeleteCustomer(customer="cus_1")


@pytest.mark.parametrize(
    "read", [None, customer(owner="uid-other"), customer(cluster="c"), customer(owner=None)]
)
def test_a_tenant_that_does_not_own_the_customer_does_nothing_to_it(read: CustomerFacts | None) -> None:
    for policy in DeletionPolicy:
        assert customer_farewell(wanted(named="cus_1"), policy, CustomerSeen(read=read)) is None


def test_what_a_tenant_wants_is_in_its_spec_and_status() -> None:
    billing = {"provider": "Stripe", "stripe": {"customerID": "cus_named"}}
    status = {"stripe": {"customerID": "cus_told", "refusals": 2}}
    found = customer_wanted(
        objects.tenant(spec={"contactEmail": "a@b", "billing": billing}, status=status), CLUSTER
    )
    assert found is not None
    assert (found.name, found.email, found.looked_at, found.refusals) == ("acme", "a@b", "cus_named", 2)
    assert replace(found, named=None).looked_at == "cus_told"
    assert customer_wanted(objects.tenant(status=status), CLUSTER) is None


def test_rivals_are_the_other_tenants_that_have_or_name_a_customer() -> None:
    stripe = {"provider": "Stripe"}
    named = {"billing": stripe | {"stripe": {"customerID": "cus_1"}}}
    told = {"stripe": {"customerID": "cus_2"}}
    acme = objects.tenant(spec=named)
    others = [
        acme,
        objects.tenant(name="names", spec=named, status=told),
        objects.tenant(name="has", spec={"billing": stripe}, status=told),
        objects.tenant(name="none", spec={"billing": stripe}),
        objects.tenant(name="free", status=told),
    ]
    assert [(each.tenant, each.customer) for each in rivals_of(acme, others)] == [
        ("shop/names", "cus_1"),
        ("shop/has", "cus_2"),
    ]
