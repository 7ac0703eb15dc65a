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


def in_plan(subscription: Subscription, table: PlanTable) -> Subscription:
    """``subscription`` with the seats and entitlements of its plan where it is silent; as it is where the plan cannot be read."""
    if subscription.spec.plan.name not in table.plans:
        return subscription
    found = terms(subscription, table)
    if isinstance(found, NoTerms):
        return subscription
    spec = subscription.spec.model_copy(update={"seats": found.seats, "entitlements": found.entitlements})
    return subscription.model_copy(update={"spec": spec})


def pool_in_plan(pool: SeatPool, plan: str, table: PlanTable) -> SeatPool:
    """``pool`` with what the plan of its Subscription says of devices, where it is silent, and with no longer an offline grace
    than the plan allows."""
    entry = table.plans.get(plan)
    if entry is None:
        return pool
    limits, lease = pool.spec.limits, pool.spec.lease
    if limits.devices is None and entry.devices is not None:
        limits = limits.model_copy(update={"devices": entry.devices})
    if entry.offline_grace is not None and entry.offline_grace < lease.offline_grace:
        lease = lease.model_copy(update={"offline_grace": entry.offline_grace})
    return pool.model_copy(update={"spec": pool.spec.model_copy(update={"limits": limits, "lease": lease})})


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
