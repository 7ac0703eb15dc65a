"""From what the authority said of a borrow to what the client is told. Pure."""

import orjson

from seatwarden.domain.borrowing import Borrow, BorrowRefusal, Return
from seatwarden.domain.seats import BeatVerdict, Code, Millis
from seatwarden.endpoint import answers
from seatwarden.endpoint.problems import Outcome, Problem, Reply
from seatwarden.endpoint.verdicts import (
    detail_of,
    gone_problem,
    instant_text,
    next_beat,
    recovering_problem,
    seats_of,
)

_HOUR = 3600 * 1000


def borrow_outcome(
    lease_id: str, verdict: Borrow | BorrowRefusal, *, wanted: Millis, lease: str | None, spread: float
) -> Outcome:
    """The answer to a borrow for ``wanted``, 0 for as long as may be. ``lease`` is what the holder takes with it."""
    if isinstance(verdict, BorrowRefusal):
        return _refused(verdict, wanted, spread)
    answer = answers.BorrowAnswer(
        code=Code.BORROWED,
        session_id=lease_id,
        fence=verdict.fence,
        borrowed_for=verdict.borrowed_for / 1000,
        borrowed_until=instant_text(Millis(verdict.at + verdict.borrowed_for)),
        quantity=verdict.quantity,
        group=verdict.group or None,
        lease=lease,
        seats=seats_of(verdict.capacity, verdict.live),
    )
    return Reply(200, orjson.dumps(answer))


def _refused(verdict: BorrowRefusal, wanted: Millis, spread: float) -> Problem:
    match verdict.code:
        case Code.RECOVERING:
            return recovering_problem(verdict.left, spread=spread)
        case Code.BORROW_LIMIT:
            return Problem(code=verdict.code, detail=_limit_detail(verdict, wanted))
        case Code.DRAINING:
            return Problem(code=verdict.code, detail="This pool is to run empty, so no seat of it is lent.")
        case code if verdict.left > 0:
            return Problem(code=code, detail=detail_of(code))
        case code:
            return gone_problem(code)


def _limit_detail(verdict: BorrowRefusal, wanted: Millis) -> str:
    if verdict.longest <= 0:
        return "This pool lends no seats. Ask the administrator to set spec.borrow."
    if wanted > verdict.longest:
        return (
            f"Seats of this pool can be borrowed for {verdict.longest / _HOUR:.1f} hours at most, not for"
            f" {wanted / _HOUR:.1f}. Ask for less, or leave seconds out for the longest time."
        )
    return (
        f"{verdict.seats_left} seats of this pool can still be borrowed. Try again when others are back, or ask the"
        " administrator for more than spec.borrow allows."
    )


def return_outcome(verdict: Return, *, lease: str | None, spread: float) -> Outcome:
    """The answer to who brought its seat back. ``lease`` takes the place of the one that was signed for the borrow."""
    answer = answers.ReturnAnswer(
        code=Code.RETURNED,
        expires_in=verdict.expires_in / 1000,
        next_heartbeat_in=next_beat(verdict.heartbeat, spread),
        lease=lease,
    )
    return Reply(200, orjson.dumps(answer))


def not_returned(verdict: BeatVerdict) -> Problem:
    """There is no such lease to bring back."""
    return gone_problem(verdict.code)
