"""Subscription: what a customer bought. Data only."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from seatwarden.resources.base import (
    Bool,
    Count,
    Echo,
    Instant,
    Int64,
    Label,
    Model,
    OneLine,
    Resource,
    Seats,
    SecretName,
    SpecModel,
    Subdomain,
)
from seatwarden.resources.conditions import Condition
from seatwarden.resources.names import DERIVING_NAME_LENGTH, Kind
from seatwarden.resources.rules import DurationBetween, Immutable, InstantText, ListMap, Matches, Rule

MAX_ENTITLEMENTS = 64
MAX_TRIAL_DAYS = 730
MAX_DAYS_UNTIL_DUE = 365
MAX_LIMIT = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""


PRICE_ID = (
    "^(price|plan)_[A-Za-z0-9_]+$",
    'must be the id of a price at Stripe, such as "price_1MoBy5"',
)
"""What ids of prices are, and what is said of others."""


class Phase(StrEnum):
    """Where a Subscription is in its life, in one word."""

    PENDING = "Pending"
    TRIALING = "Trialing"
    ACTIVE = "Active"
    PAST_DUE = "PastDue"
    SUSPENDED = "Suspended"
    CANCELED = "Canceled"
    EXPIRED = "Expired"


class Interval(StrEnum):
    """How often a plan is paid."""

    MONTH = "Month"
    YEAR = "Year"


class CollectionMethod(StrEnum):
    """How a payment begins."""

    CHECKOUT = "Checkout"
    CHARGE_AUTOMATICALLY = "ChargeAutomatically"
    SEND_INVOICE = "SendInvoice"


class Cancel(StrEnum):
    """When a Subscription is to end that is paid."""

    AT_PERIOD_END = "AtPeriodEnd"
    IMMEDIATELY = "Immediately"


class Downgrade(StrEnum):
    """From when on fewer seats, or a cheaper plan, count."""

    AT_PERIOD_END = "AtPeriodEnd"
    IMMEDIATELY = "Immediately"


class DriftPolicy(StrEnum):
    """What becomes of a change that somebody made at the payment provider."""

    HEAL = "Heal"
    ADOPT = "Adopt"
    REPORT = "Report"


class TenantRef(SpecModel):
    """The Tenant that bought this, in the same namespace."""

    name: Annotated[str, Field(max_length=DERIVING_NAME_LENGTH), Subdomain]
    """Name of the Tenant."""


class Plan(SpecModel):
    """What was bought."""

    name: Annotated[str, Field(max_length=63), Label]
    """Name of the plan, such as team. Handed to programs with the licence. What it has by default is in the ConfigMap
    seatwarden-plans of the namespace, if there is one."""
    price_id: Annotated[
        Annotated[
            str,
            Field(max_length=64),
            Matches(
                "^(price|plan)_[A-Za-z0-9_]+$", 'must be the id of a price at Stripe, such as "price_1MoBy5"'
            ),
        ]
        | None,
        Field(alias="priceID"),
    ] = None
    """Id of the price of one seat at Stripe. Without it and without lookupKey, that of the plan."""
    lookup_key: Annotated[str, Field(max_length=200), OneLine] | None = None
    """Lookup key of the price of one seat at Stripe, instead of its id."""
    interval: Interval | None = None
    """Month or Year: how often the plan is paid. A price that is paid otherwise is refused. Without it, that of the price that
    is named, and Month where the plan has both."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.priceID) && has(self.lookupKey))",
            message="must not stand beside priceID: keep one of them",
            at="lookupKey",
            holds=lambda plan: plan.price_id is None or plan.lookup_key is None,
        ),
    )


