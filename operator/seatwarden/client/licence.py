"""What the endpoint says of a licence when it is looked at: the verdict, and what is told with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatwarden.client.answers import Answer, length, silence
from seatwarden.client.asking import refusal

_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceGroup:
    """The group that a seat would be of, and how many seats it has."""

    name: str
    entitled: bool
    """False where the pool has no such group."""
    reserved: int
    limit: int | None
    """How many seats it has at most; None where it may have all."""
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence at one moment. ``valid`` is true exactly where ``code`` is `ok`; any other code is the first thing in the way."""

    valid: bool
    code: str
    plan: str | None = None
    trial: bool = False
    """Is it tried, and not bought yet? Then ``valid_for`` is at most what is left of the trial."""
    entitlements: Mapping[str, Any] = field(default_factory=dict)
    """The features by name: true, a number or a word."""
    capacity: int = 0
    used: int = 0
    valid_for: float | None = None
    """Seconds until it runs out; None where it never does."""
    days_left: int | None = None
    """The same in days, one that has begun counts."""
    entitled: bool | None = None
    """May the feature be used that was asked for? None where none was."""
    version_admitted: bool | None = None
    """Does the version get a seat that was asked for? None where none was."""
    versions: str | None = None
    """Which versions get a seat, such as `from 4.2 to 5`; None where all do, or none was asked for."""
    group: LicenceGroup | None = None


def licence_of(answer: Answer) -> Licence:
    """What ``answer`` to `calls.validate` says.

    Raises:
        SeatRefused: the key is not accepted, the request is at fault, or the endpoint did not decide.
    """
    body = answer.body
    if answer.status != _OK or not isinstance(body.get("valid"), bool):
        raise refusal(silence("what came is no verdict on a licence") if answer.good else answer)
    seats, feature, version = (_part(body, name) for name in ("seats", "feature", "version"))
    return Licence(
        valid=body["valid"],
        code=answer.code,
        plan=body.get("plan"),
        trial=body.get("trial") is True,
        entitlements=_part(body, "entitlements"),
        capacity=_count(seats.get("capacity")) or 0,
        used=_count(seats.get("used")) or 0,
        valid_for=length(body.get("valid_for_seconds")),
        days_left=_count(body.get("days_left")),
        entitled=feature.get("entitled"),
        version_admitted=version.get("admitted"),
        versions=version.get("window"),
        group=_group(_part(body, "group")),
    )


def _group(told: Mapping[str, Any]) -> LicenceGroup | None:
    if not isinstance(told.get("name"), str):
        return None
    return LicenceGroup(
        name=told["name"],
        entitled=told.get("entitled") is True,
        reserved=_count(told.get("reserved")) or 0,
        limit=_count(told.get("limit")),
        used=_count(told.get("used")) or 0,
    )


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name)
    return part if isinstance(part, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
