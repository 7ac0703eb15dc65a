"""From a manifest to money, and from money to seats."""

from seatwarden.reconcilers.paths import config_map_path
from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import DEARER, SEAT, Shop
from tests.domain.objects import NAMESPACE, Body


async def test_an_invoice_is_sent_and_seats_are_there_at_once(office: Office, till: Shop) -> None:
    office.team(collection="SendInvoice")
    office.tenant()
    await office.settle()
    assert (till.seats(), till.billed()) == (5, [5 * SEAT])
    assert office.phase() == "Active"
    assert office.status()["seats"] == 5
    assert office.condition("BillingSynced") == ("True", "Succeeded")
    assert office.condition("BillingReady", ACME) == ("True", "Succeeded")
    assert till.subscription()["collection_method"] == "send_invoice"
    assert till.customer()["name"] == "acme"
    assert TEAM in office.due


async def test_a_card_is_charged_at_once(office: Office, till: Shop) -> None:
    office.tenant(displayName="Acme Robotics", contactEmail="it@acme.invalid")
    await office.settle()
    await till.give_card()
    office.team(collection="ChargeAutomatically")
    await office.settle()
    assert (till.subscription()["status"], till.billed()) == ("active", [5 * SEAT])
    assert office.phase() == "Active"


async def test_who_has_no_card_is_told_and_heals_when_there_is_one(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="ChargeAutomatically")
    await office.settle()
    assert office.condition("BillingSynced") == ("False", "BillingRefused")
    assert office.condition("Ready") == ("False", "BillingRefused")
    assert not till.subscriptions()
    await till.give_card()
    await office.hear_news()
    assert (till.seats(), till.billed(), office.phase()) == (5, [5 * SEAT], "Active")


async def test_who_has_no_card_heals_without_news_too(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="ChargeAutomatically")
    await office.settle()
    await till.give_card()
    await office.pass_time(seconds=601)
    assert (till.seats(), office.phase()) == (5, "Active")


async def test_a_page_is_opened_and_what_is_paid_there_opens_seats(office: Office, till: Shop) -> None:
    office.tenant()
    office.team()
    await office.settle()
    (page,) = till.pages()
    assert office.status()["checkoutURL"] == page["url"]
    assert (office.phase(), office.condition("Ready")) == ("Pending", ("False", "AwaitingCheckout"))
    assert office.status()["seats"] == 0
    await till.pay_page()
    await office.hear_news()
    assert (office.phase(), office.status()["seats"], till.seats()) == ("Active", 5, 5)
    assert "checkoutURL" not in office.status()


async def test_a_page_that_was_paid_is_found_without_news(office: Office, till: Shop) -> None:
    office.tenant()
    office.team()
    await office.settle()
    await till.pay_page()
    await office.resync()
    assert (office.phase(), till.seats()) == ("Active", 5)


async def test_a_page_that_expires_is_followed_by_another(office: Office, till: Shop) -> None:
    office.tenant()
    office.team()
    await office.settle()
    (first,) = till.pages()
    await office.pass_time(days=1, seconds=1)
    (second,) = till.pages()
    assert first["id"] != second["id"]
    assert office.status()["checkoutURL"] == second["url"]
    assert len(till.pages("expired")) == 1


async def test_a_page_shows_the_seats_that_are_wanted_now(office: Office, till: Shop) -> None:
    office.tenant()
    office.team()
    await office.settle()
    office.team(seats=8)
    await office.settle()
    await till.pay_page()
    await office.hear_news()
    assert (till.seats(), till.billed(), office.status()["seats"]) == (8, [8 * SEAT], 8)


async def test_a_trial_costs_nothing_until_it_ends(office: Office, till: Shop) -> None:
    office.tenant()
    await office.settle()
    await till.give_card()
    office.team(collection="ChargeAutomatically", trial={"days": 14})
    await office.settle()
    assert (office.phase(), till.billed()) == ("Trialing", [])
    assert office.condition("Trialing") == ("True", "TrialRunning")
    assert office.status()["trialEndsAt"] == "2027-03-15T12:00:00Z"
    await office.pass_time(days=12)
    assert office.condition("Trialing") == ("True", "TrialEnding")
    await office.pass_time(days=2, seconds=2)
    await office.pass_time(seconds=3700)
    await office.hear_news()
    assert (office.phase(), till.billed()) == ("Active", [5 * SEAT])
    assert office.condition("Trialing") is None


async def test_a_price_can_be_named_by_its_lookup_key(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="SendInvoice", plan={"name": "team", "lookupKey": "dearer"})
    await office.settle()
    assert till.billed() == [5 * DEARER]


async def test_a_price_that_is_misspelt_is_told_and_heals(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="SendInvoice", plan={"name": "team", "lookupKey": "mnoth"})
    await office.settle()
    assert office.condition("BillingSynced") == ("False", "InvalidPrice")
    office.team(collection="SendInvoice", plan={"name": "team", "lookupKey": "month"})
    await office.settle()
    assert (till.seats(), office.phase()) == (5, "Active")


async def test_the_plan_says_seats_and_price(office: Office, till: Shop) -> None:
    plan = "seats: 7\nprices:\n  month:\n    lookupKey: month\n  year:\n    lookupKey: year\n"
    office.api.put(config_map_path(NAMESPACE, "seatwarden-plans"), config_map({"team": plan}))
    await office.plans.look()
    office.tenant()
    office.team(collection="SendInvoice", seats=None, plan={"name": "team"})
    await office.settle()
    assert (till.seats(), till.billed(), office.status()["seats"]) == (7, [7 * SEAT], 7)
    dearer = plan.replace("lookupKey: month", "lookupKey: dearer")
    office.api.put(config_map_path(NAMESPACE, "seatwarden-plans"), config_map({"team": dearer}))
    await office.plans.look()
    await office.settle()
    assert till.subscription()["items"]["data"][0]["price"]["id"] == till.prices["dearer"]
    assert sum(till.billed()) == 7 * DEARER


def config_map(data: dict[str, str]) -> Body:
    return {
        "kind": "ConfigMap",
        "metadata": {"name": "seatwarden-plans", "namespace": NAMESPACE},
        "data": data,
    }
