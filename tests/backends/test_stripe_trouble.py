"""What the reconcilers are told when Stripe says no, nothing, or something that nobody should read."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seatwarden.backends.billing import BillingAway, BillingRefused
from seatwarden.backends.stripe_connection import StripeConnection
from tests.backends.stripe_desk import ACME, RETURN_URL, Desk, desk
from tests.stripe.faults import Fault
from tests.stripe.server import API_KEY


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path, seconds=1.0) as opened:
        yield opened


@pytest.mark.parametrize(
    "fault",
    [
        Fault.ERROR_BEFORE,
        Fault.ERROR_AFTER,
        Fault.HANG_BEFORE,
        Fault.HANG_AFTER,
        Fault.RESET_BEFORE,
        Fault.RESET_AFTER,
        Fault.RATE_LIMITED,
        Fault.LOCKED,
    ],
)
async def test_what_may_pass_is_told_as_away_and_a_repetition_makes_one_customer(
    shop: Desk, fault: Fault
) -> None:
    shop.server.faults.fail(fault, method="POST", path="/v1/customers")
    with pytest.raises(BillingAway) as away:
        await shop.billing.create_customer(ACME, key="acme")
    assert API_KEY not in str(away.value)
    assert shop.counts["POST /v1/customers", "away"] == 1
    # An error that was answered under a key is answered again for a day: what it did is found by a look.
    if fault is not Fault.ERROR_AFTER:
        await shop.billing.create_customer(ACME, key="acme")
    shop.server.clock.advance(seconds=61)
    assert len(await shop.billing.find_customers("uid-acme", "cluster-1")) == 1


async def test_retries_make_nothing_of_a_connection_that_breaks(tmp_path: Path) -> None:
    async with desk(tmp_path, retries=2) as shop:
        shop.server.faults.fail(Fault.RESET_AFTER, method="POST", path="/v1/customers")
        await shop.billing.create_customer(ACME, key="acme")
        shop.server.clock.advance(seconds=61)
        assert len(await shop.billing.find_customers("uid-acme", "cluster-1")) == 1


async def test_after_a_word_to_wait_nothing_is_asked_for_so_long(shop: Desk) -> None:
    shop.server.faults.fail(Fault.RATE_LIMITED)
    with pytest.raises(BillingAway) as away:
        await shop.billing.read_customer("cus_1")
    assert away.value.retry_after is not None
    heard = len(shop.server.heard)
    waiting = asyncio.ensure_future(shop.billing.read_customer("cus_1"))
    await asyncio.sleep(0.1)
    assert len(shop.server.heard) == heard
    assert await waiting is None


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.UNAUTHORISED, "authentication"), (Fault.FORBIDDEN, "permission")]
)
async def test_a_key_that_may_not_is_told_without_the_key(shop: Desk, fault: Fault, code: str) -> None:
    shop.server.faults.fail(fault)
    with pytest.raises(BillingRefused) as refused:
        await shop.billing.read_customer("cus_1")
    assert refused.value.code == code
    assert "sk_" not in str(refused.value)
    assert shop.counts["GET /v1/customers/{id}", "refused"] == 1


async def test_a_new_key_in_the_file_is_taken_with_the_next_call(shop: Desk) -> None:
    await shop.billing.read_customer("cus_1")
    shop.server.api_key = "sk_test_another"
    with pytest.raises(BillingRefused):
        await shop.billing.read_customer("cus_1")
    shop.connection.key_file.write_text("sk_test_another")
    assert await shop.billing.read_customer("cus_1") is None
    assert "another" not in repr(shop.connection)


@pytest.mark.parametrize("content", ["", " \n", "sk_tést"])
async def test_a_file_that_holds_no_key_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    connection = StripeConnection(key_file=tmp_path / "key", return_url=RETURN_URL, counted=lambda *_: None)
    with pytest.raises(BillingRefused, match="file of Stripe's API key"):
        connection.billing()


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    connection = StripeConnection(key_file=tmp_path / "none", return_url=RETURN_URL, counted=lambda *_: None)
    with pytest.raises(BillingRefused, match="FileNotFoundError"):
        connection.billing()


async def test_nothing_of_a_customer_reaches_the_log(shop: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await shop.billing.create_customer(ACME, key="acme")
    assert "it@acme.invalid" not in caplog.text
    assert API_KEY not in caplog.text