class Entitlement(SpecModel):
    """Something that the customer's programs may do. Just a name is a feature that is on."""

    name: Annotated[
        str,
        Field(max_length=63),
        Matches(
            "^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$",
            'must be letters, digits, "-", "." and "_" with a letter or digit at both ends, such as "x.pdf"',
        ),
    ]
    """Name of the feature, as the program asks for it."""
    limit: Annotated[Int64, Field(ge=0, le=MAX_LIMIT)] | None = None
    """How much of it, where it is a number. The program gives it a unit."""
    value: Annotated[str, Field(max_length=256), OneLine] | None = None
    """Which kind of it, where it is a word."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.limit) && has(self.value))",
            message="must not stand beside limit: keep one, or neither for a feature that is just on",
            at="value",
            holds=lambda entitlement: entitlement.limit is None or entitlement.value is None,
        ),
    )


class Trial(SpecModel):
    """How long the Subscription may be tried."""

    days: Annotated[Int64, Field(ge=1, le=MAX_TRIAL_DAYS)] | None = None
    """For how many days from the creation of the Subscription, from 1 to 730."""
    ends_at: Annotated[datetime, InstantText()] | None = None
    """The instant, in RFC 3339, at which the trial ends."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.days) != has(self.endsAt)",
            message="must have days or endsAt, and not both",
            holds=lambda trial: (trial.days is None) != (trial.ends_at is None),
        ),
    )


class SubscriptionSpec(SpecModel):
    """What was bought, and until when."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.daysUntilDue) || (has(self.collection) && self.collection == 'SendInvoice')",
            message="must stand only where collection is SendInvoice",
            at="daysUntilDue",
            holds=lambda spec: (
                spec.days_until_due is None or spec.collection is CollectionMethod.SEND_INVOICE
            ),
        ),
    )

    tenant_ref: Annotated[
        TenantRef,
        Immutable("must stay as it is; create another Subscription for another Tenant"),
    ]
    """The Tenant that bought this, in the same namespace. Cannot be changed."""
    plan: Plan
    """What was bought."""
    seats: Seats | None = None
    """How many seats were bought, from 0 to 1,000,000. All SeatPools of the Subscription share them, the oldest first. Without
    it, as many as the plan has."""
    entitlements: Annotated[tuple[Entitlement, ...], Field(max_length=MAX_ENTITLEMENTS), ListMap("name")] = ()
    """What the customer's programs may do, up to 64. Handed to programs with the licence."""
    valid_until: Annotated[datetime, InstantText()] | None = None
    """The instant, in RFC 3339, from which no seat is granted or renewed, whatever was paid. Without it the Subscription
    ends with what was paid, or does not end where the Tenant has no payment provider."""
    trial: Trial | None = None
    """Makes the Subscription a trial. Where the Tenant has a payment provider, the first payment is due at its end; a customer
    has one trial of a price. Elsewhere no seat is granted or renewed from its end on; remove it when the Subscription is
    bought."""
    collection: CollectionMethod = CollectionMethod.CHECKOUT
    """How payments begin, where the Tenant's payment provider is Stripe. Checkout makes a page, told in the status, on which the
    customer pays for the first time. ChargeAutomatically charges what the customer has at Stripe already; SendInvoice sends
    invoices. Default Checkout."""
    days_until_due: Annotated[Int64, Field(ge=1, le=MAX_DAYS_UNTIL_DUE)] | None = None
    """Within how many days an invoice that is sent is to be paid, from 1 to 365. Without it, 30."""
    payment_grace: Annotated[timedelta, DurationBetween("0s", "2160h")] = timedelta(days=7)
    """For how long seats are granted on while a payment is overdue, such as 168h, which are 7 days. Default 168h."""
    cancel: Cancel | None = None
    """Ends the Subscription at the payment provider: AtPeriodEnd when what was paid is used up, Immediately now and without a
    refund. Removing it before the end takes that back; after the end it begins a new one."""
    downgrade: Downgrade = Downgrade.AT_PERIOD_END
    """From when on fewer seats or a cheaper price count. AtPeriodEnd leaves what was paid until the end of the period;
    Immediately credits it. More seats and a dearer price always count at once. Default AtPeriodEnd."""
    drift_policy: DriftPolicy = DriftPolicy.REPORT
    """What becomes of a change that somebody made at the payment provider. Report leaves it and tells of it. Heal makes it as the
    spec says. Adopt leaves it, and seats follow it until the spec changes. Default Report."""
    coupon: (
        Annotated[
            str,
            Field(max_length=64),
            Matches("^[A-Za-z0-9_-]+$", "must be the id of a coupon or of a promotion code at Stripe"),
        ]
        | None
    ) = None
    """Id of a coupon at Stripe, or of a promotion code, promo_…, that is applied once, when it is written here."""
    suspend: Bool = False
    """True stops the operator from acting on changes of this Subscription until it is false again. Deletion
    still works, and seats are not touched. Default false."""


