"""Signed leases: given with each seat, made anew when they grow old, and believed where the authority has forgotten.

Signing costs a client's request some 40 microseconds, verifying 120. So a heartbeat pays only where it is worth something:
where the lease it shows is past half of its time, or where the authority does not know the lease.
"""

from dataclasses import dataclass, replace

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_wire import nonce_digest
from seatwarden.domain.borrowing import Borrow, Return
from seatwarden.domain.seats import Beat, Code, Grant, Millis, PoolUid, SignedLease
from seatwarden.domain.signed_lease import may_be_past_half, past_half

FORGOTTEN = frozenset({Code.UNKNOWN_SESSION, Code.STALE_FENCE})
"""Verdicts on a lease that the authority may have given and lost."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """With ``keys`` None nothing is signed, and nobody is believed."""

    keys: InstallationKeys | None

    def of_grant(self, pool: PoolUid, holder: str, nonce: str, grant: Grant) -> str | None:
        """The signed lease that goes with a seat."""
        beat, run = Beat(grant.lease_id, grant.fence), (holder, nonce_digest(nonce))
        return self._signed(pool, beat, run, grant, grant.signed_for)

    def of_borrow(self, pool: PoolUid, lease_id: str, borrow: Borrow) -> str | None:
        """The signed lease that goes away with a seat: it counts until the seat is to be back."""
        return self._signed(
            pool, Beat(lease_id, borrow.fence), (borrow.holder, borrow.nonce), borrow, borrow.borrowed_for
        )

    def of_return(self, pool: PoolUid, beat: Beat, back: Return) -> str | None:
        """The signed lease that takes the place of the one of the borrow."""
        return self._signed(pool, beat, (back.holder, back.nonce), back, back.signed_for)

    def _signed(
        self, pool: PoolUid, beat: Beat, run: tuple[str, str], told: Grant | Borrow | Return, length: Millis
    ) -> str | None:
        """The lease of a ``run``, which is a holder and the digest of its nonce, for ``length`` from when it was ``told``."""
        if self.keys is None:
            return None
        holder, nonce = run
        return self.keys.sign(
            SignedLease(
                pool=pool,
                lease_id=beat.lease_id,
                holder=holder,
                nonce=nonce,
                fence=beat.fence,
                issued_at=told.at,
                valid_until=Millis(told.at + length),
                quantity=told.quantity,
                group=told.group,
            )
        )

    def shown(self, text: str | None, pool: PoolUid) -> SignedLease | None:
        """The lease of ``pool`` that ``text`` proves, or None."""
        return self.keys.verify(text, pool) if self.keys is not None and text is not None else None

    def of_beat(self, text: str | None, pool: PoolUid, beat: Beat) -> SignedLease | None:
        """The lease that ``text`` proves, if it is the one of ``beat``."""
        lease = self.shown(text, pool)
        return (
            lease
            if lease is not None and (lease.lease_id, lease.fence) == (beat.lease_id, beat.fence)
            else None
        )

    def renewed(
        self, text: str | None, pool: PoolUid, beat: Beat, code: Code, *, at: Millis, signed_for: Millis
    ) -> str | None:
        """A new signed lease in place of one that grows old, or None where it is good for long."""
        if self.keys is None or text is None or code is not Code.OK:
            return None
        if not may_be_past_half(text, at):
            return None
        lease = self.of_beat(text, pool, beat)
        if lease is None or not past_half(lease, at):
            return None
        # One that is signed for a borrow can count for longer than what is signed now.
        valid_until = max(lease.valid_until, Millis(at + signed_for))
        return self.keys.sign(replace(lease, issued_at=at, valid_until=valid_until))
