"""What to do with a seat next: a state machine without I/O. It is told of each answer or silence, and of the time.

A seat is **held** until the lease ends, by what the last answer told and counted from before the request was sent. So a
program never believes in its seat longer than the authority does.

If that moment comes in silence the seat is **offline**: perhaps it lives, as the authority forgives an outage, perhaps it does
not. The signed lease still counts for a while (`offlineGrace` of the pool), and with it the seat can be had back. So the
heartbeats go on until then, several in the length of a lease, and an answer makes the seat held again.

A seat is **lost**, for ever, when

- the endpoint says that it is gone (404, 409 or 410 with a code);
- it can no more be renewed, and the lease has ended: the licence is suspended or has run out, the key is not accepted, or the
  request is at fault. Until that moment the seat is held, but not one more heartbeat is sent for the last two;
- it is offline, and the grace is over. With ``strict`` there is none.

+---------------------------+------------------------------------------------------------+
| answer to a heartbeat     | what follows                                               |
+===========================+============================================================+
| 200 `ok`                  | next beat after `next_heartbeat_in`                        |
| 200, any other code       | the same, but the lease was not renewed: no grace          |
| 404, 409, 410             | lost                                                       |
| none, 408, 425, 429, 5xx  | again after `Retry-After` or a growing pause, if longer    |
| 500 `internal_error`      | again once, then as after `ok`                             |
| any other                 | no more beats; lost when the lease ends                    |
+---------------------------+------------------------------------------------------------+

The status decides, and not a list of codes: so a newer endpoint may give a code that this client does not know.

A seat that is **borrowed** is held until it is to be back, unless a heartbeat hears that it is gone. They go on, since only they
tell that another run has it.
"""

from dataclasses import dataclass, replace

from seatwarden.client.answers import Answer, counts_for

OK = "ok"
LEASE_EXPIRED = "lease_expired"
INTERNAL_ERROR = "internal_error"
NOT_FOUND = "not_found"
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
_GONE = {404, 409, 410}
_LATER = {408, 425, 429}
_RAN_OUT = "No heartbeat got through before the lease ended. Save the work and acquire again."


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a seat is gone. ``told``: the endpoint said so, so there is nothing left to release."""

    code: str
    message: str
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The state of one seat. Instants are seconds of the clock that all methods are given ``now`` of.

    ``beat_at`` is None where no more heartbeats are sent, ``told`` the last thing said about the lease, and ``rhythm`` the
    seconds between two heartbeats. ``away_until`` is when a borrowed seat is to be back.
    """

    valid_until: float
    grace_until: float
    beat_at: float | None
    rhythm: float
    lease: str | None = None
    strict: bool = False
    told: str = OK
    message: str = _RAN_OUT
    failures: int = 0
    last_trouble: str = ""
    loss: Loss | None = None
    away_until: float = 0.0

    @property
    def sure_until(self) -> float:
        """Until when the seat is ours for certain."""
        return max(self.valid_until, self.away_until)

    @property
    def ends_at(self) -> float:
        """When the seat is lost, if no more is heard."""
        if self.strict or self.told != OK or self.beat_at is None:
            return self.sure_until
        return max(self.sure_until, self.grace_until)

    @property
    def wakes_at(self) -> float:
        """When there is something to do: a heartbeat, or to lose the seat."""
        return self.ends_at if self.beat_at is None else min(self.beat_at, self.ends_at)

    def held(self, now: float) -> bool:
        """Is the seat ours for certain?"""
        return self.loss is None and now < self.sure_until

    def at(self, now: float) -> "Keeping":
        """The state after nothing has been heard until ``now``."""
        if self.loss is not None or now < self.ends_at:
            return self
        code = LEASE_EXPIRED if self.told == OK else self.told
        return self.ended(Loss(code, self.message))

    def ended(self, loss: Loss) -> "Keeping":
        """The seat is lost, and stays so."""
        return self if self.loss is not None else replace(self, loss=loss, beat_at=None)

    def borrowed(self, until: float, lease: str | None) -> "Keeping":
        """The seat is borrowed ``until`` then, which ``lease`` proves."""
        return replace(self, away_until=max(self.away_until, until), lease=lease or self.lease)

    def heard(self, answer: Answer, *, asked: float, now: float, jitter: float) -> "Keeping":
        """The state after a heartbeat that was sent at ``asked`` and answered, or given up, at ``now``.

        ``jitter`` is a random number in [0, 1).
        """
        ended = self.at(now)
        if ended.loss is not None:
            return ended
        if answer.good:
            return self._lives(answer, asked=asked, now=now).at(now)
        if answer.status in _GONE and answer.code != NOT_FOUND:
            return self.ended(Loss(answer.code, answer.message, told=True))
        if answer.silent or answer.server_fault or answer.status in _LATER:
            return self._troubled(answer, now=now, jitter=jitter)
        return replace(self, beat_at=None, told=answer.code, message=answer.message)

    def _lives(self, answer: Answer, *, asked: float, now: float) -> "Keeping":
        rhythm = answer.next_heartbeat_in or self.rhythm
        signed = self.lease if answer.lease is None else answer.lease
        return replace(
            self,
            valid_until=asked + answer.expires_in,
            grace_until=self.grace_until if answer.lease is None else asked + counts_for(answer.lease),
            beat_at=now + rhythm,
            rhythm=rhythm,
            lease=signed,
            told=answer.code,
            message=_NOT_RENEWED.get(answer.code, _RAN_OUT),
            failures=0,
            last_trouble="",
        )

    def _troubled(self, answer: Answer, *, now: float, jitter: float) -> "Keeping":
        if answer.code == INTERNAL_ERROR and self.last_trouble == INTERNAL_ERROR:
            wait = max(self.rhythm, answer.retry_after or 0.0)
            return replace(self, beat_at=now + wait, failures=0, last_trouble="")
        left = self.valid_until - now
        # After a loss of its memory the server takes holders back for one lease length only, and two beats fit into that.
        longest = self.rhythm / 2 if left <= 0 else min(left / 4, self.rhythm / 2)
        wait = pause(self.failures, longest=longest, jitter=jitter)
        wait = max(wait, answer.retry_after or 0.0)
        return replace(self, beat_at=now + wait, failures=self.failures + 1, last_trouble=answer.code)


_NOT_RENEWED = {
    "suspended": "The licence is suspended, and the lease has ended. Ask the administrator of the licence.",
    "expired": "The licence has run out, and the lease has ended. Have it renewed.",
}


def granted(
    answer: Answer, *, since: float, answered: float, lease: str | None = None, strict: bool = False
) -> Keeping:
    """The state of a seat that has just been given.

    ``since`` is when the request was first sent under its idempotency key; the lengths of a repeated answer count from
    there. ``answered`` is when this answer came. ``lease`` is a signed lease from before, if there was any.
    """
    rhythm = answer.next_heartbeat_in or answer.expires_in / 3
    return Keeping(
        valid_until=since + answer.expires_in,
        grace_until=since + counts_for(answer.lease),
        beat_at=answered + rhythm,
        rhythm=rhythm,
        lease=answer.lease or lease,
        strict=strict,
    )


def pause(failures: int, *, jitter: float, longest: float = LONGEST_PAUSE) -> float:
    """Seconds until the next try after so many failures: longer each time, up to ``longest``."""
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 16))
    ceiling = min(ceiling, max(FIRST_PAUSE, longest))
    return ceiling * (0.5 + 0.5 * jitter)
