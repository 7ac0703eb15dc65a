"""What the operator asks of Stripe, and how often: nothing where nothing is to be known."""

import re
from pathlib import Path
from typing import Any

from seatwarden.reconcilers.engine import Cause
from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import Shop

INVOICE: dict[str, Any] = {"collection": "SendInvoice"}
PAGE = Path(__file__).parents[2] / "docs" / "billing.md"
MANY = 150


async def bought(office: Office, till: Shop) -> None:
    """All that can be converged: a trial, a page, and a subscription that is paid."""
    office.tenant(displayName="Acme", contactEmail="it@acme.invalid")
    office.team(**INVOICE)
    office.team("tried", **INVOICE, trial={"days": 14})
    office.team("page")
    await office.settle()


async def test_a_restart_asks_nothing_and_writes_nothing(office: Office, till: Shop) -> None:
    await bought(office, till)
    calls, writes = len(till.server.heard), office.api.written
    office.restart()
    await office.settle()
    assert (len(till.server.heard), office.api.written) == (calls, writes)


async def test_an_hour_of_runs_asks_nothing_and_writes_nothing(office: Office, till: Shop) -> None:
    await bought(office, till)
    calls, writes = len(till.server.heard), office.api.written
    for minute in range(60):
        await office.pass_time(seconds=60)
        for key in (ACME, TEAM):
            office.add(key, Cause.COUNTS)
        if minute % 10 == 0:
            for key in list(office.due):
                office.add(key, Cause.RESYNC)
        await office.settle()
    assert (len(till.server.heard), office.api.written) == (calls, writes)


async def test_a_day_asks_for_each_once(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(**INVOICE)
    await office.settle()
    office.restart()
    calls = len(till.server.heard)
    for _ in range(48):
        await office.pass_time(seconds=1800)
    assert len(till.server.heard) - calls == 4, "the customer, its subscriptions and pages, and the price"


async def test_what_is_refused_is_not_tried_without_end(office: Office, till: Shop) -> None:
    office.tenant()
    office.team(collection="ChargeAutomatically")
    await office.settle()
    calls = len(till.server.heard)
    for _ in range(120):
        await office.pass_time(seconds=30)
    assert len(till.server.heard) - calls <= 12 * 4, "every five minutes, with the price"


async def test_a_restart_with_many_subscriptions_is_two_pages_of_a_list(office: Office, till: Shop) -> None:
    for number in range(MANY):
        tenant = office.tenant(f"tenant-{number % 15}")
        office.team(f"team-{number}", **INVOICE, tenantRef={"name": tenant.name})
    await office.settle()
    assert len(till.subscriptions()) == MANY
    writes = office.api.written
    office.restart()
    await office.settle()
    before = till.server.counts()
    await office.resync()
    assert till.server.counts() - before == {"GET /v1/subscriptions": 2}
    assert office.api.written == writes


async def test_the_calls_from_nothing_to_a_customer_and_to_a_subscription_are_as_the_page_says(
    office: Office, till: Shop
) -> None:
    told = re.search(
        r"A Tenant takes (\d+) calls .*, (\d+) with a display name or an address, and each Subscription\s(\d+)",
        PAGE.read_text(),
    )
    assert told is not None
    start = len(till.server.heard)
    office.tenant()
    await office.settle()
    plain = customer = len(till.server.heard)
    other = office.tenant("other", displayName="Other", contactEmail="it@other.invalid")
    await office.settle()
    assert len(till.server.heard) - customer == int(told[2])
    customer = len(till.server.heard)
    office.team("first", **INVOICE)
    await office.settle()
    subscription = len(till.server.heard)
    office.team("second", **INVOICE, tenantRef={"name": other.name})
    await office.settle()
    assert plain - start == int(told[1])
    # The price is read once for all.
    assert subscription - customer - 1 == len(till.server.heard) - subscription == int(told[3])
