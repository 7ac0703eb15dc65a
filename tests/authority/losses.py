"""What a loss of Redis does to a pool, done to it by hand."""

from dataclasses import replace

from seatwarden.backends.redis_wire import Loss, nonce_digest
from seatwarden.domain.seats import Arrival, BeatVerdict, Grant, Millis, SignedLease
from tests.authority.desk import KEY, Desk, holder


def proof(desk: Desk, grant: Grant, number: int, *, nonce: str = "", **changes: object) -> SignedLease:
    """What the endpoint has verified of the lease that machine ``number`` shows."""
    lease = SignedLease(
        pool=desk.pool,
        lease_id=grant.lease_id,
        holder=holder(number),
        nonce=nonce_digest(nonce),
        fence=grant.fence,
        issued_at=grant.at,
        valid_until=Millis(grant.at + grant.signed_for),
        quantity=grant.quantity,
        group=grant.group,
    )
    return replace(lease, **changes)  # type: ignore[arg-type]  # the tests name fields rightly


async def lost(desk: Desk, *, run: str = "second run") -> Arrival:
    """Tell the pool that it is on another server now, which may have lost what it acknowledged."""
    return await desk.arrive(run, loss=Loss.EXPECTED)


async def forget(desk: Desk, grant: Grant) -> None:
    """Take every trace of a lease out of Redis, as if its grant had never been replicated."""
    lease = bytes.fromhex(grant.lease_id)
    await desk.redis.zrem(desk.keys.expiry, *await desk.seats_of(grant))
    await desk.redis.hdel(desk.keys.leases, lease)
    await desk.redis.hincrby(desk.keys.state, "used", -grant.quantity)
    await desk.redis.hincrby(desk.keys.state, "extra", 1 - grant.quantity)


async def readmit(desk: Desk, lease: SignedLease) -> BeatVerdict:
    return await desk.authority.readmit(desk.pool, KEY, lease)
