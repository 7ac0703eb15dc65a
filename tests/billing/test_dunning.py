"""Payments that fail and come, an operator without a key, and Stripe away."""

from collections.abc import Callable

import pytest

from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import Kind
from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import SEAT, Shop
from tests.domain.objects import subscription_body
from tests.stripe.faults import Fault

MONTH, HOUR = 31, 3700


async def charged(office: Office, till: Shop) -> None:
    """Five seats, charged to a card that has money."""
    office.tenant()
    await office.settle()
    await till.give_card()
    office.team(collection="ChargeAutomatically")
    await office.settle()
    assert office.phase() == "Active"


async def renewal_fails(office: Office, till: Shop) -> None:
    """The bank refuses the payment of the second period."""
    till.server.account.declines.add(till.customer()["id"])
    await office.pass_time(days=MONTH)
    await office.pass_time(seconds=HOUR)
    await office.hear_news()


async def test_an_overdue_payment_has_its_grace_then_suspends_and_paying_reinstates(
    office: Office, till: Shop
) -> None:
    await charged(office, till)
    await renewal_fails(office, till)
    assert (office.phase(), office.condition("PaymentOverdue")) == ("PastDue", ("True", "PaymentOverdue"))
    assert office.condition("Ready") == ("True", "Succeeded")
    assert office.status()["seats"] == 5
    # Without any news, by the clock alone.
    await office.pass_time(days=7)
    assert (office.phase(), office.condition("Ready")) == ("Suspended", ("False", "PaymentGraceOver"))
    assert office.status()["seats"] == 5
    office.team(collection="ChargeAutomatically", seats=7)
    await office.settle()
    assert office.phase() == "Suspended"
    office.team(collection="ChargeAutomatically")
    await office.settle()
    await till.pay_debts()
    await office.hear_news()
    assert (office.phase(), office.condition("PaymentOverdue")) == ("Active", None)
    assert office.condition("Ready") == ("True", "Succeeded")
    assert office.status()["seats"] == 7, "seven were billed, and stay until the end of the period"


async def test_notices_of_the_end_of_the_grace_are_each_given_once(office: Office, till: Shop) -> None:
    await charged(office, till)
    await renewal_fails(office, till)
    for _ in range(8):
        await office.pass_time(days=1)
        office.restart()
        await office.settle()
    assert office.reasons_told().count("EndingSoon") == 3


async def test_stripe_gives_up(office: Office, till: Shop) -> None:
    await charged(office, till)
    await renewal_fails(office, till)
    for days in (3, 5, 7):
        await office.pass_time(days=days)
    await office.hear_news()
    assert [one["status"] for one in till.subscriptions()] == ["canceled"]
    assert (office.phase(), office.condition("Ready")) == ("Canceled", ("False", "SubscriptionEnded"))
    assert sum(till.billed()) == 10 * SEAT, "the second was never paid, and nothing was begun in its place"


async def test_an_invoice_that_is_sent_and_not_paid(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="SendInvoice", daysUntilDue=10)
    await office.settle()
    assert office.phase() == "Active"
    await office.pass_time(days=10, seconds=1)
    await office.hear_news()
    assert office.phase() == "PastDue"
    await office.pass_time(days=7)
    assert office.phase() == "Suspended"
    await till.pay_debts()
    await office.resync()
    assert office.phase() == "Active"


async def test_a_renewal_that_nobody_hears_of_costs_no_seat(office: Office, till: Shop) -> None:
    await charged(office, till)
    till.server.faults.fail(Fault.ERROR_BEFORE, times=100)
    await office.pass_time(days=MONTH)
    await office.pass_time(seconds=HOUR)
    assert (office.phase(), office.condition("Ready")) == ("Active", ("True", "Succeeded"))
    assert office.condition("BillingSynced") == ("False", "BillingAway")
    till.server.faults.clear()
    await office.pass_time(seconds=31)
    assert office.status()["currentPeriod"]["start"] == "2027-04-01T12:00:00Z"
    assert office.condition("BillingSynced") == ("True", "Succeeded")


async def test_who_is_away_longer_than_the_grace_ends_seats_by_the_clock(office: Office, till: Shop) -> None:
    await charged(office, till)
    till.server.faults.fail(Fault.ERROR_BEFORE, times=100)
    await office.pass_time(days=MONTH + 7, seconds=1)
    assert (office.phase(), office.condition("Ready")[1]) == ("Expired", "RenewalUnknown")  # type: ignore[index]
    till.server.faults.clear()
    await office.pass_time(seconds=31)
    assert office.phase() == "Active"


def begun_without_money(office: Office) -> None:
    """A Tenant and a Subscription for which nobody takes money."""
    office.tenant(billing={"provider": "None"})
    office.declare(Kind.SUBSCRIPTION, subscription_body())


def key_of_old_is_gone(till: Shop) -> None:
    till.server.api_key = "sk_test_another"


def stripe_is_away(till: Shop) -> None:
    till.server.faults.fail(Fault.ERROR_BEFORE, times=100)


@pytest.mark.parametrize("trouble", [stripe_is_away, key_of_old_is_gone])
async def test_seats_that_were_open_stay_open_until_stripe_was_looked_at(
    office: Office, till: Shop, trouble: Callable[[Shop], None]
) -> None:
    begun_without_money(office)
    await office.settle()
    trouble(till)
    office.tenant()
    office.team(collection="SendInvoice")
    await office.settle()
    for _ in range(3):
        await office.pass_time(days=2)
        assert (office.phase(), office.status()["seats"]) == ("Active", 5)
        assert "stripe" not in office.status()
    till.server.faults.clear()
    till.server.api_key = till.key_file.read_text().strip()
    await office.pass_time(seconds=301)
    await office.pass_time(seconds=301)
    assert (office.phase(), till.seats(), office.status()["seats"]) == ("Active", 5, 5)


async def test_an_operator_without_a_key_says_so_and_leaves_seats_open(till: Shop) -> None:
    office = Office(till, has_key=False)
    begun_without_money(office)
    await office.settle()
    office.tenant()
    office.team(collection="SendInvoice")
    await office.settle()
    assert office.condition("BillingReady", ACME) == ("False", "BillingNotConfigured")
    assert (office.phase(), office.status()["seats"]) == ("Active", 5)
    office.delete(TEAM)
    office.delete(ACME)
    await office.settle()
    assert office.status_of_all() == []


async def test_an_operator_without_a_key_opens_nothing_new(till: Shop) -> None:
    office = Office(till, has_key=False)
    office.tenant()
    office.team(collection="SendInvoice")
    await office.settle()
    assert (office.phase(), office.status().get("seats")) == ("Pending", 0)


async def test_who_goes_waits_for_stripe(office: Office, till: Shop) -> None:
    office.tenant(deletionPolicy="Delete")
    office.team(collection="SendInvoice")
    await office.settle()
    till.server.faults.fail(Fault.ERROR_BEFORE, times=2)
    office.delete(TEAM)
    await office.settle()
    assert object_path(TEAM) not in office.api.objects
    assert [one["status"] for one in till.subscriptions()] == ["canceled"]
