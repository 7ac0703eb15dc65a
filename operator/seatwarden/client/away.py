"""The time for which a seat is away, as a program without a network counts it.

Within a run it counts on the clock that only grows and goes on while the machine sleeps, so nobody shortens or lengthens it by
setting the time. Between two runs there is no such clock. So the file of the seat remembers the latest instant that it has seen,
and a clock that was turned back behind that stands still until it has caught up.
"""

from seatwarden.client.borrowed import Borrowed
from seatwarden.client.clock import Clock
from seatwarden.client.errors import SeatLost, SetupError
from seatwarden.client.files import Name
from seatwarden.client.keeping import LEASE_EXPIRED, Keeping
from seatwarden.client.seat import log

NOTE_SECONDS = 60.0
"""So much of the time away is not counted, if a run is killed and the clock is turned back."""


class TimeAway:
    """Counts the time of the borrowed seat in ``file``, from now on.

    ``clock`` is the steady one, ``wall`` that of the machine, both in seconds.

    Raises:
        SetupError: the file cannot be read, or is no borrowed seat.
    """

    def __init__(self, file: Name, *, clock: Clock, wall: Clock) -> None:
        self.borrowed = Borrowed.read(file)
        self._file = file
        self._clock, self._wall = clock, wall
        self._begun, self._began_at = clock(), self.borrowed.latest(wall())

    def kept(self) -> Keeping:
        """The seat, to be kept by a note of the time now and then.

        Raises:
            SeatLost: its time is over.
        """
        left = self.borrowed.left(self._began_at)
        message = (
            f"The seat was borrowed until {self.borrowed.until:%Y-%m-%d %H:%M} UTC, and that is over. Borrow one again where"
            " there is a network."
        )
        if left <= 0:
            raise SeatLost(LEASE_EXPIRED, message)
        return Keeping(
            valid_until=self._begun + left,
            grace_until=0.0,
            beat_at=self._begun,
            rhythm=NOTE_SECONDS,
            lease=self.borrowed.lease,
            message=message,
        )

    def note(self) -> None:
        """Write the time that it is into the file, unless that is gone or has another seat by now."""
        counted = self._began_at + self._clock() - self._begun
        noted = self.borrowed.seen_at(max(self._wall(), counted))
        try:
            there = Borrowed.read(self._file)
            if (there.session, there.fence, there.since) == (noted.session, noted.fence, noted.since):
                noted.save(self._file)
        except SetupError:
            log.debug("the file of the borrowed seat is gone, so no time is noted there")
        except OSError as error:
            log.warning("the time cannot be noted in the file of the borrowed seat: %s", error.strerror)
