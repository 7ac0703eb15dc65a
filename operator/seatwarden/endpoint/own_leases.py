"""Whose lease is it? Who shows a token may act on its own lease only; a licence key opens all leases of its pool.

A lease's id is made of its holder, so what the authority says once about a holder stays true; a mismatch is asked again,
since a pool that lost its state makes other ids.
"""

from collections import OrderedDict
from collections.abc import Sequence

from seatwarden.backends.authority import SeatPath
from seatwarden.domain.seats import Validation
from seatwarden.endpoint.credentials import Credential

KEPT_HOLDERS = 16384


class OwnLeases:
    """Remembers the lease ids of holders."""

    def __init__(self, seats: SeatPath) -> None:
        self._seats = seats
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    def note(self, credential: Credential, lease_id: str) -> None:
        """The authority has given ``lease_id`` to the holder of ``credential``."""
        if credential.holder is None:
            return
        place = (credential.pool, credential.holder)
        self._known[place] = lease_id
        self._known.move_to_end(place)
        if len(self._known) > KEPT_HOLDERS:
            self._known.popitem(last=False)

    async def among(self, credential: Credential, lease_ids: Sequence[str]) -> list[bool]:
        """Which of ``lease_ids`` may be acted upon with ``credential``? One question to the authority at most.

        Raises:
            AuthorityUnavailable: it does not answer.
        """
        if credential.holder is None:
            return [True] * len(lease_ids)
        own = self._known.get((credential.pool, credential.holder))
        if any(lease_id != own for lease_id in lease_ids):
            own = await self._ask(credential, credential.holder)
        return [lease_id == own for lease_id in lease_ids]

    async def _ask(self, credential: Credential, holder: str) -> str | None:
        found = await self._seats.validate(credential.pool, credential.key_hash, holder=holder)
        if not isinstance(found, Validation) or found.lease_id is None:
            return None
        self.note(credential, found.lease_id)
        return found.lease_id
