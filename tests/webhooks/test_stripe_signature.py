import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden_webhooks.stripe_signature import TOLERANCE_SECONDS, SignatureFault, signature_fault
from tests.webhooks.signed_events import OTHER_SECRET, SECRET, signature

NOW = 1_764_590_400.0
BODY = b'{"id": "evt_1"}'

# The event and the signature by which Stripe's libraries for .NET and others check themselves.
PUBLISHED_TIME = 1533204620
PUBLISHED_HEADER = (
    f"t={PUBLISHED_TIME},v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,"
    "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"
)
PUBLISHED_SECRET = b"webhook_secret"
PUBLISHED_EVENT = {
    "id": "evt_123",
    "object": "event",
    "account": "acct_123",
    "api_version": "2017-05-25",
    "created": PUBLISHED_TIME,
    "data": {
        "object": {
            "id": "ii_123",
            "object": "invoiceitem",
            "amount": 1000,
            "currency": "usd",
            "customer": "cus_123",
            "date": PUBLISHED_TIME,
            "description": "Test Invoice Item",
            "discountable": False,
            "invoice": "in_123",
            "livemode": False,
            "metadata": {},
            "period": {"start": PUBLISHED_TIME, "end": PUBLISHED_TIME},
            "plan": None,
            "proration": False,
            "quantity": None,
            "subscription": None,
        }
    },
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": "req_123", "idempotency_key": "idempotency-key-123"},
    "type": "invoiceitem.created",
}
PUBLISHED_BODY = (json.dumps(PUBLISHED_EVENT, indent=2) + "\n").encode()


def fault(header: str | None, body: bytes = BODY, *, now: float = NOW) -> SignatureFault | None:
    return signature_fault(header, body, (SECRET,), now)


def test_a_published_signature_is_genuine() -> None:
    assert (
        signature_fault(PUBLISHED_HEADER, PUBLISHED_BODY, (PUBLISHED_SECRET,), PUBLISHED_TIME + 100) is None
    )


def test_a_published_signature_is_of_no_other_body_secret_or_time() -> None:
    def fault_of(body: bytes, secret: bytes, now: int) -> SignatureFault | None:
        return signature_fault(PUBLISHED_HEADER, body, (secret,), now)

    assert fault_of(PUBLISHED_BODY[:-1], PUBLISHED_SECRET, PUBLISHED_TIME) is SignatureFault.WRONG
    assert fault_of(PUBLISHED_BODY, b"webhook_secre", PUBLISHED_TIME) is SignatureFault.WRONG
    assert fault_of(PUBLISHED_BODY, PUBLISHED_SECRET, PUBLISHED_TIME + 400) is SignatureFault.OUT_OF_TIME


def test_a_signature_of_now_is_genuine() -> None:
    assert fault(signature(BODY, NOW)) is None


@pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS, TOLERANCE_SECONDS])
def test_five_minutes_away_is_still_in_time(seconds: int) -> None:
    assert fault(signature(BODY, NOW + seconds)) is None


@pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS - 1, TOLERANCE_SECONDS + 1])
def test_what_was_overheard_cannot_be_sent_later_nor_made_ahead(seconds: int) -> None:
    assert fault(signature(BODY, NOW + seconds)) is SignatureFault.OUT_OF_TIME


def test_the_time_is_signed_too() -> None:
    old = signature(BODY, NOW - 1000)
    assert fault(old.replace(str(int(NOW - 1000)), str(int(NOW)))) is SignatureFault.WRONG


@given(where=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_no_bit_of_the_body_can_be_changed(where: int, bit: int) -> None:
    tampered = bytearray(BODY)
    tampered[where] ^= 1 << bit
    assert fault(signature(BODY, NOW), bytes(tampered)) is SignatureFault.WRONG


def test_while_a_secret_is_rolled_stripe_signs_by_both_and_either_is_enough() -> None:
    both = signature(BODY, NOW, OTHER_SECRET, SECRET)
    assert signature_fault(both, BODY, (SECRET,), NOW) is None
    assert signature_fault(both, BODY, (OTHER_SECRET,), NOW) is None
    assert signature_fault(both, BODY, (b"whsec_third",), NOW) is SignatureFault.WRONG


def test_of_two_secrets_either_is_enough() -> None:
    for used in (SECRET, OTHER_SECRET):
        assert signature_fault(signature(BODY, NOW, used), BODY, (SECRET, OTHER_SECRET), NOW) is None


def test_another_scheme_is_no_signature() -> None:
    genuine = signature(BODY, NOW)
    assert fault(genuine.replace("v1=", "v2=")) is SignatureFault.MALFORMED
    right = hmac.new(SECRET, b"%d." % NOW + BODY, hashlib.sha256).hexdigest()
    assert fault(f"t={int(NOW)},v0={right}") is SignatureFault.MALFORMED
    assert fault(f"t={int(NOW)},v0={right},v1={'0' * 64}") is SignatureFault.WRONG


def test_without_a_header_it_is_missing() -> None:
    assert fault(None) is SignatureFault.MISSING
    assert fault("") is SignatureFault.MISSING


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "t=,v1=" + "0" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=1e9,v1=" + "0" * 64,
        "t=١٢٣,v1=" + "0" * 64,
        "t=" + "9" * 13 + ",v1=" + "0" * 64,
        "t=1,v1=" + "0" * 63,
        "t=1,v1=" + "G" * 64,
        "t=1,v1=" + "é" * 64,
        "t=1,t=1,v1=" + "0" * 64,
        "v1=" + "0" * 64,
        "t=1",
        "t=1," + "v1=" + "0" * 64 + "x" * 5000,
    ],
)
def test_a_header_of_another_form_is_malformed(header: str) -> None:
    assert fault(header) is SignatureFault.MALFORMED


@given(st.text(max_size=200))
def test_no_header_makes_it_fail(header: str) -> None:
    assert fault(header) in {SignatureFault.MISSING, SignatureFault.MALFORMED, SignatureFault.WRONG}


def test_only_the_first_signatures_are_looked_at() -> None:
    many = ",".join(["v1=" + "0" * 64] * 8)
    right = signature(BODY, NOW).split(",")[1]
    assert fault(f"t={int(NOW)},{right},{many}") is None
    assert fault(f"t={int(NOW)},{many},{right}") is SignatureFault.WRONG
