"""Subscription: what a customer bought. Data only."""

from datetime import datetime
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
from seatwarden.resources.rules import Immutable, InstantText, ListMap, Matches, Rule

MAX_ENTITLEMENTS = 64
MAX_TRIAL_DAYS = 730
MAX_LIMIT = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""


class Phase(StrEnum):
    """Where a Subscription is in its life, in one word."""

    PENDING = "Pending"
    TRIALING = "Trialing"
    ACTIVE = "Active"
    PAST_DUE = "PastDue"
    SUSPENDED = "Suspended"
    CANCELED = "Canceled"
    EXPIRED = "Expired"


class TenantRef(SpecModel):
    """The Tenant that bought this, in the same namespace."""

    name: Annotated[str, Field(max_length=DERIVING_NAME_LENGTH), Subdomain]
    """Name of the Tenant."""


class Plan(SpecModel):
    """What was bought."""

    name: Annotated[str, Field(max_length=63), Label]
    """Name of the plan, such as team. Handed to programs with the licence."""


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

    tenant_ref: Annotated[
        TenantRef,
        Immutable("must stay as it is; create another Subscription for another Tenant"),
    ]
    """The Tenant that bought this, in the same namespace. Cannot be changed."""
    plan: Plan
    """What was bought."""
    seats: Seats
    """How many seats were bought, from 0 to 1,000,000. All SeatPools of the Subscription share them, the
    oldest first."""
    entitlements: Annotated[tuple[Entitlement, ...], Field(max_length=MAX_ENTITLEMENTS), ListMap("name")] = ()
    """What the customer's programs may do, up to 64. Handed to programs with the licence."""
    valid_until: Annotated[datetime, InstantText()] | None = None
    """The instant, in RFC 3339, from which no seat is granted or renewed. Without it the Subscription does
    not end."""
    trial: Trial | None = None
    """Makes the Subscription a trial: from its end on no seat is granted or renewed. Remove it when the Subscription is
    bought."""
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


class SubscriptionStatus(Model):
    """What the operator observed. Written by the operator only."""

    observed_generation: Count | None = None
    """The metadata.generation that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap("type")] = ()
    """Ready, with Reconciling or Stalled while they are so, LicenceReady and Trialing."""
    phase: Phase | None = None
    """Where the Subscription is in its life, in one word."""
    trial_ends_at: Instant | None = None
    """The instant from which the trial is over. Not there where it is no trial."""
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
