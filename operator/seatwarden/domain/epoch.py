"""Which epoch a pool's authority must be in, so that fences never go back.

An epoch is raised when the authority has lost what it knew: it has no state of a pool that was provisioned before, or its
state is older than the epoch that the pool's status remembers (an old snapshot was restored). A snapshot of the same epoch is
noticed by the totals, which never go back in an epoch.

What remains. A snapshot of the same epoch passes for the newest state where it was restored while no operator looked, or
where all totals have outgrown the former ones at the next look, some ten seconds later. And an operator that dies after it
has raised an epoch in the authority and before it has written it into status leaves nobody who knows of it: should the authority
be lost once more before the next operator has read it, the same epoch is begun a second time.
"""

from seatwarden.domain.seats import PoolCounts

FIRST_EPOCH = 1


def next_epoch(*, remembered: int | None, observed: int | None) -> int:
    """The epoch to configure, from the one in the pool's status and the one that the authority has (None: no state)."""
    if observed is None:
        return FIRST_EPOCH if remembered is None else remembered + 1
    if remembered is not None and observed < remembered:
        return remembered + 1
    return observed


def standing_epoch(*, remembered: int | None, observed: int | None) -> int | None:
    """The epoch of a pool of which nothing may be written now: the highest one known, which a loss does not change."""
    return max((epoch for epoch in (remembered, observed) if epoch is not None), default=None)


def state_was_lost(*, remembered: int | None, observed: int | None) -> bool:
    """True where the authority forgot a pool that it once had, or remembers less of it than status does."""
    return remembered is not None and (observed is None or observed < remembered)


def counts_went_back(before: PoolCounts, after: PoolCounts) -> bool:
    """True where counts that were made later are of an earlier state: a snapshot was restored, or a failover lost writes."""
    if after.epoch != before.epoch:
        return after.epoch < before.epoch
    return any(now < then for now, then in zip(_totals(after), _totals(before), strict=True))


def _totals(counts: PoolCounts) -> tuple[int, ...]:
    ended = (counts.released, counts.expired, counts.evicted, counts.suspended)
    return (counts.granted, counts.taken_over, *ended)
