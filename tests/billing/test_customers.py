"""A Tenant as a customer at Stripe: made once, taken over, named anew, and left alone where it is another's."""

from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import Shop
from tests.domain.objects import uid_of
from tests.stripe.faults import Fault


def named(customer: str) -> dict[str, object]:
    return {"provider": "Stripe", "stripe": {"customerID": customer}}


async def test_a_customer_is_made_with_the_name_and_address_of_the_tenant(office: Office, till: Shop) -> None:
    office.tenant(displayName="Acme Robotics", contactEmail="it@acme.invalid")
    await office.settle()
    made = till.customer()
    assert (made["name"], made["email"]) == ("Acme Robotics", "it@acme.invalid")
    assert office.status(ACME)["stripe"] == {"customerID": made["id"]}
    assert made["metadata"]["seatwarden.dev/uid"] == uid_of("acme")


async def test_a_customer_is_named_anew(office: Office, till: Shop) -> None:
    office.tenant()
    await office.settle()
    office.tenant(displayName="Acme Robotics", contactEmail="new@acme.invalid")
    await office.settle()
    assert (till.customer()["name"], till.customer()["email"]) == ("Acme Robotics", "new@acme.invalid")


async def test_a_customer_that_is_there_is_taken_over(office: Office, till: Shop) -> None:
    there = await till.calls.customers.create_async({"name": "Old name", "email": "old@acme.invalid"})
    office.tenant(billing=named(there.id), displayName="Acme")
    await office.settle()
    assert (till.customer()["name"], till.customer()["email"]) == ("Acme", "old@acme.invalid")
    assert office.condition("BillingReady", ACME) == ("True", "Succeeded")


async def test_who_names_the_customer_of_an_older_tenant_is_told_and_changes_nothing(
    office: Office, till: Shop
) -> None:
    older = office.tenant("acme")
    await office.settle()
    name = till.customer()["name"]
    await office.pass_time(seconds=60)
    younger = office.tenant("upstart", billing=named(till.customer()["id"]))
    await office.settle()
    assert office.condition("BillingReady", younger) == ("False", "CustomerConflict")
    assert office.condition("BillingReady", older) == ("True", "Succeeded")
    assert till.customer()["name"] == name
    office.team("theirs", tenantRef={"name": "upstart"}, collection="SendInvoice")
    await office.settle()
    assert not till.subscriptions()


async def test_a_customer_that_does_not_exist_is_told(office: Office, till: Shop) -> None:
    office.tenant(billing=named("cus_nobody"))
    await office.settle()
    assert office.condition("BillingReady", ACME) == ("False", "CustomerNotFound")
    assert not till.customers()


async def test_who_has_begun_to_pay_pays_on_where_the_tenant_is_another_customer(
    office: Office, till: Shop
) -> None:
    office.tenant()
    office.team(collection="SendInvoice")
    await office.settle()
    other = await till.calls.customers.create_async({"name": "Other"})
    office.tenant(billing=named(other.id))
    await office.settle()
    assert office.status(ACME)["stripe"]["customerID"] == other.id
    office.team(collection="SendInvoice", seats=6)
    await office.settle()
    assert till.seats() == 6
    assert till.subscription()["customer"] != other.id
    assert office.condition("BillingSynced") == ("True", "Succeeded")
    office.delete(TEAM)
    await office.settle()
    assert not till.subscription()["metadata"]


async def test_what_ended_with_a_deleted_customer_does_not_begin_again_by_itself(
    office: Office, till: Shop
) -> None:
    office.tenant()
    office.team(collection="SendInvoice")
    await office.settle()
    await till.calls.customers.delete_async(till.customer()["id"])
    await office.hear_news()
    await office.pass_time(days=2)
    assert [one["status"] for one in till.subscriptions()] == ["canceled"]
    assert office.condition("Ready") == ("False", "SubscriptionEnded")


async def test_a_customer_that_was_deleted_at_stripe_is_made_anew(office: Office, till: Shop) -> None:
    office.tenant()
    await office.settle()
    first = till.customer()["id"]
    await till.calls.customers.delete_async(first)
    await office.hear_news()
    assert till.customer()["id"] != first
    assert office.status(ACME)["stripe"]["customerID"] == till.customer()["id"]


async def test_a_link_to_the_portal_is_in_a_secret_and_nowhere_else(office: Office, till: Shop) -> None:
    office.tenant()
    await office.settle()
    office.annotate(ACME, portal_link_requested_at="now")
    await office.settle()
    (portal,) = till.server.account.tables["billing_portal.session"].values()
    assert office.secret("acme-portal-link") == {"url": portal["url"]}
    assert office.status(ACME)["lastHandledPortalLinkAt"] == "now"
    office.restart()
    await office.settle()
    assert len(till.server.account.tables["billing_portal.session"]) == 1
    elsewhere = [body for path, body in office.api.objects.items() if "portal-link" not in path]
    assert portal["url"] not in str(elsewhere)
    office.annotate(ACME, portal_link_requested_at="again")
    await office.settle()
    latest = list(till.server.account.tables["billing_portal.session"].values())[-1]
    assert office.secret("acme-portal-link") == {"url": latest["url"]}


async def test_a_tenant_that_goes_leaves_its_customer_to_another(office: Office, till: Shop) -> None:
    office.tenant()
    await office.settle()
    office.delete(ACME)
    await office.settle()
    assert not till.customer()["metadata"]
    office.tenant("heir", billing=named(till.customer()["id"]))
    await office.settle()
    assert till.customer()["metadata"]["seatwarden.dev/uid"] == uid_of("heir")


async def test_a_tenant_that_goes_takes_its_customer_with_it_where_it_says_so(
    office: Office, till: Shop
) -> None:
    office.tenant(deletionPolicy="Delete")
    office.team(collection="SendInvoice")
    await office.settle()
    office.delete(TEAM)
    office.delete(ACME)
    await office.settle()
    assert not till.customers()
    assert [one["status"] for one in till.subscriptions()] == ["canceled"]
    assert office.status_of_all() == []


async def test_a_person_can_have_stripe_looked_at(office: Office, till: Shop) -> None:
    office.tenant(displayName="Acme")
    office.team(collection="SendInvoice", driftPolicy="Heal")
    await office.settle()
    await till.calls.customers.update_async(till.customer()["id"], {"name": "Somebody"})
    await till.edit_seats(9)
    office.annotate(ACME, reconcile_requested_at="now")
    office.annotate(TEAM, reconcile_requested_at="now")
    await office.settle()
    assert (till.customer()["name"], till.seats()) == ("Acme", 5)


async def test_stripe_away_is_told_and_passes(office: Office, till: Shop) -> None:
    till.server.faults.fail(Fault.ERROR_BEFORE, times=1)
    office.tenant()
    await office.settle()
    assert office.condition("BillingReady", ACME) == ("False", "BillingAway")
    await office.pass_time(seconds=31)
    assert office.condition("BillingReady", ACME) == ("True", "Succeeded")
