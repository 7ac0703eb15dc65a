"""The groups of a pool, between what the manifest says, what the authority is told, and what the status shows."""

from collections.abc import Iterable, Mapping

from seatwarden.domain import seats
from seatwarden.resources.seat_limits import GroupStatus, SeatGroup


def seat_groups(wanted: Iterable[SeatGroup]) -> dict[str, seats.SeatGroup]:
    """What the authority is told. A holder that stands in several groups is in the first of them."""
    placed = set[str]()
    groups = {}
    for group in wanted:
        members = frozenset(group.members) - placed
        placed |= members
        groups[group.name] = seats.SeatGroup(
            reserved=group.reserved, limit=group.limit, members=members, priority=group.priority
        )
    return groups


def seats_of_groups(
    wanted: Iterable[SeatGroup], before: Iterable[GroupStatus], counted: Mapping[str, int] | None
) -> tuple[GroupStatus, ...]:
    """What each group has; where nothing was ``counted``, what was told of it ``before``."""
    told = {group.name: group.used for group in before} if counted is None else counted
    return tuple(GroupStatus(name=group.name, used=told.get(group.name, 0)) for group in wanted)
