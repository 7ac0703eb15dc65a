"""A year of one Subscription: payments that fail and come, changes in Git and in the dashboard, and an operator that often looks
away.

After every look of the operator, phase, seats and end are those of the reference model, and nothing is left to do.
"""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.billing.phases import row_of
from seatwarden.domain.billing.standing import account_of, bought_seats, unpaid, valid_until
from seatwarden.domain.billing.subscriptions import plan
from seatwarden.domain.billing.told import billing_told
from seatwarden.domain.billing.wanted import wanted
from seatwarden.domain.plans import PriceRef, Terms
from seatwarden.resources.subscription import (
    Cancel,
    Downgrade,
    DriftPolicy,
    Phase,
    Subscription,
    SubscriptionStatus,
)
from tests.domain import objects
from tests.domain.billing.reference import Reference, Spec
from tests.domain.billing.stripe_account import CUSTOMER, MONTHLY, StripeAccount
from tests.domain.billing.wishes import CLUSTER, NOON, converge

DAY = timedelta(days=1)
TENANT = objects.tenant(spec={"billing": {"provider": "Stripe"}})


class Year:
    """The decisions at work on an account, and the reference beside them."""

    def __init__(self, downgrade: Downgrade, policy: DriftPolicy) -> None:
        self.spec = Spec(downgrade=downgrade, policy=policy)
        self.account = StripeAccount(now=NOON)
        self.reference = Reference(spec=self.spec, now=NOON)
        self.status = SubscriptionStatus()

    def resource(self) -> Subscription:
        """The Subscription as the API server has it."""
        spec: dict[str, Any] = {
            "plan": {"name": "team", "priceID": MONTHLY.id},
            "collection": "ChargeAutomatically",
            "downgrade": self.spec.downgrade.value,
            "driftPolicy": self.spec.policy.value,
        }
        if self.spec.cancel is not None:
            spec["cancel"] = self.spec.cancel.value
        return objects.subscription(seats=self.spec.seats, spec=spec, status=self.status.wire())

    def pass_days(self, days: float) -> None:
        """Time passes in both."""
        instant = self.account.now + days * DAY
        self.account.pass_until(instant)
        self.reference.pass_until(instant)

    def look(self, *, twice: bool) -> None:
        """The operator looks, does what is to be done, and writes the status."""
        terms = Terms(plan="team", seats=self.spec.seats, price=PriceRef(price=MONTHLY.id))
        wish = wanted(self.resource(), cluster=CLUSTER, customer=CUSTOMER, terms=terms, price=MONTHLY)
        before = len(self.account.charges)
        step = converge(self.account, wish, twice=twice)
        assert len(self.account.charges) <= before + 1, "nothing is billed twice"
        told = billing_told(wish, step)
        self.status = SubscriptionStatus(
            stripe=told.stripe, current_period=told.current_period, trial_ends_at=told.trial_ends_at
        )
        self.reference.look()
        assert plan(wish, self.account.seen(), self.account.now).call is None
        assert len(self.account.alive()) <= 1

    def compare(self) -> None:
        """What pools would do, and what the reference says that they should."""
        found, now = self.resource(), self.account.now
        account = account_of(found)
        assert account is not None
        row = row_of(account, now)
        assert row.phase is self.reference.phase()
        assert (unpaid(found, now) is None) is (row.phase in {Phase.ACTIVE, Phase.PAST_DUE})
        if row.phase not in {Phase.PENDING, Phase.CANCELED}:
            assert bought_seats(found, TENANT, now) == self.reference.seats()
            assert valid_until(found, TENANT) == self.reference.valid_until()

    def do(self, event: str, number: int) -> None:
        """One thing that happens in the world."""
        names = [each.id for each in self.account.alive()]
        match event:
            case "seats":
                self.spec.seats = number
            case "cancel":
                self.spec.cancel = (None, None, *Cancel)[number % 4]
            case "card fails":
                self.account.card_works = False
                self.reference.card_fails()
            case "card works":
                self.account.pay_what_is_open()
                self.reference.card_works()
            case "edit seats" if names:
                self.account.edit(names[0], quantity=number)
                self.reference.edited(number)
            case "edit end" if names and self.reference.phase() is not Phase.PENDING:
                self.account.edit(names[0], cancel_at_period_end=number % 2 == 0)
                self.reference.end_edited(number % 2 == 0)
            case "end there" if names and number > 6:
                self.account.end_in_dashboard(names[0])
                self.reference.ended_there()
            case _:
                pass


EVENTS = st.tuples(
    st.sampled_from(
        ["seats", "seats", "cancel", "card fails", "card works", "edit seats", "edit end", "end there", ""]
    ),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.2, 1.0, 3.5, 8.0, 12.0, 31.0]),
    st.sampled_from(["look", "look", "look twice", "look away"]),
)


@given(st.lists(EVENTS, min_size=1, max_size=40), st.sampled_from(Downgrade), st.sampled_from(DriftPolicy))
def test_a_year_of_money(
    events: list[tuple[str, int, float, str]], downgrade: Downgrade, policy: DriftPolicy
) -> None:
    year = Year(downgrade, policy)
    year.look(twice=False)
    for event, number, days, operator in events:
        year.do(event, number)
        if operator != "look away":
            year.look(twice=operator == "look twice")
            year.compare()
        year.pass_days(days)
    year.look(twice=True)
    year.compare()
