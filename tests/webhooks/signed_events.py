"""Events as Stripe sends them, with signatures as Stripe makes them."""

import hashlib
import hmac
from typing import Any

import orjson

SECRET = b"whsec_test_first"
OTHER_SECRET = b"whsec_test_second"


def event(number: int = 1, type_: str = "customer.subscription.updated", **changes: Any) -> dict[str, Any]:
    """An event about subscription ``number``, with all that must not be kept."""
    kind = {"customer.subscription": "subscription", "checkout.session": "checkout.session"}
    prefix = type_.rpartition(".")[0]
    made: dict[str, Any] = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-06-30",
        "created": 1_764_590_400,
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": "key"},
        "type": type_,
        "data": {
            "object": {
                "id": f"sub_{number}",
                "object": kind.get(prefix, prefix),
                "customer": f"cus_{number}",
                "status": "active",
                "customer_email": "person@example.com",
            }
        },
    }
    return made | changes


def signature(body: bytes, at: float, *secrets: bytes) -> str:
    """The header for ``body`` sent at ``at``."""
    said = str(int(at))
    signatures = (
        hmac.new(secret, said.encode() + b"." + body, hashlib.sha256).hexdigest()
        for secret in secrets or (SECRET,)
    )
    return ",".join([f"t={said}", *(f"v1={one}" for one in signatures), "v0=" + "0" * 64])


def body_of(made: dict[str, Any]) -> bytes:
    """The bytes of an event."""
    return orjson.dumps(made)
