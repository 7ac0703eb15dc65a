"""What `seatwarden verify` tells about what it found, in lines for people and in JSON for programs."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from seatwarden.verify import Lease, Licence, NotValid

_LICENCE_FIELDS = (
    *("tenant", "tenant_uid", "namespace", "subscription", "subscription_uid", "plan", "seats"),
    *("issued_at", "expires_at", "valid_until", "offline_grace", "longest_lease", "kid"),
)
_LEASE_FIELDS = (
    *("lease_id", "pool", "holder", "nonce", "fence", "quantity", "group", "issued_at", "expires_at", "kid"),
)


def as_json(path: Path, licence: Licence, lease: Lease | None) -> dict[str, object]:
    """Something valid, with the words of `seatwarden.verify`. Instants are in seconds of Unix time."""
    said: dict[str, object] = {
        **{name: getattr(licence, name) for name in _LICENCE_FIELDS},
        "entitlements": dict(licence.entitlements),
        "lease_keys": {key.kid: key.pool for key in licence.lease_keys.values()},
    }
    found: dict[str, object] = {"file": str(path), "valid": True, "licence": said}
    return (
        found if lease is None else {**found, "lease": {name: getattr(lease, name) for name in _LEASE_FIELDS}}
    )


def refusal_as_json(path: Path, refused: NotValid) -> dict[str, object]:
    """Something that is not valid."""
    return {"file": str(path), "valid": False, "code": str(refused.code), "detail": str(refused)}


def refusal_as_line(path: Path, refused: NotValid) -> str:
    """Something that is not valid: what was found, and what to do."""
    return f"{shown(str(path))}: not valid ({refused.code}). {refused}"


def as_lines(path: Path, licence: Licence, lease: Lease | None, now: int) -> list[str]:
    """Something valid, in a few lines that a terminal can show whatever was signed."""
    found = [*_of_licence(licence, now)] if lease is None else [*_of_licence(licence, now), *_of_lease(lease)]
    return [f"{shown(str(path))}: valid", *(f"  {shown(line)}" for line in found)]


def shown(text: str) -> str:
    """``text`` for a terminal: what could move its cursor or turn its text is spelled out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _of_licence(licence: Licence, now: int) -> Iterator[str]:
    plan = f", plan {licence.plan}" if licence.plan else ""
    yield f"{licence.subscription} of {licence.tenant} in {licence.namespace}{plan}, {_seats(licence.seats)}"
    if licence.entitlements:
        yield f"entitled to {_entitlements(licence.entitlements)}"
    if licence.valid_until is not None:
        yield f"the subscription ends at {_instant(licence.valid_until)}"
    counts = "counts" if now < licence.expires_at else "counted"
    yield f"the document {counts} from {_instant(licence.issued_at)} until {_instant(licence.expires_at)}, key {licence.kid}"


def _of_lease(lease: Lease) -> Iterator[str]:
    group = f" in group {lease.group}" if lease.group else ""
    yield f"lease {lease.lease_id}: {_seats(lease.quantity)}{group} of pool {lease.pool}"
    yield f"the lease counts from {_instant(lease.issued_at)} until {_instant(lease.expires_at)}"


def _seats(count: int) -> str:
    return "1 seat" if count == 1 else f"{count} seats"


def _entitlements(found: Mapping[str, int | str]) -> str:
    return ", ".join(name if value is True else f"{name}={value}" for name, value in sorted(found.items()))


def _instant(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"second {seconds}"
