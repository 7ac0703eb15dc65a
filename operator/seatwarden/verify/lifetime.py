"""From when until when something counts, on a machine whose clock is not quite right."""

from seatwarden.verify.faults import Code, NotValid

SKEW_SECONDS = 60
"""By how much the clock of a machine may differ from the installation's. RFC 7519 section 4.1.4 allows a few minutes at most."""


def check_lifetime(*, noun: str, issued_at: int, expires_at: int, now: int, skew: int) -> None:
    """Refuse what was issued in the future, or has expired, by more than ``skew``. All are in seconds of Unix time.

    Raises:
        NotValid: with `Code.NOT_YET_VALID` or `Code.EXPIRED`.
    """
    check_begun(noun=noun, issued_at=issued_at, now=now, skew=skew)
    check_ended(noun=noun, expires_at=expires_at, now=now, skew=skew)


def check_begun(*, noun: str, issued_at: int, now: int, skew: int) -> None:
    """Refuse what was issued in the future.

    Raises:
        NotValid: with `Code.NOT_YET_VALID`.
    """
    if issued_at > now + skew:
        raise NotValid(Code.NOT_YET_VALID, f"The {noun} is from the future.")


def check_ended(*, noun: str, expires_at: int, now: int, skew: int) -> None:
    """Refuse what has expired. On the instant itself it has expired already (RFC 7519 section 4.1.4).

    Raises:
        NotValid: with `Code.EXPIRED`.
    """
    if now >= expires_at + skew:
        raise NotValid(Code.EXPIRED, f"The {noun} has expired.")
