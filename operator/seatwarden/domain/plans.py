"""What a Subscription has: what it says itself, and what its plan says where it is silent."""

from dataclasses import dataclass
from datetime import timedelta

from seatwarden.resources.names import PLANS_CONFIG_MAP
from seatwarden.resources.plans import PlanEntry, PlanPrice, PlanTable
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Entitlement, Interval, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRef:
    """How a price is named: by its id or by its lookup key."""

    price: str | None = None
    lookup_key: str | None = None

    def __str__(self) -> str:
        return f"id {self.price!r}" if self.price is not None else f"lookup key {self.lookup_key!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a Subscription has. ``devices`` and ``offline_grace`` are for its pools, None where nothing is said.

    ``interval`` is None where the price may be paid at any interval.
    """

    plan: str
    seats: int
    entitlements: tuple[Entitlement, ...] = ()
    price: PriceRef | None = None
    interval: Interval | None = None
    devices: int | None = None
    offline_grace: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTerms:
    """Why it cannot be said what a Subscription has."""

    reason: Reason
    message: str


def terms(subscription: Subscription, table: PlanTable) -> Terms | NoTerms:
    """What ``subscription`` has. What its spec says goes before what the plan says, feature by feature for entitlements."""
    spec = subscription.spec
    name = spec.plan.name
    if name in table.broken:
        return NoTerms(
            reason=Reason.INVALID_PLAN, message="; ".join(str(each) for each in table.broken[name])
        )
    plan = table.plans.get(name, PlanEntry())
    seats = spec.seats if spec.seats is not None else plan.seats
    if seats is None:
        where = "says no seats" if name in table.plans else f"is not in ConfigMap {PLANS_CONFIG_MAP!r}"
        message = f"Neither spec.seats nor the plan says how many seats there are: plan {name!r} {where}."
        return NoTerms(reason=Reason.INVALID_PLAN, message=message)
    price, interval = _price(subscription, plan)
    return Terms(
        plan=name,
        seats=seats,
        entitlements=_entitlements(spec.entitlements, plan.entitlements),
        price=price,
        interval=interval,
        devices=plan.devices,
        offline_grace=plan.offline_grace,
    )


def pool_devices(pool: SeatPool, terms: Terms) -> int | None:
    """On how many devices ``pool`` may be used; None where that is not limited."""
    own = pool.spec.limits.devices
    return own if own is not None else terms.devices


def pool_offline_grace(pool: SeatPool, terms: Terms) -> timedelta:
    """For how long the signed copies of its leases count: as the pool says, and no longer than the plan allows."""
    own = pool.spec.lease.offline_grace
    return own if terms.offline_grace is None else min(own, terms.offline_grace)


def _price(subscription: Subscription, plan: PlanEntry) -> tuple[PriceRef | None, Interval | None]:
    named = subscription.spec.plan
    if named.price_id is not None or named.lookup_key is not None:
        return PriceRef(price=named.price_id, lookup_key=named.lookup_key), named.interval
    prices: dict[Interval, PlanPrice | None] = {
        Interval.MONTH: plan.prices.month,
        Interval.YEAR: plan.prices.year,
    }
    offered = [each for each, price in prices.items() if price is not None]
    interval = named.interval or next(iter(offered), None)
    found = prices[interval] if interval is not None else None
    if found is None:
        return None, interval
    return PriceRef(price=found.price_id, lookup_key=found.lookup_key), interval


def _entitlements(own: tuple[Entitlement, ...], of_plan: tuple[Entitlement, ...]) -> tuple[Entitlement, ...]:
    by_name = {each.name: each for each in (*of_plan, *own)}
    return tuple(by_name.values())
