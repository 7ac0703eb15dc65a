"""P1: never more live leases than seats, and P2: never a seat that nobody can have."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from seatwarden.domain.seats import AcquireRequest, Code, Grant, PoolUid, Refusal
from tests.authority.desk import KEY, Desk, holder

ROUNDS, CLIENTS, SEATS = 300, 200, 50


async def test_two_hundred_clients_at_once_on_fifty_seats_get_exactly_fifty(desk: Desk) -> None:
    """behaviour 1"""
    requests = [AcquireRequest(key_hash=KEY, holder=holder(number)) for number in range(CLIENTS)]
    for _ in range(ROUNDS):
        pool = PoolUid(str(uuid4()))
        await desk.authority.configure(pool, replace(desk.config, capacity=SEATS), term=1)
        answers = await asyncio.gather(*(desk.authority.acquire(pool, request) for request in requests))
        grants = [answer for answer in answers if isinstance(answer, Grant)]
        assert len(grants) == SEATS
        assert len({grant.fence for grant in grants}) == SEATS
        assert len({grant.lease_id for grant in grants}) == SEATS
        assert max(grant.live for grant in grants) == SEATS
        assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {Code.POOL_EXHAUSTED}
        await desk.authority.remove(pool)
