"""What a Stripe account holds: objects as Stripe shows them, a clock, and switches for tests.

Objects are plain dicts with the fields of https://docs.stripe.com/api. All changes go through `add`, `edit` and `drop`, which
tell of them by events and to the search index.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import orjson

from tests.stripe.clock import DAY, Clock
from tests.stripe.refusals import missing

Thing = dict[str, Any]
Copied = TypeVar("Copied")
EVENTS_KEPT_SECONDS = 30 * DAY
"""How long Stripe's API tells of an event."""
_SEARCH_REMEMBERS_SECONDS = 3600
DECLINED_CARD = "pm_card_chargeCustomerFail"
"""A test card that can be attached, and is declined when it is charged."""
SEARCHED = frozenset({"customer", "subscription"})
_PREFIXES = {
    "customer": "cus",
    "product": "prod",
    "price": "price",
    "coupon": "coupon",
    "promotion_code": "promo",
    "discount": "di",
    "payment_method": "pm",
    "subscription": "sub",
    "subscription_item": "si",
    "invoice": "in",
    "line_item": "il",
    "checkout.session": "cs_test",
    "billing_portal.session": "bps",
    "test_helpers.test_clock": "clock",
    "event": "evt",
}


class Outcome(StrEnum):
    """What becomes of a subscription whose invoice cannot be collected, as the account's settings say."""

    CANCEL = "canceled"
    UNPAID = "unpaid"
    STAY = "past_due"


@dataclass(slots=True)
class Switches:
    """How the account behaves. Days are counted from one try of a payment to the next."""

    search_delay_seconds: int = 60
    """How old a change must be until search finds it. Stripe says: under normal conditions less than a minute."""
    retry_days: tuple[int, ...] = (3, 5, 7)
    outcome: Outcome = Outcome.CANCEL
    """After the last retry."""
    overdue_days: int | None = None
    """After so many days past its due date an invoice that was sent has that outcome too; None for never."""


@dataclass(slots=True)
class Request:
    """The request that is being answered."""

    identity: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class Account:
    """See the module."""

    clock: Clock
    switches: Switches = field(default_factory=Switches)
    tables: dict[str, dict[str, Thing]] = field(default_factory=lambda: defaultdict(dict))
    clocks: dict[str, Clock] = field(default_factory=dict)
    """Of the test clocks."""
    cards: dict[str, str] = field(default_factory=dict)
    """By payment method: the test card that it was made from."""
    declines: set[str] = field(default_factory=set)
    """Customers whose bank refuses to be charged, whatever their card."""
    pending_lines: dict[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))
    """By subscription: prorations that wait for the next invoice."""
    begins: dict[str, Thing] = field(default_factory=dict)
    """By checkout session: the parameters that it was made with."""
    bills: dict[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))
    """By subscription: its invoices, the oldest first."""
    told: list[Callable[[Thing], None]] = field(default_factory=list)
    """Who hears of each event."""
    changed: dict[str, list[tuple[int, Thing]]] = field(default_factory=lambda: defaultdict(list))
    """By id: what an object was after each change that search can find, with the account's time."""
    request: Request = field(default_factory=Request)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, kind: str) -> str:
        """An id that nothing had before."""
        return f"{_PREFIXES[kind]}_{next(self._numbers):014d}"

    def clock_of(self, thing: Thing) -> Clock:
        """The clock that an object lives by: its test clock, or the account's."""
        return self.clocks.get(thing.get("test_clock") or "", self.clock)

    def find(self, kind: str, identity: str, param: str = "id", *, status: int = 404) -> Thing:
        """The object with that id. Raises Stripe's resource_missing."""
        found = self.tables[kind].get(identity)
        if found is None:
            raise missing(kind.replace("_", " "), identity, param, status=status)
        return found

    def all(self, kind: str) -> list[Thing]:
        """Of a kind, the newest first."""
        return list(reversed(self.tables[kind].values()))

    def add(self, thing: Thing, event: str | None = None) -> Thing:
        """Keep a new object."""
        self.tables[thing["object"]][thing["id"]] = thing
        self._look(thing)
        if event:
            self.tell(event, thing)
        return thing

    def edit(self, thing: Thing, event: str | None, changes: Thing) -> Thing:
        """Change fields of an object; ``event`` is told where any of them is another now."""
        before = {name: copied(thing[name]) for name, value in changes.items() if thing[name] != value}
        thing.update(changes)
        if before:
            self._look(thing)
            if event:
                self.tell(event, thing, before)
        return thing

    def drop(self, thing: Thing, event: str) -> None:
        """Take an object away."""
        del self.tables[thing["object"]][thing["id"]]
        self.tell(event, thing)

    def tell(self, event: str, thing: Thing, before: Thing | None = None) -> None:
        """Let the world hear of ``thing`` as it is now."""
        data: Thing = {"object": copied(thing)}
        if before is not None:
            data["previous_attributes"] = before
        told: Thing = {
            "id": self.new_id("event"),
            "object": "event",
            "api_version": None,
            "created": self.clock_of(thing).now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request.identity, "idempotency_key": self.request.idempotency_key},
            "type": event,
        }
        self.tables["event"][told["id"]] = told
        self._forget_old_events()
        for hear in self.told:
            hear(told)

    def _forget_old_events(self) -> None:
        events = self.tables["event"]
        while (oldest := next(iter(events.values())))["created"] < self.clock.now - EVENTS_KEPT_SECONDS:
            del events[oldest["id"]]

    def _look(self, thing: Thing) -> None:
        if thing["object"] in SEARCHED:
            seen = self.changed[thing["id"]]
            seen.append((self.clock.now, copied(thing)))
            # Of what search knows by now, only the last is ever looked at again.
            horizon = self.clock.now - max(self.switches.search_delay_seconds, _SEARCH_REMEMBERS_SECONDS)
            while len(seen) > 1 and seen[1][0] <= horizon:
                del seen[0]


def copied(thing: Copied) -> Copied:
    """A copy that shares nothing. All that Stripe says is JSON, which is copied so ten times faster than otherwise."""
    copy: Copied = orjson.loads(orjson.dumps(thing))
    return copy


def with_metadata(kept: dict[str, str], given: dict[str, str] | str | None) -> dict[str, str]:
    """Metadata after a change: keys are added, those with an empty value removed, and an empty text removes all."""
    if given is None:
        return dict(kept)
    if isinstance(given, str):
        return {}
    return {key: value for key, value in (kept | given).items() if value != ""}


def listed(things: list[Thing], url: str, *, has_more: bool = False) -> Thing:
    """A list as Stripe shows it."""
    return {"object": "list", "data": things, "has_more": has_more, "url": url}
