"""What goes to the scripts of borrowing and comes back from them."""

from collections.abc import Sequence

from seatwarden.backends.redis_link import Argument
from seatwarden.backends.redis_wire import fence_bytes, holder_bytes, lease_arguments, told_length, unexpected
from seatwarden.domain.borrowing import (
    Borrow,
    BorrowedLease,
    BorrowRefusal,
    Borrows,
    Return,
    ReturnVerdict,
)
from seatwarden.domain.licence_key import KEY_ID_LENGTH
from seatwarden.domain.seats import Beat, BeatVerdict, Code, Fence, Millis

_FIELDS_OF_A_BORROW = 5
NO_NOTES = bytes(KEY_ID_LENGTH // 2)
"""The tail of a record that was put back: nobody acquired it with a licence key that is known."""


def borrow_arguments(key_hash: str, beat: Beat, length: Millis) -> tuple[Argument, ...]:
    """The ARGV of borrow.lua; ``length`` 0 is as long as may be."""
    return *lease_arguments(key_hash, beat), length


def restore_arguments(borrowed: Sequence[BorrowedLease]) -> tuple[Argument, ...]:
    """The ARGV of restore.lua."""
    told: list[Argument] = [NO_NOTES]
    for each in borrowed:
        told += [holder_bytes(each.holder), fence_bytes(each.fence), each.until, each.quantity, each.group]
    return tuple(told)


def read_borrow(reply: list[bytes | int]) -> Borrow | BorrowRefusal:
    """The answer of borrow.lua."""
    match reply:
        case [
            b"borrowed",
            int(length),
            int(at),
            int(fence),
            bytes(holder),
            bytes(nonce),
            int(quantity),
            bytes(group),
            int(capacity),
            int(live),
        ]:
            return Borrow(
                borrowed_for=Millis(length),
                at=Millis(at),
                fence=Fence(fence),
                holder=holder.decode(),
                nonce=nonce.decode(),
                quantity=quantity,
                group=group.decode(),
                capacity=capacity,
                live=live,
            )
        case [b"borrow_limit", int(seats), int(longest)]:
            return BorrowRefusal(code=Code.BORROW_LIMIT, seats_left=seats, longest=Millis(longest))
        case [bytes(code), int(left)]:
            return BorrowRefusal(code=Code(code.decode()), left=Millis(left))
    raise unexpected("borrow")


def read_return(reply: list[bytes | int]) -> ReturnVerdict:
    """The answer of return.lua."""
    match reply:
        case [
            b"returned",
            int(left),
            int(heartbeat),
            int(at),
            bytes(holder),
            bytes(nonce),
            int(quantity),
            bytes(group),
            int(signed_for),
        ]:
            return Return(
                expires_in=told_length(left),
                heartbeat=Millis(heartbeat),
                at=Millis(at),
                holder=holder.decode(),
                nonce=nonce.decode(),
                quantity=quantity,
                group=group.decode(),
                signed_for=Millis(signed_for),
            )
        case [bytes(code), 0]:
            return BeatVerdict(code=Code(code.decode()))
    raise unexpected("return")


def read_borrows(reply: list[bytes | int] | None) -> Borrows | None:
    """The answer of borrows.lua."""
    match reply:
        case None:
            return None
        case [int(epoch), *rest] if len(rest) % _FIELDS_OF_A_BORROW == 0:
            fields = [iter(rest)] * _FIELDS_OF_A_BORROW
            return Borrows(epoch, tuple(map(_borrowed, zip(*fields, strict=True))))
    raise unexpected("borrows")


def _borrowed(row: tuple[bytes | int, ...]) -> BorrowedLease:
    match row:
        case [bytes(holder), int(fence), int(until), int(quantity), bytes(group)]:
            return BorrowedLease(holder.hex(), Fence(fence), Millis(until), quantity, group.decode())
    raise unexpected("borrows")
