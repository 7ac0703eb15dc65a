"""What tests want of Stripe, and how it is brought about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from seatwarden.domain.billing.facts import Collection, StripeStatus, SubscriptionFacts
from seatwarden.domain.billing.subscriptions import Step, plan
from seatwarden.domain.billing.wanted import Wanted
from seatwarden.resources.subscription import CollectionMethod
from tests.domain.billing.stripe_account import CUSTOMER, MONTH, MONTHLY, StripeAccount

OWNER, CLUSTER = "uid-team", "cluster-1"
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MOST_STEPS = 12
_WANTED = Wanted(
    owner=OWNER,
    cluster=CLUSTER,
    customer=CUSTOMER,
    price=MONTHLY,
    seats=5,
    collection=CollectionMethod.CHARGE_AUTOMATICALLY,
)


def wish(**changes: Any) -> Wanted:
    """Five seats by the month, charged automatically, but for ``changes``."""
    return replace(_WANTED, **changes)


def converge(account: StripeAccount, wanted: Wanted, *, twice: bool = False) -> Step:
    """Ask and do until nothing is to be done; ``twice`` repeats every call, as after an answer that was lost."""
    step = plan(wanted, account.seen(), account.now)
    for _ in range(MOST_STEPS):
        if step.call is None:
            return step
        account.call(step.call)
        if twice:
            account.call(step.call)
        step = plan(wanted, account.seen(), account.now)
    raise AssertionError(f"still wants {step.call} after {MOST_STEPS} steps")


def begun(**changes: Any) -> tuple[StripeAccount, Wanted]:
    """An account in which what `wish` wants has begun at noon."""
    account, wanted = StripeAccount(now=NOON), wish(**changes)
    converge(account, wanted)
    return account, wanted


def subscription(name: str = "sub_x", **changes: Any) -> SubscriptionFacts:
    """One that is active since noon, of nobody."""
    facts = SubscriptionFacts(
        id=name,
        customer=CUSTOMER,
        owner=None,
        cluster=None,
        status=StripeStatus.ACTIVE,
        item=f"si_{name}",
        price=MONTHLY,
        quantity=5,
        created=NOON,
        period_start=NOON,
        period_end=NOON + MONTH,
        collection=Collection.CHARGE_AUTOMATICALLY,
    )
    return replace(facts, **changes)


def account_with(*subscriptions: SubscriptionFacts) -> StripeAccount:
    """An account that has these at noon."""
    return StripeAccount(now=NOON, subscriptions={each.id: each for each in subscriptions})
