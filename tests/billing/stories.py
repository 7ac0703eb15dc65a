"""What happens to customers from their first day on, told once and then again with an operator that dies at some call of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import Shop

Story = Callable[[Office, Shop], Awaitable[None]]
CARD: dict[str, Any] = {"collection": "ChargeAutomatically"}
INVOICE: dict[str, Any] = {"collection": "SendInvoice"}


async def _write(office: Office, **spec: Any) -> None:
    office.team(**spec)
    await office.settle()


async def _customer(office: Office, **spec: Any) -> None:
    office.tenant(**spec)
    await office.settle()


async def more_and_fewer_seats(office: Office, till: Shop) -> None:
    """Charged to a card, with an address that the first call does not have."""
    await _customer(office, displayName="Acme Robotics", contactEmail="it@acme.invalid")
    await till.give_card()
    await _write(office, **CARD)
    till.pass_time(days=10)
    await _write(office, **CARD, seats=8)
    await _write(office, **CARD, seats=3)
    await _write(office, **CARD, seats=12)


async def by_page(office: Office, till: Shop) -> None:
    """The first page expires, the second shows other seats than are wanted, and the third is paid."""
    office.team()
    await _customer(office)
    await office.pass_time(days=1, seconds=2)
    await _write(office, seats=7)
    await till.pay_page()
    await office.hear_news()
    await _write(office, seats=9)


async def without_a_card(office: Office, till: Shop) -> None:
    """The first calls are refused."""
    office.team(**CARD)
    await _customer(office)
    await office.pass_time(seconds=301)
    await till.give_card()
    await office.hear_news()


async def a_trial_and_a_coupon(office: Office, till: Shop) -> None:
    """A trial becomes longer, its seats more, and then it is paid."""
    await _customer(office)
    await till.give_card()
    await till.calls.coupons.create_async({"id": "HALF", "percent_off": 50, "duration": "once"})
    await _write(office, **CARD, trial={"days": 14})
    await _write(office, **CARD, trial={"days": 20}, seats=6, coupon="HALF")
    await office.pass_time(days=21)
    await office.hear_news()


async def ends_and_beginnings(office: Office, till: Shop) -> None:
    """An end that is taken back, one at once, and another beginning."""
    office.team(**INVOICE)
    await _customer(office)
    await _write(office, **INVOICE, cancel="AtPeriodEnd")
    await _write(office, **INVOICE)
    await _write(office, **INVOICE, cancel="Immediately")
    till.pass_time(days=1)
    await _write(office, **INVOICE)


async def edits_that_are_healed(office: Office, till: Shop) -> None:
    """Somebody edits what the spec says otherwise, and it takes another price at the end."""
    office.team(**INVOICE, driftPolicy="Heal")
    await _customer(office)
    await till.edit_seats(9)
    await office.resync()
    await till.edit(cancel_at_period_end=True, pause_collection={"behavior": "void"})
    await office.resync()
    await _write(office, **INVOICE, driftPolicy="Heal", plan={"name": "team", "lookupKey": "dearer"}, seats=6)


async def taken_over(office: Office, till: Shop) -> None:
    """A customer with a subscription is there already, and both go on to others in the end."""
    there = await till.calls.customers.create_async({"name": "Old", "email": "old@acme.invalid"})
    items = [{"price": till.prices["month"], "quantity": 2}]
    wanted = {"customer": there.id, "items": items, "collection_method": "send_invoice", "days_until_due": 30}
    await till.calls.subscriptions.create_async(wanted)
    billing = {"provider": "Stripe", "stripe": {"customerID": there.id}}
    office.team(**INVOICE)
    await _customer(office, billing=billing)
    office.delete(TEAM)
    await office.settle()
    office.delete(ACME)
    await office.settle()
    office.team(**INVOICE)
    await _customer(office, billing=billing)


async def gone_for_good(office: Office, till: Shop) -> None:
    """All is deleted, at Stripe too, and begins again under the same names."""
    office.team(**INVOICE)
    await _customer(office, deletionPolicy="Delete")
    office.delete(TEAM)
    office.delete(ACME)
    await office.settle()
    till.pass_time(days=1)
    office.team(**INVOICE)
    await _customer(office)


async def a_payment_that_is_late(office: Office, till: Shop) -> None:
    """The second payment comes after the grace."""
    await _customer(office)
    await till.give_card()
    await _write(office, **CARD)
    till.server.account.declines.add(till.customer()["id"])
    await office.pass_time(days=31)
    await office.pass_time(seconds=3700)
    await office.hear_news()
    await office.pass_time(days=7)
    await till.pay_debts()
    await office.hear_news()


STORIES: tuple[Story, ...] = (
    more_and_fewer_seats,
    by_page,
    without_a_card,
    a_trial_and_a_coupon,
    ends_and_beginnings,
    edits_that_are_healed,
    taken_over,
    gone_for_good,
    a_payment_that_is_late,
)
