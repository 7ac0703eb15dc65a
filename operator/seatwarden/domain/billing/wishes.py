"""What is wanted of Stripe: one value a call, so that a call can be repeated and compared."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seatwarden.domain.billing.facts import Collection


class Proration(StrEnum):
    """What becomes of the rest of a period when the quantity or price changes."""

    ALWAYS_INVOICE = "always_invoice"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerWish:
    """A customer to have."""

    owner: str
    cluster: str
    name: str
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionWish:
    """A subscription to begin, at once or by a checkout page."""

    owner: str
    cluster: str
    customer: str
    price: str
    """Id of the price."""
    quantity: int
    collection: Collection
    days_until_due: int | None = None
    """For invoices that are sent."""
    trial_end: datetime | None = None
    discount: str | None = None
    """Id of a coupon, or of a promotion code where it begins with promo_."""
    applied: str
    """For the metadata of the subscription, see `seatwarden.domain.billing.facts.APPLIED`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChange:
    """What to change of a subscription; None leaves a thing as it is."""

    price: str | None = None
    quantity: int | None = None
    proration: Proration = Proration.NONE
    cancel_at_period_end: bool | None = None
    """False also takes back an end at any other instant."""
    resume_collection: bool = False
    collection: Collection | None = None
    days_until_due: int | None = None
    trial_end: datetime | None = None
    discount: str | None = None
    remove_discount: bool = False
    paid_seats: int | None = None
    paid_until: datetime | None = None
    forget_paid: bool = False
    """Whether `PAID_SEATS` is to be removed."""
    adopt: tuple[str, str] | None = None
    """Owner and cluster to write into the metadata of a subscription that nobody owns."""
    release: bool = False
    """Whether owner, cluster and `applied` are to be removed from the metadata: nobody owns it any more."""
    applied: str | None = None
    """What the metadata is to have as `seatwarden.domain.billing.facts.APPLIED`, in the same call. A subscription that has ended
    takes this and nothing else."""
