"""What a person asks for who wants a device removed from a pool, and what is told of it."""

import re

from seatwarden.domain.seats import Code, DeviceRemoval
from seatwarden.resources.names import REMOVE_DEVICE_REQUESTED
from seatwarden.resources.reasons import Reason

_REQUEST = re.compile("([0-9a-f]{12,64})(@.*)?")


def device_named(request: str) -> str | None:
    """The beginning of the holder that ``request`` names, or None where it names none."""
    found = _REQUEST.fullmatch(request)
    return None if found is None else found[1]


def removal_told(request: str, removal: DeviceRemoval | None) -> tuple[Reason, str]:
    """The Event that tells what became of ``request``; ``removal`` is None where it names no device."""
    named = device_named(request)
    if removal is None or named is None:
        form = "the first 12 or more hex characters of a holder, and behind an @ anything that makes it another request"
        return Reason.DEVICE_NOT_REMOVED, f"The annotation {REMOVE_DEVICE_REQUESTED} is not {form}."
    if removal.code is Code.DEVICE_REMOVED:
        return Reason.DEVICE_REMOVED, f"Device {named[:12]} was removed; another one can be registered."
    if removal.code is Code.DEVICE_IN_USE:
        seconds = -(-(removal.retry_after or 0) // 1000)
        return (
            Reason.DEVICE_NOT_REMOVED,
            f"Device {named[:12]} holds a seat, for {seconds} s more if its program does not renew it.",
        )
    return Reason.DEVICE_NOT_REMOVED, f"No device whose holder begins with {named[:12]} is registered."
