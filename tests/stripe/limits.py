"""How much Stripe lets an account do: https://docs.stripe.com/rate-limits. Off unless a test switches it on."""

import re
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.stripe.refusals import BeforeItBegan

HOUR = 3600.0
_SUBSCRIPTION = re.compile(r"/v1/subscriptions/[^/]+")


@dataclass(slots=True)
class Limits:
    """``now`` tells seconds on some clock; ``together`` and ``each`` are requests a second, all and of one resource;
    ``changes`` are updates of one subscription an hour. ``refused`` counts what was refused."""

    now: Callable[[], float] = time.monotonic
    together: int = 100
    each: int = 25
    changes: int = 200
    refused: int = 0
    _taken: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def take(self, method: str, path: str) -> None:
        """Let a request pass. Raises the 429 with which Stripe refuses one too many."""
        resource = path.split("/")[2] if path.count("/") > 1 else path
        wanted = [("all", self.together, 1.0, "global-rate"), (resource, self.each, 1.0, "endpoint-rate")]
        if method == "POST" and _SUBSCRIPTION.fullmatch(path):
            wanted.append((path, self.changes, HOUR, "resource-specific"))
        for name, most, seconds, reason in wanted:
            if self._held(name, seconds) >= most:
                self.refused += 1
                raise rate_limited(reason)
        for name, *_ in wanted:
            self._taken[name].append(self.now())

    def _held(self, name: str, seconds: float) -> int:
        taken = self._taken[name]
        while taken and taken[0] <= self.now() - seconds:
            taken.popleft()
        return len(taken)


class TooMany(BeforeItBegan):
    """A 429. ``headers`` say why, and when to come back."""

    def __init__(self, text: str, *, code: str, headers: dict[str, str]) -> None:
        super().__init__(text, status=429, code=code)
        self.headers = headers


def rate_limited(reason: str) -> TooMany:
    """Too many requests: trying again at once makes it worse."""
    headers = {"Stripe-Rate-Limited-Reason": reason, "Stripe-Should-Retry": "false", "Retry-After": "1"}
    return TooMany("Request rate limit exceeded.", code="rate_limit", headers=headers)


def locked() -> TooMany:
    """Something else works on the object: trying again is right."""
    return TooMany(
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing it.",
        code="lock_timeout",
        headers={"Stripe-Should-Retry": "true"},
    )
