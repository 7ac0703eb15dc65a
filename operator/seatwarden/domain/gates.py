"""May a pool grant seats? If not, why? And in which phase is a Subscription?

Each check answers one question about the objects above a pool and names the reason when the answer is no. They are asked in
order, and the first no is the one that is shown. The reasons come from `seatwarden.resources.reasons`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from seatwarden.domain.billing.standing import is_paid_at_stripe, unpaid
from seatwarden.domain.seats import PoolState
from seatwarden.domain.trials import trial_end
from seatwarden.resources.reasons import Reason
from seatwarden.resources.rules import format_instant
from seatwarden.resources.subscription import Phase, Subscription
from seatwarden.resources.tenant import Access, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A gate that does not let seats through. ``state`` is what the authority is to answer clients meanwhile."""

    reason: Reason
    message: str
    phase: Phase
    state: PoolState


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What stands above a pool, as far as it exists. Names are those in the references."""

    subscription_name: str
    tenant_name: str
    subscription: Subscription | None
    tenant: Tenant | None
    now: datetime

    @property
    def frozen(self) -> bool:
        """True where somebody has asked that changes of the Subscription or the Tenant are not acted upon."""
        return any(above is not None and above.spec.suspend for above in (self.subscription, self.tenant))


Gate = Callable[[Upstream], Closed | None]


def subscription_exists(above: Upstream) -> Closed | None:
    """A pool without a subscription has nothing to hand out. One that is being deleted is as good as gone."""
    found = above.subscription
    if found is not None and found.metadata.deletion_timestamp is None:
        return None
    return Closed(
        reason=Reason.SUBSCRIPTION_NOT_FOUND,
        message=f"There is no Subscription {above.subscription_name!r} in this namespace.",
        phase=Phase.PENDING,
        state=PoolState.SUSPENDED,
    )


def tenant_exists(above: Upstream) -> Closed | None:
    """A subscription without its customer is nobody's."""
    if above.tenant is not None and above.tenant.metadata.deletion_timestamp is None:
        return None
    return Closed(
        reason=Reason.TENANT_NOT_FOUND,
        message=f"There is no Tenant {above.tenant_name!r} in this namespace.",
        phase=Phase.PENDING,
        state=PoolState.SUSPENDED,
    )


def tenant_has_access(above: Upstream) -> Closed | None:
    """A suspended customer keeps its leases until they end, and gets no more."""
    if above.tenant is None or above.tenant.spec.access is Access.ACTIVE:
        return None
    return Closed(
        reason=Reason.TENANT_SUSPENDED,
        message=f"Tenant {above.tenant_name!r} is suspended: spec.access is Suspended.",
        phase=Phase.SUSPENDED,
        state=PoolState.SUSPENDED,
    )


def subscription_is_valid(above: Upstream) -> Closed | None:
    """What was bought until an instant ends at that instant."""
    until = above.subscription.spec.valid_until if above.subscription else None
    if until is None or above.now < until:
        return None
    return Closed(
        reason=Reason.SUBSCRIPTION_EXPIRED,
        message=f"Subscription {above.subscription_name!r} was valid until {until.isoformat()}.",
        phase=Phase.EXPIRED,
        state=PoolState.EXPIRED,
    )


def trial_lasts(above: Upstream) -> Closed | None:
    """What is only tried ends with the trial. Where somebody takes money, the first payment is due then, and nothing ends."""
    tried = above.subscription if not is_paid_at_stripe(above.tenant) else None
    end = trial_end(tried) if tried is not None else None
    if end is None or above.now < end:
        return None
    return Closed(
        reason=Reason.TRIAL_ENDED,
        message=f"The trial of Subscription {above.subscription_name!r} ended at {format_instant(end)}.",
        phase=Phase.EXPIRED,
        state=PoolState.EXPIRED,
    )


def is_paid(above: Upstream) -> Closed | None:
    """What is paid at Stripe goes on as long as money comes, and for a while without."""
    if above.subscription is None or not is_paid_at_stripe(above.tenant):
        return None
    found = unpaid(above.subscription, above.now)
    if found is None:
        return None
    return Closed(
        reason=found.reason,
        message=f"Subscription {above.subscription_name!r}: {found.message}",
        phase=found.phase,
        state=found.pools,
    )


SUBSCRIPTION_GATES: tuple[Gate, ...] = (
    tenant_exists,
    tenant_has_access,
    subscription_is_valid,
    trial_lasts,
    is_paid,
)
POOL_GATES: tuple[Gate, ...] = (subscription_exists, *SUBSCRIPTION_GATES)


def first_closed(gates: tuple[Gate, ...], above: Upstream) -> Closed | None:
    """The first gate that says no, or None where all are open."""
    return next((closed for gate in gates if (closed := gate(above)) is not None), None)