class LicenceStatus(Model):
    """The licence document that programs verify without a network."""

    secret: SecretName
    """Name of the Secret that holds it."""
    kid: Annotated[str, Field(max_length=64)]
    """Id of the root key that signed it."""
    issued_at: Instant
    """When it was signed."""
    expires_at: Instant
    """Until when leases may be signed that it certifies. It is signed anew ten days before."""


class StripeSubscriptionStatus(Model):
    """What Stripe was last read to have. Pools go by it, so it is all that they need; each instant is one that Stripe names."""

    subscription_id: Annotated[str | None, Field(alias="subscriptionID", max_length=255)] = None
    """Id of the subscription. Not there as long as there is none."""
    state: Annotated[str, Field(max_length=32)] | None = None
    """Its status in Stripe's words."""
    price_id: Annotated[str | None, Field(alias="priceID", max_length=255)] = None
    """Id of its price."""
    quantity: Count | None = None
    """For how many seats the next invoice will be."""
    granted_seats: Count | None = None
    """How many seats it is worth, whatever was paid before."""
    paid_seats: Count | None = None
    """How many seats are paid until paidUntil, where that is more."""
    paid_until: Instant | None = None
    """Until when they are."""
    overdue_since: Instant | None = None
    """Since when a payment is overdue."""
    ends_at: Instant | None = None
    """When it ends, where that was asked for."""
    ended_at: Instant | None = None
    """When it ended."""
    ended_by_spec: Bool = False
    """Whether it ended because spec.cancel said so. Default false."""
    refusals: Count | None = None
    """How many calls Stripe has refused for good. A repetition of a call says so, which lets Stripe look at it anew."""


class Period(Model):
    """A time for which one pays."""

    start: Instant
    """Its first instant."""
    end: Instant
    """The instant at which the next one begins."""


class Notice(Model):
    """What was told of an end to come."""

    ends_at: Instant
    """The end that was told of."""
    days_before: Count
    """How many days before: 30, 7, 1, or 0 at the end itself."""


class SubscriptionStatus(Model):
    """What the operator observed. Written by the operator only."""

    observed_generation: Count | None = None
    """The metadata.generation that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap("type")] = ()
    """Ready, with Reconciling or Stalled while they are so, LicenceReady, Trialing, and where the Tenant has a payment provider
    BillingSynced, Drifted and PaymentOverdue."""
    phase: Phase | None = None
    """Where the Subscription is in its life, in one word."""
    trial_ends_at: Instant | None = None
    """The instant from which the trial is over. Not there where it is no trial."""
    stripe: StripeSubscriptionStatus | None = None
    """What Stripe was last read to have, where it takes the money."""
    current_period: Period | None = None
    """The time for which was paid last, or is to be paid."""
    valid_until: Instant | None = None
    """From when on no seat is granted or renewed if nothing changes. Not there where the Subscription does not end."""
    seats: Count | None = None
    """How many seats there are for SeatPools now: those of the spec or of the plan, or those that were paid."""
    checkout_url: Annotated[str | None, Field(alias="checkoutURL", max_length=4096)] = None
    """The page on which the customer pays for the first time, while it is open."""
    checkout_expires_at: Instant | None = None
    """Until when it is. Then there is another one."""
    notice: Notice | None = None
    """What was told last of an end to come."""
    licence: LicenceStatus | None = None
    """The licence document, once there is one."""
    allocated_seats: Count | None = None
    """Seats given to SeatPools. Never more than spec.seats, except while pools that were made smaller
    drain."""
    pools: Count | None = None
    """How many SeatPools refer to this Subscription."""
    seats_in_use: Count | None = None
    """Seats held at this moment. Follows the truth by some seconds."""
    last_handled_reconcile_at: Echo | None = None
    """Value of the annotation seatwarden.dev/reconcile-requested-at when it was last acted upon."""


class Subscription(Resource):
    """What a customer bought: a plan, a number of seats, features, and until when."""

    KIND: ClassVar[Kind] = Kind.SUBSCRIPTION

    spec: SubscriptionSpec
    """What was bought, and until when."""
    status: SubscriptionStatus = SubscriptionStatus()
    """What the operator observed. Written by the operator only."""
