"""When a resource is looked at, and what an event makes the operator look at."""

import asyncio
from typing import Any

import pytest

from seatwarden.backends.kubernetes_api import KubernetesUnavailable
from seatwarden.domain.stripe_events import Change, ChangedObject, ObjectKind
from seatwarden.reconcilers.billing_looks import BillingLooks
from seatwarden.reconcilers.engine import Cause
from seatwarden.reconcilers.ownership import Problem
from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import Shop
from tests.stripe.faults import Fault

INVOICE: dict[str, Any] = {"collection": "SendInvoice"}


class Time:
    """A clock that a test turns, and looks that are good for a hundred seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = BillingLooks(lambda: self.now, lambda: 0.5, 100.0)


def test_who_has_just_begun_looks_at_nothing_at_once() -> None:
    time = Time()
    assert not time.looks.is_due("team")
    assert time.looks.due_in("team") == 75.0
    time.now = 75.0
    assert time.looks.is_due("team")


def test_a_look_is_good_for_as_long_as_nothing_can_change_and_no_longer_than_usual() -> None:
    time = Time()
    time.looks.done("team", time.looks.begin("team"), good_for=40.0)
    assert time.looks.due_in("team") == 40.0
    time.looks.done("team", time.looks.begin("team"), good_for=4000.0)
    assert time.looks.due_in("team") == 100.0
    time.now = 100.0
    assert time.looks.is_due("team")
    assert time.looks.due_in("team") == 0.0


def test_what_is_asked_for_during_a_look_stays_asked_for() -> None:
    time = Time()
    time.looks.ask("team")
    begun = time.looks.begin("team")
    time.looks.ask("team")
    time.looks.done("team", begun)
    assert time.looks.is_due("team")
    time.looks.done("team", time.looks.begin("team"))
    assert not time.looks.is_due("team")


def test_what_is_asked_for_first_during_a_look_stays_asked_for() -> None:
    time = Time()
    begun = time.looks.begin("team")
    time.looks.ask("team")
    time.looks.done("team", begun)
    assert time.looks.is_due("team")


async def test_who_waits_goes_on_when_all_that_was_asked_for_was_seen() -> None:
    looks = Time().looks
    await asyncio.wait_for(looks.looked_at("team"), 1.0)
    looks.ask("team")
    waiting = asyncio.ensure_future(looks.looked_at("team"))
    begun = looks.begin("team")
    looks.ask("team")
    looks.done("team", begun)
    await asyncio.sleep(0)
    assert not waiting.done()
    looks.done("team", looks.begin("team"))
    await asyncio.wait_for(waiting, 1.0)


async def test_who_waits_for_what_goes_goes_on() -> None:
    looks = Time().looks
    looks.ask("team")
    waiting = asyncio.ensure_future(looks.looked_at("team"))
    await asyncio.sleep(0)
    looks.forget("team")
    await asyncio.wait_for(waiting, 1.0)


def change(kind: ObjectKind, identity: str, customer: str = "", subscription: str = "") -> Change:
    changed = ChangedObject(kind=kind, id=identity, live=False)
    return Change(object=changed, customer=customer, subscription=subscription)


async def bought(office: Office) -> None:
    office.tenant()
    office.team(**INVOICE)
    await office.settle()
    office.events.clear()


async def test_an_event_is_done_with_when_the_status_says_so_and_not_before(
    office: Office, till: Shop
) -> None:
    await bought(office)
    await till.edit_seats(9)
    told = change(ObjectKind.SUBSCRIPTION, till.subscription()["id"])
    handing = asyncio.ensure_future(office.news.handle(told))
    await asyncio.sleep(0)
    till.server.faults.fail(Fault.ERROR_BEFORE)
    await office.settle()
    assert office.condition("BillingSynced") == ("False", "BillingAway")
    await asyncio.sleep(0)
    assert not handing.done(), "nothing was seen yet"
    await office.pass_time(seconds=31)
    await asyncio.wait_for(handing, 1.0)
    assert office.condition("Drifted") == ("True", "DriftReported")


@pytest.mark.parametrize("kind", list(ObjectKind))
async def test_an_event_about_what_nobody_knows_is_done_with_at_once(
    office: Office, kind: ObjectKind
) -> None:
    await bought(office)
    unknown = change(kind, "xx_unknown", customer="cus_unknown", subscription="sub_unknown")
    await asyncio.wait_for(office.news.handle(unknown), 1.0)
    before = len(office.operators)
    await office.settle()
    assert len(office.operators) == before


async def test_an_event_about_a_customer_looks_at_the_tenant_and_not_at_what_is_paid(
    office: Office, till: Shop
) -> None:
    await bought(office)
    before = till.server.counts()
    office.events.clear()
    await till.calls.customers.update_async(till.customer()["id"], {"name": "Somebody"})
    await office.hear_news()
    assert till.customer()["name"] == "acme"
    asked = till.server.counts() - before
    assert not [each for each in asked if "subscriptions" in each]


async def test_an_invoice_looks_at_all_subscriptions_of_its_customer(office: Office, till: Shop) -> None:
    await bought(office)
    office.team("other", **INVOICE)
    await office.settle()
    invoice = next(iter(till.server.account.tables["invoice"]))
    looked: list[Any] = []
    office.news.look = looked.append
    await office.news.handle(change(ObjectKind.INVOICE, invoice, customer=till.customer()["id"]))
    assert {key.name for key in looked} == {"team", "other"}


async def test_a_price_is_read_again_when_it_changes(office: Office, till: Shop) -> None:
    await bought(office)
    price = till.prices["month"]
    await till.calls.prices.update_async(price, {"active": False})
    await office.hear_news()
    assert office.condition("BillingSynced") == ("False", "InvalidPrice")
    assert (till.seats(), office.phase()) == (5, "Active")


async def test_nothing_is_looked_through_where_nobody_pays(office: Office, till: Shop) -> None:
    office.tenant(billing={"provider": "None"})
    await office.settle()
    before = len(till.server.heard)
    await office.resync()
    assert len(till.server.heard) == before


async def test_a_second_subscription_is_found_ended_and_told(office: Office, till: Shop) -> None:
    await bought(office)
    twin = dict(till.subscription()["metadata"])
    items = [{"price": till.prices["month"], "quantity": 5}]
    wanted = {"customer": till.customer()["id"], "items": items, "metadata": twin}
    sent = {"collection_method": "send_invoice", "days_until_due": 30}
    await till.calls.subscriptions.create_async(wanted | sent)
    await office.resync()
    assert till.seats() == 5
    assert office.reasons_told().count("DuplicateEnded") == 1


async def test_looking_through_everything_without_a_key_says_why(till: Shop, office: Office) -> None:
    await bought(office)
    keyless = Office(till, has_key=False, api=office.api)
    with pytest.raises(Problem, match="stripe-key-file"):
        await keyless.news.resync()


async def test_an_api_server_that_is_away_ends_no_looking(office: Office) -> None:
    office.tenant()
    office.team()
    await office.settle()
    office.restart()
    office.api.refusal = KubernetesUnavailable("no answer")
    office.news.seconds = 0.01
    looking = asyncio.ensure_future(office.news.run())
    with pytest.raises(KubernetesUnavailable):
        await office.news.resync()
    await asyncio.sleep(0.1)
    assert not looking.done()
    looking.cancel()


async def test_a_change_of_counts_asks_nothing_while_something_is_wrong(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="ChargeAutomatically")
    await office.settle()
    before = len(till.server.heard)
    for key in (TEAM, ACME):
        office.add(key, Cause.COUNTS)
    await office.settle()
    assert len(till.server.heard) == before
