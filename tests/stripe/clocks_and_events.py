"""Test clocks and events, as Stripe's API has them: https://docs.stripe.com/api/test_clocks."""

from tests.stripe.account import EVENTS_KEPT_SECONDS, Account, Thing, copied
from tests.stripe.clock import DAY, Clock
from tests.stripe.customers import delete_customer
from tests.stripe.pages import PAGE, page, within
from tests.stripe.refusals import StripeRefusal
from tests.stripe.routes import Given, serves

_DELETED_AFTER_SECONDS = 30 * DAY


@serves("POST /v1/test_helpers/test_clocks", "frozen_time name")
def create_test_clock(account: Account, given: Given) -> Thing:
    """Time of its own for the customers that are made with it."""
    clock: Thing = {
        "id": account.new_id("test_helpers.test_clock"),
        "object": "test_helpers.test_clock",
        "created": account.clock.now,
        "deletes_after": account.clock.now + _DELETED_AFTER_SECONDS,
        "frozen_time": given["frozen_time"],
        "livemode": False,
        "name": given.get("name"),
        "status": "ready",
        "status_details": {},
    }
    account.clocks[clock["id"]] = Clock(given["frozen_time"])
    return account.add(clock)


@serves("GET /v1/test_helpers/test_clocks/{test_clock}")
def read_test_clock(account: Account, _given: Given, identity: str) -> Thing:
    """The clock, with its time."""
    return account.find("test_helpers.test_clock", identity)


@serves("POST /v1/test_helpers/test_clocks/{test_clock}/advance", "frozen_time")
def advance_test_clock(account: Account, given: Given, identity: str) -> Thing:
    """On the way to that time. At Stripe that takes seconds; here it is there at the next look."""
    clock = account.find("test_helpers.test_clock", identity)
    until = given["frozen_time"]
    if until <= clock["frozen_time"]:
        raise StripeRefusal("Invalid timestamp: must be in the clock's future.", param="frozen_time")
    account.clocks[identity].advance_to(until)
    account.edit(clock, None, {"frozen_time": until})
    advancing = {"target_frozen_time": until}
    return copied(clock) | {"status": "advancing", "status_details": {"advancing": advancing}}


@serves("DELETE /v1/test_helpers/test_clocks/{test_clock}")
def delete_test_clock(account: Account, _given: Given, identity: str) -> Thing:
    """Gone, with its customers."""
    account.find("test_helpers.test_clock", identity)
    for customer in account.all("customer"):
        if customer.get("test_clock") == identity:
            delete_customer(account, {}, customer["id"])
    del account.tables["test_helpers.test_clock"][identity]
    return {"id": identity, "object": "test_helpers.test_clock", "deleted": True}


@serves("GET /v1/events/{event}")
def read_event(account: Account, _given: Given, identity: str) -> Thing:
    """The event."""
    return account.find("event", identity)


@serves("GET /v1/events", f"{PAGE} type types created created.*")
def list_events(account: Account, given: Given) -> Thing:
    """Of the last thirty days, the newest first."""
    since = account.clock.now - EVENTS_KEPT_SECONDS
    wanted = [
        one
        for one in account.all("event")
        if one["created"] >= since
        and given.get("type", one["type"]) == one["type"]
        and one["type"] in given.get("types", [one["type"]])
        and within(one["created"], given.get("created"))
    ]
    return page(wanted, given, "/v1/events")
