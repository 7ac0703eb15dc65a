"""What Stripe remembers under an idempotency key: https://docs.stripe.com/api/idempotent_requests.

The first answer under a key is given again for a day, whatever it was, also a 500. Nothing is remembered of a request that was
refused before anything was done: bad parameters, too many requests, or a key that another request is using.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.stripe.clock import DAY
from tests.stripe.refusals import BeforeItBegan

_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: dict[str, Any]


@dataclass(slots=True)
class _Kept:
    fingerprint: str
    since: int
    answer: Answer | None = None


@dataclass(slots=True)
class Idempotency:
    """The keys of the last day, by the account's clock."""

    kept: dict[str, _Kept] = field(default_factory=dict)

    def begin(self, key: str, method: str, path: str, given: dict[str, Any], now: int) -> Answer | None:
        """The answer that was given under ``key`` before; None where the request is the first and may go on. Raises what Stripe
        refuses: another request under the same key, or the same one at the same time."""
        if len(key) > _LONGEST:
            raise BeforeItBegan(f"An idempotency key has at most {_LONGEST} characters")
        fingerprint = json.dumps([method, path, given], sort_keys=True)
        kept = self.kept.get(key)
        if kept is None or now - kept.since >= DAY:
            self.kept[key] = _Kept(fingerprint, now)
            return None
        if kept.fingerprint != fingerprint:
            raise BeforeItBegan(
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        if kept.answer is None:
            raise BeforeItBegan(
                f"There is currently another in-progress request using the key {key}.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        return kept.answer

    def end(self, key: str, answer: Answer) -> None:
        """Remember the answer."""
        self.kept[key].answer = answer

    def forget(self, key: str) -> None:
        """Nothing was done: the key is free again."""
        self.kept.pop(key, None)
