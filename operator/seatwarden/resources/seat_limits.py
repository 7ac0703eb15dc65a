"""Who may have how many of a SeatPool's seats. Data only."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from seatwarden.resources.base import Bool, Count, Int32, Label, Model, Seats, SpecModel
from seatwarden.resources.rules import DurationBetween, ListSet, Matches, Rule

MOST_GROUPS = 1000
MOST_MEMBERS = 50
MOST_GROUP_KEYS = 50
"""So many groups of a pool may have a licence key of their own."""
MOST_WAITING = 100_000
Rate = Annotated[Int32, Field(ge=1, le=60_000)]

HolderId = Annotated[
    str, Field(max_length=64), Matches("^[0-9a-f]{64}$", "must be the 64 lower-case hex digits of a holder")
]


class SeatGroup(SpecModel):
    """Some of the programs that share a pool."""

    name: Annotated[str, Field(max_length=63), Label]
    """Name of the group: lower-case letters, digits and hyphens. Programs name it when they ask for a seat."""
    reserved: Seats = 0
    """How many seats are kept for this group: nobody else gets them, whether the group uses them or not.
    Default 0."""
    limit: Seats | None = None
    """The most seats that this group may have at one time; 0 shuts it out. Without it there is no limit."""
    priority: Annotated[Int32, Field(ge=0, le=9)] = 0
    """Who goes first in the queue: groups of a higher priority, from 0 to 9, before those of a lower one and before
    programs of no group. Default 0."""
    members: Annotated[tuple[HolderId, ...], Field(max_length=MOST_MEMBERS), ListSet()] = ()
    """Holders, each 64 hex digits, that are in this group whatever their programs name. One that stands in
    several groups is in the first of them."""
    licence_key: Bool = False
    """True gives the group a licence key of its own, in the Secret of the pool under <name>.licence-key. Who comes with it is
    in this group, whatever it names. Without true any more such a key opens nothing. Default false."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.limit) || !has(self.reserved) || self.reserved <= self.limit",
            message="must be at most limit: more seats than that are of no use to the group",
            at="reserved",
            holds=lambda group: group.limit is None or group.reserved <= group.limit,
        ),
    )


class AcquiresPerMinute(SpecModel):
    """How often a seat may be asked for. So many requests may come at once, and then one each part of a minute."""

    per_key: Rate | None = None
    """Requests a minute that are answered for each licence key, from 1 to 60,000. Without it, any number is."""
    per_holder: Rate | None = None
    """Requests a minute that are answered for each holder, from 1 to 60,000. Without it, any number is."""


class Limits(SpecModel):
    """What one holder may have, and how often it or a licence key may ask."""

    seats_per_holder: Annotated[Int32, Field(ge=1, le=1000)] | None = None
    """The most seats that one holder may have at one time, from 1 to 1000. Without it there is no limit."""
    acquires_per_minute: AcquiresPerMinute = AcquiresPerMinute()
    """How often a seat may be asked for; who asks more often is refused with a time to wait. Heartbeats and releases do
    not count."""

    devices: Annotated[Int32, Field(ge=1, le=1000)] | None = None
    """How many holders may be registered, from 1 to 1000: each that takes a seat is, and stays so until it is removed.
    Without it there is no limit."""
    device_cooldown: Annotated[timedelta, DurationBetween("0s", "8760h")] = timedelta(0)
    """How long after a client has removed a device the next one can be removed, such as 720h; from 0s to 8760h. Default
    0s."""


class DevicesStatus(Model):
    """What is known of the devices of a pool."""

    registered: Count | None = None
    """How many holders are registered. Follows the truth by some seconds."""
    limit: Count | None = None
    """How many may be."""


class Queue(SpecModel):
    """Programs that wait for a seat."""

    size: Annotated[Int32, Field(ge=0, le=MOST_WAITING)] = 0
    """How many programs may wait at one time, from 0 to 100,000. With 0 there is no queue, and who asks first
    gets what is free. Default 0."""
    claim_window: Annotated[timedelta, DurationBetween("5s", "10m")] = timedelta(seconds=30)
    """How long a free seat is kept for the first program that waits, such as 30s; from 5s to 10m. Then it goes to
    the next one. A program that has not asked again for twice as long loses its place. Default 30s."""


class GroupStatus(Model):
    """What a group of the pool has."""

    name: Annotated[str, Field(max_length=63)]
    """Name of the group."""
    used: Count
    """Seats that the group has at this moment. Follows the truth by some seconds."""
