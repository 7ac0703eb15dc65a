"""A borrowed seat as a value, and as a file: what a program takes with it where there is no network.

The file is JSON that only its owner can read. It holds the signed lease, which proves the seat to whoever has the key of the
installation. This client has no such key: it goes by the lengths of time in the file, and trusts the machine's owner with them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seatwarden.client.answers import Answer, length, silence
from seatwarden.client.asking import refusal
from seatwarden.client.errors import BorrowRefused, SeatRefused, SetupError
from seatwarden.client.files import Name, write_whole
from seatwarden.client.keeping import NOT_FOUND

LARGEST_FILE = 65_536
"""No file of a borrowed seat has so many bytes."""
_FORMAT = "seatwarden borrowed seat 1"
_SESSION = re.compile(r"[0-9a-f]{32}")
_NAMES = {"hardware_id", "container"}
_STALE_FENCE = "stale_fence"
_RELEASED = "released"
_GONE = {404, 410}
_CONFLICT = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """Seats that are away until an instant, without a heartbeat."""

    until: datetime
    """When they are to be back, by the clock of the server, in UTC."""
    quantity: int
    """How many seats they are."""
    group: str
    """The group of the pool whose seats they are; empty for none."""
    lease: str | None = field(repr=False)
    """The signed lease for the time away: its claim `exp` is ``until``. None where the installation signs none."""
    session: str
    fence: int
    named: Mapping[str, str] = field(repr=False)
    """How requests name the holder, see `holders.named`."""
    since: float
    """When they were asked for, in seconds since 1970 by the clock of this machine."""
    seconds: float
    """For how long from then."""
    seen: float = 0.0
    """The latest instant that is known to have been on that clock."""

    def left(self, now: float) -> float:
        """Seconds until the seats are to be back, where the clock of this machine says ``now``; 0 where they are.

        A clock that was turned back stands still here until it has caught up.
        """
        return max(0.0, self.since + self.seconds - self.latest(now))

    def latest(self, now: float) -> float:
        """``now``, or what is known to have been later."""
        return max(now, self.seen, self.since)

    def seen_at(self, now: float) -> "Borrowed":
        """The same, where the clock of this machine was at ``now``."""
        return replace(self, seen=self.latest(now))

    def save(self, file: Name) -> None:
        """Write it to ``file``, which nobody but its owner can read; as a whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        told = {"format": _FORMAT, **asdict(self), "until": self.until.isoformat(), "named": dict(self.named)}
        write_whole(file, json.dumps(told, indent=2))

    @classmethod
    def read(cls, file: Name) -> "Borrowed":
        """What `save` wrote to ``file``.

        Raises:
            SetupError: it cannot be read, or is no borrowed seat.
        """
        try:
            with Path(file).open("rb") as stream:
                found = json.loads(stream.read(LARGEST_FILE))
            return _borrowed_in(found)
        except OSError as error:
            raise SetupError(
                f"The borrowed seat cannot be read from {file}: {error.strerror or 'it cannot be opened'}."
            ) from None
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            # Without its cause: that would show the text of the file, and the signed lease is in it.
            raise SetupError(
                f"The file {file} holds no borrowed seat. Make one with `seatwarden borrow`, or `seat.borrow` of a program."
            ) from None


def _borrowed_in(found: Any) -> Borrowed:
    if found["format"] != _FORMAT:
        raise ValueError("another format")
    told = Borrowed(
        until=datetime.fromisoformat(found["until"]).astimezone(UTC),
        quantity=_whole(found["quantity"]),
        group=_text(found["group"]),
        lease=None if found["lease"] is None else _text(found["lease"]),
        session=_text(found["session"]),
        fence=_whole(found["fence"]),
        named={name: _text(value) for name, value in found["named"].items()},
        since=_seconds(found["since"]),
        seconds=_seconds(found["seconds"]),
        seen=_seconds(found["seen"]),
    )
    if not _SESSION.fullmatch(told.session) or not told.named.keys() <= _NAMES:
        raise ValueError("another lease")
    return told


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TypeError("no number from 1 up")
    return value


def _seconds(value: Any) -> float:
    seconds = length(value)
    if seconds is None:
        raise TypeError("no length of time")
    return seconds


def borrowed_of(
    answer: Answer, *, session: str, fence: int, named: Mapping[str, str], since: float
) -> Borrowed:
    """What ``answer`` to `calls.borrow` gives, that was asked for at ``since`` by the clock of this machine.

    Raises:
        BorrowRefused: this pool does not lend so many seats, or not for so long.
        SeatRefused: anything else is in the way; its subclasses tell which.
    """
    seconds = length(answer.body.get("borrowed_for"))
    if not answer.good or not seconds:
        raise borrow_refusal(silence("what came is no borrowed seat") if answer.good else answer)
    quantity, group = answer.body.get("quantity"), answer.body.get("group")
    return Borrowed(
        until=_instant(answer.body.get("borrowed_until"), since + seconds),
        quantity=quantity if isinstance(quantity, int) and quantity > 0 else 1,
        group=group if isinstance(group, str) else "",
        lease=answer.lease,
        session=session,
        fence=fence,
        named=named,
        since=since,
        seconds=seconds,
        seen=since,
    )


def _instant(told: Any, otherwise: float) -> datetime:
    try:
        return datetime.fromisoformat(told).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return datetime.fromtimestamp(otherwise, UTC)


def borrow_refusal(answer: Answer) -> SeatRefused:
    """Why a seat is not lent, as an error of its kind."""
    refused = refusal(answer)
    if answer.status != _CONFLICT:
        return refused
    return BorrowRefused(
        refused.code, refused.message, status=refused.status, retry_after=refused.retry_after
    )


def is_gone(answer: Answer) -> bool:
    """Does ``answer`` say that the lease is gone?

    A 409 of any other code leaves the lease as it is. If it is gone all the same, the next heartbeat tells.
    """
    return answer.code == _STALE_FENCE or (answer.status in _GONE and answer.code != NOT_FOUND)


def returned(answer: Answer) -> bool:
    """What `calls.release` of a borrowed seat did: True where it is back now, False where it was over already.

    Raises:
        SeatRefused: nobody could say.
    """
    if answer.good:
        return answer.code == _RELEASED
    if is_gone(answer):
        return False
    raise refusal(answer)


def seconds_of(duration: timedelta | None) -> float | None:
    """``duration`` as the endpoint is asked for it."""
    return None if duration is None else duration.total_seconds()
