"""A client for Python programs that take seats. It needs httpx and nothing else.

    from seatwarden.client import Client

    with Client() as client, client.hold(project="render") as seat:
        while work_is_left() and seat.held:
            work()

`AsyncClient` does the same with `async with`. The guide is docs/python-client.md.
"""

from seatwarden.client.aio import AsyncClient
from seatwarden.client.aio_seat import AsyncBorrowedSeat, AsyncSeat, AsyncSeats
from seatwarden.client.borrowed import Borrowed
from seatwarden.client.errors import (
    BorrowRefused,
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
from seatwarden.client.several import PoolWish
from seatwarden.client.sync import Client
from seatwarden.client.sync_seat import BorrowedSeat, Seat, Seats

__all__ = [
    "AsyncBorrowedSeat",
    "AsyncClient",
    "AsyncSeat",
    "AsyncSeats",
    "BorrowRefused",
    "Borrowed",
    "BorrowedSeat",
    "Client",
    "EndpointUnavailable",
    "Licence",
    "LicenceGroup",
    "LicenceRefused",
    "Loss",
    "NoSeatFree",
    "PoolWish",
    "RequestRefused",
    "Seat",
    "SeatError",
    "SeatLost",
    "SeatRefused",
    "Seats",
    "SetupError",
    "holder_id",
]
