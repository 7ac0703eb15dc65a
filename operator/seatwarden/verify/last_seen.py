"""A clock that does not go back: what a program remembers of the time, so that setting the clock back wins nothing.

Offline, the clock of the machine decides whether a lease still counts, and the machine belongs to whom the lease binds. The
program therefore keeps the latest instant that it has proof of: what its clock has once said, and when documents and leases were
signed that it has seen. A clock that is behind that by more than the skew is not believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.lifetime import SKEW_SECONDS
from seatwarden.verify.strict_json import LARGEST_NUMBER


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The latest instant that is proven, in whole seconds of Unix time. It only ever grows.

    The caller stores `to_dict` where the user of the machine does not easily change it, and gives it back to `from_dict`.
    Whoever deletes it starts anew at 0, so its absence after the first start is a finding of its own.
    """

    instant: int = 0

    def advanced(self, now: int, *, skew: int = SKEW_SECONDS) -> "LastSeen":
        """What is proven once the clock says ``now``.

        Raises:
            NotValid: with `Code.CLOCK_SET_BACK`: the clock is behind what is proven by more than ``skew`` seconds.
        """
        if now < self.instant - skew:
            raise NotValid(
                Code.CLOCK_SET_BACK,
                f"The clock was set back by {self.instant - now} s since it was last seen.",
            )
        return self.proven(now)

    def proven(self, issued_at: int) -> "LastSeen":
        """What is proven by something that was signed at ``issued_at``: verify it first."""
        return LastSeen(max(self.instant, issued_at))

    def to_dict(self) -> dict[str, int]:
        """To be stored, such as by `json.dumps`."""
        return {"instant": self.instant}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> "LastSeen":
        """What `to_dict` gave.

        Raises:
            NotValid: with `Code.MALFORMED`: it is something else.
        """
        match stored:
            case {"instant": int(instant)} if len(stored) == 1 and 0 <= instant <= LARGEST_NUMBER:
                if not isinstance(instant, bool):
                    return cls(instant)
        raise NotValid(Code.MALFORMED, "What was stored about the clock cannot be read.")
