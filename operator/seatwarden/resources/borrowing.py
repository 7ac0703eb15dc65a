"""What of a SeatPool's seats can be borrowed, and what is. Data only."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from seatwarden.resources.base import Count, Instant, Int32, Model, Seats, SpecModel
from seatwarden.resources.rules import DurationBetween

MOST_BORROWED = 1000
"""Seats of one pool: each borrow is an entry of its status."""


class BorrowPolicy(SpecModel):
    """Seats that programs may take away, to work where there is no network."""

    max_seats: Annotated[Int32, Field(ge=0, le=MOST_BORROWED)] = 0
    """The most seats that are borrowed at one time, from 0 to 1000; with 0 none can be. A seat that is away counts as used
    until it comes back. Default 0."""
    max_duration: Annotated[timedelta, DurationBetween("1m", "8760h")] = timedelta(hours=72)
    """How long a seat may be away, such as 8h; from 1m to 8760h, which is a year. What is borrowed cannot be called back,
    so a shorter time counts for later borrows only. Default 72h."""
    low_water: Seats = 0
    """So many seats of the pool are never borrowed, so that programs that work online find some. Default 0."""


class BorrowStatus(Model):
    """A lease that is borrowed."""

    holder: Annotated[str, Field(max_length=64)]
    """The holder: its hardware id, 64 hex digits."""
    until: Instant
    """When it is to be back. Until then its seats count as used."""
    seats: Count
    """How many seats it has."""
    group: Annotated[str | None, Field(max_length=63)] = None
    """The group whose seats they are, if any."""
    fence: Count
    """The fence of the lease, with which it is put back if Redis loses it."""
