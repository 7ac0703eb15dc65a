"""A client for Python programs that take seats. It needs httpx and nothing else.

    from seatwarden.client import Client

    with Client() as client, client.hold(project="render") as seat:
        while work_is_left() and seat.held:
            work()

`AsyncClient` does the same with `async with`. The guide is docs/python-client.md.
"""

from seatwarden.client.aio import AsyncClient, AsyncSeat
from seatwarden.client.errors import (
    EndpointUnavailable,
    LicenceRefused,
    NoSeatFree,
    RequestRefused,
    SeatError,
    SeatLost,
    SeatRefused,
    SetupError,
)
from seatwarden.client.holders import holder_id
from seatwarden.client.keeping import Loss
from seatwarden.client.licence import Licence, LicenceGroup
from seatwarden.client.sync import Client, Seat

__all__ = [
    "AsyncClient",
    "AsyncSeat",
    "Client",
    "EndpointUnavailable",
    "Licence",
    "LicenceGroup",
    "LicenceRefused",
    "Loss",
    "NoSeatFree",
    "RequestRefused",
    "Seat",
    "SeatError",
    "SeatLost",
    "SeatRefused",
    "SetupError",
    "holder_id",
]
