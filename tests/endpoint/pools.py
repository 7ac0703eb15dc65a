"""Pools for tests over the real authority."""

import secrets
from dataclasses import dataclass, replace
from uuid import uuid4

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key
from seatwarden.domain.seats import Millis, PoolConfig, PoolUid
from tests.domain.objects import pool_config

LEASE = Millis(60_000)
DOCUMENT = '{"entitlements":{"export":true,"projects":3},"plan":"Team","pool":"dev"}'


@dataclass
class Pool:
    """A pool in the authority, as the operator would have put it there."""

    authority: RedisSeatAuthority
    uid: PoolUid
    key: LicenceKey
    config: PoolConfig

    async def configure(self, **changes: object) -> None:
        """Change the pool's configuration."""
        self.config = replace(self.config, generation=self.config.generation + 1, **changes)  # type: ignore[arg-type]  # names checked by replace
        await self.authority.configure(self.uid, self.config, term=1)


async def make_pool(
    authority: RedisSeatAuthority,
    *,
    seats: int = 2,
    lease: Millis = LEASE,
    valid_until: Millis | None = None,
) -> Pool:
    """A new pool with ``seats`` seats."""
    uid = PoolUid(str(uuid4()))
    key = new_licence_key(uid, secrets.token_bytes(SECRET_BYTES))
    config = pool_config(
        tenant_uid=str(uuid4()),
        capacity=seats,
        lease=lease,
        signed_for=Millis(3_600_000),
        heartbeat=Millis(lease // 3),
        valid_until=valid_until,
        key_ids={key.sha256: key.key_id},
        document=DOCUMENT,
    )
    await authority.configure(uid, config, term=1)
    return Pool(authority, uid, key, config)
