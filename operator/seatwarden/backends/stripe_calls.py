"""One call to Stripe: its turn, its time limit, and what its errors mean."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import stripe

from seatwarden.backends.billing import AUTHENTICATION, MISSING, PERMISSION, BillingAway, BillingRefused
from seatwarden.backends.stripe_pace import Pacer

T = TypeVar("T")
CALL_SECONDS = 20.0
"""Stripe says that most calls end within two seconds, and some of those that make an invoice take longer."""
_ASKED_TO_WAIT_SECONDS = 2.0
_KEY_IN_USE = "idempotency_key_in_use"
_LOCKED = "lock_timeout"


@dataclass(slots=True, kw_only=True)
class StripeCalls:
    """Calls one by one; ``counted`` is told each with its endpoint and outcome (ok, away, refused, missing)."""

    pacer: Pacer
    counted: Callable[[str, str], None]
    seconds: float = CALL_SECONDS

    async def do(self, endpoint: str, call: Callable[[], Awaitable[T]], *, urgent: bool) -> T:
        """What the call answers.

        Raises:
            BillingAway: Stripe gave no answer, broke off, or asked to wait.
            BillingRefused: Stripe said no.
        """
        await self.pacer.turn(endpoint, urgent=urgent)
        try:
            async with asyncio.timeout(self.seconds):
                answer = await call()
        except TimeoutError:
            self.counted(endpoint, "away")
            raise BillingAway(f"Stripe gave no answer within {self.seconds:g} s") from None
        except stripe.StripeError as error:
            told = self._meaning(error)
            self.counted(endpoint, "refused" if isinstance(told, BillingRefused) else "away")
            raise told from None
        self.counted(endpoint, "ok")
        return answer

    async def find(self, endpoint: str, call: Callable[[], Awaitable[T]], *, urgent: bool) -> T | None:
        """What the call answers, or None where there is no such thing. Raises as `do`."""
        try:
            return await self.do(endpoint, call, urgent=urgent)
        except BillingRefused as error:
            if error.code == MISSING:
                return None
            raise

    def _meaning(self, error: stripe.StripeError) -> BillingAway | BillingRefused:
        if isinstance(error, stripe.RateLimitError):
            wait = _seconds_asked(error) or _ASKED_TO_WAIT_SECONDS
            self.pacer.pause(wait)
            return BillingAway("Stripe asks to wait", retry_after=wait)
        if isinstance(error, stripe.APIConnectionError):
            return BillingAway("Stripe cannot be reached, or broke off")
        if _passes(error):
            return BillingAway(f"Stripe answered {error.http_status}", retry_after=_seconds_asked(error))
        return _refusal(error)


def _passes(error: stripe.StripeError) -> bool:
    """Whether the same call may well be answered otherwise in a moment."""
    status = error.http_status or HTTPStatus.OK
    return (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.CONFLICT
        or _code(error) in {_KEY_IN_USE, _LOCKED}
    )


def _refusal(error: stripe.StripeError) -> BillingRefused:
    said = error.user_message or "no reason given"
    if isinstance(error, stripe.AuthenticationError):
        # Stripe's own sentence quotes parts of the key.
        return BillingRefused("Stripe does not take the API key", code=AUTHENTICATION)
    if isinstance(error, stripe.PermissionError):
        return BillingRefused(f"the API key lacks a permission: {said}", code=PERMISSION)
    if isinstance(error, stripe.IdempotencyError):
        return BillingRefused("Stripe knows this idempotency key with another wish", code="idempotency_error")
    return BillingRefused(f"Stripe says: {said}", code=_code(error) or "invalid_request")


def _code(error: stripe.StripeError) -> str | None:
    """The SDK has it as an attribute of some errors only."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    return error.code or (body.get("error") or {}).get("code")


def _seconds_asked(error: stripe.StripeError) -> float | None:
    try:
        return float((error.headers or {}).get("retry-after", ""))
    except ValueError:
        return None
