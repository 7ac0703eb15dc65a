"""The plans of a namespace: what Subscriptions have that do not say it themselves.

They are data in the ConfigMap ``seatwarden-plans``: a key for each plan, and its fields as YAML. A ConfigMap and no kind of
its own, since a plan has no state and nothing follows from it by itself; it is read whenever a Subscription is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import yaml
from pydantic import Field, ValidationError

from seatwarden.resources.base import Int64, OneLine, Seats, SpecModel
from seatwarden.resources.invalid import Problem, problems_of
from seatwarden.resources.names import PLANS_CONFIG_MAP
from seatwarden.resources.rules import DurationBetween, ListMap, Matches, Rule
from seatwarden.resources.subscription import MAX_ENTITLEMENTS, PRICE_ID, Entitlement

MAX_TEXT = 16_384
"""The longest text of a plan, in characters."""


class PlanPrice(SpecModel):
    """A price of one seat at Stripe."""

    price_id: Annotated[
        Annotated[str, Field(max_length=64), Matches(*PRICE_ID)] | None, Field(alias="priceID")
    ] = None
    """Its id."""
    lookup_key: Annotated[str, Field(max_length=200), OneLine] | None = None
    """Its lookup key, instead."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.priceID) != has(self.lookupKey)",
            message="must have priceID or lookupKey, and not both",
            holds=lambda price: (price.price_id is None) != (price.lookup_key is None),
        ),
    )


class PlanPrices(SpecModel):
    """What a seat costs."""

    month: PlanPrice | None = None
    """The price that is paid by the month."""
    year: PlanPrice | None = None
    """The price that is paid by the year."""


class PlanEntry(SpecModel):
    """One plan."""

    seats: Seats | None = None
    """How many seats there are."""
    offline_grace: Annotated[timedelta, DurationBetween("1m", "168h")] | None = None
    """For how long at most the signed copy of a lease counts."""
    devices: Annotated[Int64, Field(ge=1, le=1_000_000)] | None = None
    """On how many devices a pool may be used that does not say it."""
    entitlements: Annotated[tuple[Entitlement, ...], Field(max_length=MAX_ENTITLEMENTS), ListMap("name")] = ()
    """What programs may do."""
    prices: PlanPrices = PlanPrices()
    """What a seat costs."""


@dataclass(frozen=True, slots=True)
class PlanTable:
    """The plans that can be read, and what is wrong with the others, by name."""

    plans: Mapping[str, PlanEntry] = field(default_factory=dict)
    broken: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> "PlanTable":
        """The plans in the ``data`` of the ConfigMap. One that cannot be read leaves the others as they are."""
        plans: dict[str, PlanEntry] = {}
        broken: dict[str, tuple[Problem, ...]] = {}
        for name, text in data.items():
            try:
                plans[name] = PlanEntry.model_validate(_fields(text), by_alias=True, by_name=False)
            except ValidationError as error:
                broken[name] = tuple(
                    Problem(_path(name, each.path), each.message) for each in problems_of(error, PlanEntry)
                )
            except _Unreadable as error:
                broken[name] = (Problem(_path(name, ""), str(error)),)
        return cls(plans, broken)


class _Unreadable(ValueError):
    """No fields at all."""


def _fields(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise _Unreadable(f"must have at most {MAX_TEXT} characters, not {len(text)}")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        at = f", see line {where.line + 1}" if where is not None else ""
        raise _Unreadable(f"must be YAML{at}") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise _Unreadable("must be fields with their values, such as: seats: 5")
    return found


def _path(name: str, path: str) -> str:
    at = f"{PLANS_CONFIG_MAP}: data.{name}"
    return f"{at}.{path}" if path else at
