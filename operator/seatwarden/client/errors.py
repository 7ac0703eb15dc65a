"""What can go wrong with a seat, for programs that decide by it.

Each error has a stable ``code``. It is the one of the endpoint's answer (see its reference), or one of these of our own:
`UNREACHABLE` and `BEAT_STOPPED`. The text is a sentence for a person. No error ever holds the licence key.
"""

UNREACHABLE = "unreachable"
"""No answer came, or none that is the endpoint's own."""
BEAT_STOPPED = "beat_stopped"
"""The thread or task that sends the heartbeats ended by a fault, so nobody keeps the seat."""


class SeatError(Exception):
    """No seat. ``code`` says why, ``message`` says it to a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SeatRefused(SeatError):
    """No seat was given.

    ``retry_after`` is the seconds after which a new try can help, None where that was not told. ``pool`` is which of several
    pools refused, from 0 on.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        pool: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after
        self.pool = pool


class NoSeatFree(SeatRefused):
    """All seats are taken now."""


class BorrowRefused(SeatRefused):
    """The seat cannot be taken away, or not for so long. It is still held."""


class LicenceRefused(SeatRefused):
    """The licence does not allow it: the key is wrong, or the licence is suspended or has run out."""


class EndpointUnavailable(SeatRefused):
    """The endpoint cannot be reached, or cannot decide just now."""


class RequestRefused(SeatRefused):
    """The request is at fault: a wrong URL, a malformed field. Sending it again does not help."""


class SeatLost(SeatError):
    """The seat is gone. Save the user's work and stop using it."""


class SetupError(ValueError):
    """The URL, the licence key, the holder or the file of a borrowed seat is missing or malformed; the text says which."""
