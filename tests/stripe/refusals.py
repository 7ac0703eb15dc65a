"""How Stripe says no: https://docs.stripe.com/api/errors. Types and codes are Stripe's, the sentences are the stand-in's own."""

from typing import Any


class StripeRefusal(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        text: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        told = {"type": kind, "message": text, "code": code, "param": param, "decline_code": decline_code}
        self.body: dict[str, Any] = {"error": {name: value for name, value in told.items() if value}}


class BeforeItBegan(StripeRefusal):
    """Refused before anything was done, so that an idempotency key is not used up."""


class NotServed(Exception):
    """Stripe could do it and the stand-in cannot: a test must not go on as if it had been done."""


def missing(what: str, identity: str, param: str = "id", *, status: int = 404) -> StripeRefusal:
    """No such thing: 404 where the path names it, 400 where a parameter does."""
    return StripeRefusal(f"No such {what}: '{identity}'", status=status, code="resource_missing", param=param)


def declined(text: str = "Your card was declined.") -> StripeRefusal:
    """The bank says no."""
    return StripeRefusal(
        text, status=402, kind="card_error", code="card_declined", decline_code="generic_decline"
    )
