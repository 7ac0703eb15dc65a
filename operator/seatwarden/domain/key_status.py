"""What status and Events say of a pool's licence keys: their public ids, and never a key."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from seatwarden.domain.identity_token import IDENTITY_KEY_ID
from seatwarden.domain.key_ring import KeyRing, Keys, dies_at
from seatwarden.domain.seats import KeyUse
from seatwarden.resources.rules import format_instant
from seatwarden.resources.seatpool import (
    MOST_LICENCE_KEYS,
    KeyState,
    LicenceKeyStatus,
    SeatPool,
    TokensStatus,
)


class _Use(NamedTuple):
    """What is shown of a key's use."""

    granted: int = 0
    denied: int = 0
    last_used_at: datetime | None = None


def licence_keys(
    pool: SeatPool, ring: KeyRing, counted: Mapping[str, KeyUse] | None
) -> tuple[LicenceKeyStatus, ...]:
    """All keys of ``ring``, the newest first. Where nothing is ``counted`` yet, what was last told of their use stays."""
    uses = _told(pool) if counted is None else {key_id: _use(use) for key_id, use in counted.items()}
    overlap = pool.spec.licence_key.overlap
    living = [
        (group, key_id, expires_at)
        for group, keys in ring.all_keys()
        for key_id, expires_at in _living(keys, overlap)
    ]
    return tuple(
        LicenceKeyStatus(
            id=key_id,
            group=group or None,
            state=KeyState.ACTIVE if expires_at is None else KeyState.OVERLAPPING,
            expires_at=expires_at,
            **uses.get(key_id, _Use())._asdict(),
        )
        for group, key_id, expires_at in living
    )


def _living(keys: Keys, overlap: timedelta) -> list[tuple[str, datetime | None]]:
    return [(keys.newest.key_id, None), *((key.key_id, dies_at(key, overlap)) for key in keys.earlier)]


def tokens(
    pool: SeatPool, counted: Mapping[str, KeyUse] | None, *, are_taken: bool | None
) -> TokensStatus | None:
    """What tokens were used for, where they open the pool; None for ``are_taken`` is that this is not known now."""
    before = pool.status.tokens
    if are_taken is False or (are_taken is None and before is None):
        return None
    if counted is None:
        return before or TokensStatus(granted=0, denied=0)
    use = counted.get(IDENTITY_KEY_ID)
    return TokensStatus(**(_Use() if use is None else _use(use))._asdict())


def rotation_waiting(waits_until: datetime | None) -> str | None:
    """Until when a key that was asked for waits, as a sentence; None where none does."""
    if waits_until is None:
        return None
    return (
        f"{MOST_LICENCE_KEYS} licence keys open the pool, and more may not. The new one is made when the oldest dies, at "
        f"{format_instant(waits_until)}. A shorter spec.licenceKey.overlap ends earlier keys sooner."
    )


def rotated(replaced_id: str, ring: KeyRing, overlap: timedelta) -> str:
    """That another key than the one with id ``replaced_id`` is the newest now, as a sentence."""
    lives = next((key for key in ring.earlier if key.key_id == replaced_id), None)
    fate = (
        "opens nothing any more"
        if lives is None
        else f"opens the pool until {format_instant(dies_at(lives, overlap))}"
    )
    groups = " Those of its groups are replaced with it." if ring.groups else ""
    return f"The licence key is now the one with id {ring.newest.key_id}. The one before, {replaced_id}, {fate}.{groups}"


def _told(pool: SeatPool) -> dict[str, _Use]:
    return {key.id: _Use(key.granted, key.denied, key.last_used_at) for key in pool.status.licence_keys}


def _use(use: KeyUse) -> _Use:
    # In whole seconds, as status is written: what is read back must be equal to what was meant.
    return _Use(use.granted, use.denied, datetime.fromtimestamp(use.last_used // 1000, UTC))
