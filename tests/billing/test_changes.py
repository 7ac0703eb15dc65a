"""What is bought changes: more and fewer seats, an end and one that is taken back, and what others do in the dashboard."""

from datetime import timedelta
from typing import Any

import pytest

from seatwarden.reconcilers.engine import Cause
from seatwarden.resources.rules import format_instant
from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import DEARER, SEAT, Shop
from tests.domain.objects import NOON, uid_of
from tests.stripe.faults import Heard

MONTH = timedelta(days=31)


async def bought(office: Office, **spec: Any) -> None:
    """Five seats for which invoices are sent."""
    office.tenant()
    office.team(**({"collection": "SendInvoice"} | spec))
    await office.settle()


async def test_more_seats_are_charged_for_the_rest_of_the_period(office: Office, till: Shop) -> None:
    await bought(office)
    till.pass_time(days=15.5)
    office.team(collection="SendInvoice", seats=9)
    await office.settle()
    assert till.billed() == [5 * SEAT, 4 * SEAT // 2]
    assert (till.seats(), office.status()["seats"]) == (9, 9)


async def test_what_is_written_while_stripe_is_asked_counts_too(office: Office, till: Shop) -> None:
    await bought(office)
    changed: list[str] = []

    def write_again(heard: Heard) -> None:
        if heard.method == "POST" and not changed:
            changed.append(heard.path)
            office.team(collection="SendInvoice", seats=12)

    begun = len(till.server.heard)
    till.server.faults.before = {begun + number: write_again for number in range(1, 20)}
    office.team(collection="SendInvoice", seats=9)
    await office.settle()
    assert changed
    assert (till.seats(), office.status()["seats"]) == (12, 12)


async def test_a_run_for_fresh_numbers_does_not_pass_over_a_spec_that_nobody_has_acted_upon(
    office: Office, till: Shop
) -> None:
    await bought(office)
    team = office.team(collection="SendInvoice", seats=9)
    office._queue.clear()
    office.add(team, Cause.COUNTS)
    await office.settle()
    assert (till.seats(), office.status()["seats"]) == (9, 9)


async def test_fewer_seats_count_from_the_next_period(office: Office, till: Shop) -> None:
    await bought(office)
    till.pass_time(days=10)
    office.team(collection="SendInvoice", seats=2)
    await office.settle()
    assert (till.seats(), till.billed(), office.status()["seats"]) == (2, [5 * SEAT], 5)
    office.team(collection="SendInvoice", seats=4)
    await office.settle()
    assert (till.seats(), till.billed(), office.status()["seats"]) == (4, [5 * SEAT], 5)
    await office.pass_time(days=22)
    assert (till.billed(), office.status()["seats"]) == ([5 * SEAT, 4 * SEAT], 4)


async def test_fewer_seats_at_once_are_credited(office: Office, till: Shop) -> None:
    await bought(office)
    till.pass_time(days=15.5)
    office.team(collection="SendInvoice", seats=1, downgrade="Immediately")
    await office.settle()
    assert (till.billed(), office.status()["seats"]) == ([5 * SEAT, -4 * SEAT // 2], 1)


async def test_a_dearer_price_is_charged_at_once(office: Office, till: Shop) -> None:
    await bought(office)
    office.team(collection="SendInvoice", plan={"name": "team", "lookupKey": "dearer"})
    await office.settle()
    assert sum(till.billed()) == 5 * DEARER


async def test_an_end_with_the_period_is_taken_back(office: Office, till: Shop) -> None:
    await bought(office)
    office.team(collection="SendInvoice", cancel="AtPeriodEnd")
    await office.settle()
    assert till.subscription()["cancel_at_period_end"]
    assert (office.phase(), office.status()["validUntil"]) == ("Active", format_instant(NOON + MONTH))
    office.team(collection="SendInvoice")
    await office.settle()
    assert not till.subscription()["cancel_at_period_end"]
    assert office.status()["validUntil"] == format_instant(NOON + MONTH + timedelta(days=7))


async def test_an_end_with_the_period_comes_and_notices_before_it(office: Office, till: Shop) -> None:
    await bought(office)
    office.team(collection="SendInvoice", cancel="AtPeriodEnd")
    await office.settle()
    for days in (2, 22, 6, 0.5):
        await office.pass_time(days=days)
        await office.pass_time(seconds=1)
    assert office.reasons_told().count("EndingSoon") == 3
    await office.pass_time(days=1)
    assert (office.phase(), office.condition("Ready")) == ("Canceled", ("False", "SubscriptionCanceled"))
    assert office.reasons_told().count("EndingSoon") == 4
    assert till.billed() == [5 * SEAT]
    office.team(collection="SendInvoice")
    await office.settle()
    assert (office.phase(), till.billed()) == ("Active", [5 * SEAT, 5 * SEAT])


async def test_an_end_at_once(office: Office, till: Shop) -> None:
    await bought(office)
    office.team(collection="SendInvoice", cancel="Immediately")
    await office.settle()
    assert [one["status"] for one in till.subscriptions()] == ["canceled"]
    assert (office.phase(), office.condition("BillingSynced")) == ("Canceled", ("True", "Succeeded"))


@pytest.mark.parametrize("found_by", ["news", "resync"])
@pytest.mark.parametrize(
    ("policy", "reason", "at_stripe", "granted"),
    # Whether more seats were paid that others set, nobody knows: they stay until the end of the period.
    [("Report", "DriftReported", 9, 5), ("Adopt", "DriftAdopted", 9, 9), ("Heal", None, 5, 9)],
)
async def test_seats_that_others_changed(
    office: Office,
    till: Shop,
    policy: str,
    reason: str | None,
    at_stripe: int,
    granted: int,
    found_by: str,
) -> None:
    await bought(office, driftPolicy=policy)
    office.events.clear()
    await till.edit_seats(9)
    await (office.hear_news() if found_by == "news" else office.resync())
    assert office.condition("Drifted") == (("True", reason) if reason else None)
    assert (till.seats(), office.status()["seats"]) == (at_stripe, granted)
    assert office.condition("BillingSynced") == ("True", "Succeeded")
    office.team(collection="SendInvoice", driftPolicy=policy, seats=6)
    await office.settle()
    assert (till.seats(), office.condition("Drifted")) == (6, None)


@pytest.mark.parametrize(
    "edit",
    [{"cancel_at_period_end": True}, {"pause_collection": {"behavior": "void"}}],
    ids=["end", "pause"],
)
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_an_edit_in_the_dashboard_is_found_without_news(
    office: Office, till: Shop, edit: dict[str, Any], restarted: bool
) -> None:
    await bought(office, driftPolicy="Heal")
    await till.edit(**edit)
    if restarted:
        office.restart()
        await office.settle()
    await office.resync()
    assert not till.subscription()["cancel_at_period_end"]
    assert till.subscription()["pause_collection"] is None


async def test_a_pause_that_is_told_of_is_looked_at_once(office: Office, till: Shop) -> None:
    await bought(office)
    await till.edit(pause_collection={"behavior": "void"})
    await office.resync()
    assert office.condition("Drifted") == ("True", "DriftReported")
    before = len(till.server.heard)
    await office.resync()
    assert len(till.server.heard) == before + 1
    await till.edit(pause_collection="")
    await office.resync()
    assert office.condition("Drifted") is None


async def test_who_goes_leaves_the_subscription_to_the_next(office: Office, till: Shop) -> None:
    await bought(office)
    office.delete(TEAM)
    await office.settle()
    assert till.subscription()["metadata"] == {}
    office.team("heir", collection="SendInvoice")
    await office.settle()
    assert till.subscription()["metadata"]["seatwarden.dev/uid"] == uid_of("heir")
    assert till.billed() == [5 * SEAT]


async def test_who_goes_ends_the_subscription_where_the_tenant_says_so(office: Office, till: Shop) -> None:
    office.tenant(deletionPolicy="Delete")
    office.team(collection="SendInvoice")
    await office.settle()
    office.delete(TEAM)
    await office.settle()
    assert [one["status"] for one in till.subscriptions()] == ["canceled"]
    assert till.customers()


async def test_who_goes_closes_the_page(office: Office, till: Shop) -> None:
    office.tenant()
    office.team()
    await office.settle()
    office.delete(TEAM)
    await office.settle()
    assert not till.pages()


async def test_a_tenant_that_is_suspended_keeps_what_was_told(office: Office, till: Shop) -> None:
    await bought(office, seats=4)
    told = office.status()
    office.tenant(suspend=True)
    await office.settle()
    office.restart()
    await office.settle()
    assert office.status() == told
    assert till.seats() == 4


async def test_who_comes_back_after_a_missing_tenant_finds_its_own(office: Office, till: Shop) -> None:
    await bought(office)
    customer = till.customer()["id"]
    office.delete(ACME)
    await office.settle()
    assert office.condition("Ready") == ("False", "TenantNotFound")
    office.tenant(billing={"provider": "Stripe", "stripe": {"customerID": customer}})
    await office.settle()
    assert (till.seats(), till.billed(), office.phase()) == (5, [5 * SEAT], "Active")
