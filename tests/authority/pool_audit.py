"""All of a pool as Redis has it, in the words in which the model has it; and its ledger, read as an auditor would."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_keys import AllPoolKeys
from seatwarden.domain.seats import Code, KeyUse, Millis, PoolUid, SessionPage, SessionRow
from tests.authority.ledger_replay import LedgerReplay
from tests.authority.model import SeatModel
from tests.authority.virtual_time import GivenTimeRunner, at_once

TOTALS = (
    "granted",
    "released",
    "expired",
    "taken_over",
    "denied",
    "overage_granted",
    "converted",
    "would_deny",
    "version_blocked",
    "rate_limited",
    "device_limit",
    "borrow_limit",
    "borrowed",
    "returned",
    "evicted",
    "suspended",
    "lingering",
)
NOT_IN_LEDGER = {"denied", "would_deny", "version_blocked", "rate_limited", "device_limit", "borrow_limit"}
_LETTERS = {
    None: "l",
    Code.RELEASED: "r",
    Code.LEASE_EXPIRED: "x",
    Code.EVICTED: "e",
    Code.SUSPENDED: "s",
}
_FENCE, _HOLDER, _LEASE = slice(0, 8), slice(15, 47), 16


class StoredPool(NamedTuple):
    """By holder: fence and, where there is no tombstone, when each seat expires. Seats above the capacity, oldest first. Then
    the pool's numbers, and where its callers are."""

    leases: dict[str, tuple[int, list[int]]]
    letters: dict[str, str]
    """What became of each lease."""
    elders: list[str]
    """Whose turn it is to be evicted, where any are."""
    surplus_since: int | None
    above: list[tuple[str, int, int]]
    epoch: int
    counter: int
    totals: tuple[int, ...]
    recovering: int
    run: str
    outage: int
    key_uses: dict[str, KeyUse]
    groups: dict[str, int]
    held_back: int
    rates: dict[str, int]
    devices: dict[str, int]
    device_removed_at: int | None
    queue: list[tuple[int, str, int]]
    """Who waits, the first one first: quantity, group, and when it lapses."""
    offers: list[int]
    """When the offer of each seat lapses."""
    borrowed: dict[str, int]
    """Until when the seats of each holder are away."""


def stored_pool(
    runner: GivenTimeRunner, keys: AllPoolKeys, holders: Mapping[str, str], now: int
) -> StoredPool:
    """What Redis has. A tombstone does not tell its holder, so ``holders`` are told by lease id."""
    records, expiries, elders, state, everything, recover_until, marks, asked, known, away, *queued = (
        runner.ask(
            ("HGETALL", keys.leases),
            ("ZRANGE", keys.expiry, 0, -1, "WITHSCORES"),
            ("ZRANGE", keys.elders, 0, -1),
            ("HMGET", keys.state, "epoch", "counter", "over", "held_back", *TOTALS),
            ("HGETALL", keys.state),
            ("HGET", keys.config, "recover_until"),
            ("ZRANGE", keys.overage, 0, -1, "WITHSCORES"),
            ("ZRANGE", keys.rates, 0, -1, "WITHSCORES"),
            ("ZRANGE", keys.devices, 0, -1, "WITHSCORES"),
            ("ZRANGEBYSCORE", keys.borrows, f"({now}", "+inf", "WITHSCORES"),
            ("ZRANGE", keys.queue, 0, -1),
            ("HGETALL", keys.tickets),
            ("ZRANGE", keys.waits, 0, -1, "WITHSCORES"),
            ("ZRANGE", keys.offers, 0, -1, "WITHSCORES"),
        )
    )
    scores = defaultdict[bytes, list[int]](list)
    for seat, score in _pairs(expiries):
        scores[seat[:_LEASE]].append(int(score))
    leases = {
        holders[lease.hex()]: (int.from_bytes(record[_FENCE], "big"), scores[lease])
        for lease, record in _pairs(records)
    }
    epoch, counter, over, held_back, *totals = (int(number or 0) for number in state)
    above = [(holders[seat[:_LEASE].hex()], _number(seat), int(score)) for seat, score in _pairs(marks)]
    assert over == len(above), "the count of leases above the capacity has left their marks"
    recovering = max(0, int(recover_until or 0) - now)
    told = {name.decode(): value for name, value in _pairs(everything)}
    run, outage = told.get("run", b"").decode(), int(told.get("outage", 0))
    uses = {name[4:]: _use(value) for name, value in told.items() if name.startswith("use:")}
    devices = {holder.hex(): int(at) for holder, at in _pairs(known)}
    removed_at = int(told["device_removed_at"]) if "device_removed_at" in told else None
    rates = {_who(member): int(at) for member, at in _pairs(asked) if int(at) > now * 1000}
    groups = {name[6:]: int(value) for name, value in told.items() if name.startswith("group:")}
    letters = {holders[lease.hex()]: _letter(record) for lease, record in _pairs(records)}
    surplus_since = int(told["surplus_since"]) if "surplus_since" in told else None
    return StoredPool(
        leases,
        letters,
        [holders[lease.hex()] for lease in elders],
        surplus_since,
        above,
        epoch,
        counter,
        tuple(totals),
        recovering,
        run,
        outage,
        uses,
        groups,
        held_back,
        rates,
        devices,
        removed_at,
        *_queue(*queued),
        _borrowed(away, scores, holders),
    )


def _letter(record: bytes) -> str:
    """A tombstone has nothing behind it."""
    return (record[8:9] if record[8:9] in {b"l", b"k"} else record[8:]).decode()


def _number(seat: bytes) -> int:
    return int.from_bytes(seat[_LEASE:], "big") or 1


def _who(member: bytes) -> str:
    return "h" + member[1:].hex() if member.startswith(b"h") else member.decode()


def _use(value: bytes) -> KeyUse:
    granted, denied, last_used = map(int, value.split())
    return KeyUse(granted, denied, Millis(last_used))


def _borrowed(away: Any, scores: Mapping[bytes, list[int]], holders: Mapping[str, str]) -> dict[str, int]:
    ends = defaultdict[bytes, list[int]](list)
    for seat, until in _pairs(away):
        ends[seat[:_LEASE]].append(int(until))
    for lease, each in ends.items():
        assert len(each) == len(scores[lease]), "some seats of a lease are borrowed, and some are not"
        assert len(set(each)) == 1
        assert max(each) <= min(scores[lease]), "a seat expires while it is away"
    return {holders[lease.hex()]: each[0] for lease, each in ends.items()}


def _queue(
    order: list[bytes], tickets: Any, waits: Any, offers: Any
) -> tuple[list[tuple[int, str, int]], list[int]]:
    by_ticket, lapses = dict(_pairs(tickets)), dict(_pairs(waits))
    offered = {seat[:_LEASE] for seat, _ in _pairs(offers)}
    assert by_ticket.keys() == set(order) | offered, "a ticket neither waits nor has an offer"
    assert lapses.keys() == set(order), "a ticket waits for ever"
    read = ((by_ticket[ticket], int(lapses[ticket])) for ticket in order)
    queue = [(int.from_bytes(record[8:10], "big"), record[10:].decode(), until) for record, until in read]
    return queue, [int(until) for _, until in _pairs(offers)]


def modelled_pool(model: SeatModel, now: int) -> StoredPool:
    """What the model has."""
    leases = {
        holder: (lease.fence, [] if lease.ended else [lease.expiry] * lease.quantity)
        for holder, lease in model.leases.items()
    }
    holders = {id(lease): holder for holder, lease in model.leases.items()}
    above = [(holders[id(lease)], number, fence) for fence, number, lease in model.above()]
    totals = tuple(model.totals.get(name, 0) for name in TOTALS)
    recovering = model.recovering(now)
    run, outage, uses = model.run or "", model.outage, model.key_uses
    rates = {who: at for who, at in model.rates.items() if at > now * 1000}
    groups = {
        name: has for name in {one.group for one in model.holding()} - {""} if (has := model.group_has(name))
    }
    held_back = model.held_back()
    waiting = [model.tickets[who] for who in model.waiting()]
    queue = [(ticket.quantity, ticket.group, ticket.lapses) for ticket in waiting]
    offers = sorted(one.lapses for one in model.tickets.values() if one.offered for _ in range(one.quantity))
    letters = {
        holder: "k" if lease.lingers else _LETTERS[lease.ended] for holder, lease in model.leases.items()
    }
    elders = [] if model.evict_after is None else [holders[id(lease)] for lease in model.elders()]
    return StoredPool(
        leases,
        letters,
        elders,
        model.surplus_since,
        above,
        model.epoch,
        model.counter,
        totals,
        recovering,
        run,
        outage,
        uses,
        groups,
        held_back,
        rates,
        model.devices,
        model.device_removed_at,
        queue,
        offers,
        {who: one.borrowed_until for who, one in model.leases.items() if one.borrowed_until > now},
    )


def leases_by_id(runner: GivenTimeRunner, keys: AllPoolKeys) -> dict[str, str]:
    """The holder of each lease that has no tombstone."""
    held, records = runner.ask(("ZRANGE", keys.expiry, 0, -1), ("HGETALL", keys.leases))
    by_id = dict(_pairs(records))
    return {seat.hex(): by_id[seat][_HOLDER].hex() for seat in held if len(seat) == _LEASE}


def ledger_of(runner: GivenTimeRunner, keys: AllPoolKeys) -> list[dict[str, str]]:
    """The entries, oldest first."""
    [entries] = runner.ask(("XRANGE", keys.ledger, "-", "+"))
    texts = ([part.decode() for part in fields] for _, fields in entries)
    return [dict(_pairs(fields)) for fields in texts]


def all_pages(
    authority: RedisSeatAuthority, pool: PoolUid, key: str, limit: int, *, live: int
) -> list[SessionRow]:
    """The rows of all pages, while the clock stands and ``live`` leases live."""
    rows, cursor = list[SessionRow](), None
    while True:
        page = at_once(authority.sessions(pool, key, limit=limit, cursor=cursor))
        assert isinstance(page, SessionPage)
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows
        assert len(page.rows) == limit < live, "a page that is not the last is not full"
        assert len(rows) < live, "the pages never end"


def check_ledger(ledger: Iterable[Mapping[str, str]], model: SeatModel, now: int) -> None:
    """Whoever reads the ledger alone must know the leases, the charged time and the totals."""
    replay = LedgerReplay.of(ledger)
    assert replay.held == {lease.lease_id: (lease.since, lease.quantity) for lease in model.holding()}
    assert replay.above == [lease.lease_id for _, _, lease in model.above()]
    assert replay.charged == model.charged
    assert replay.fences == sorted(set(replay.fences))
    away = {lease.lease_id: lease.borrowed_until for lease in model.holding() if lease.borrowed_until > now}
    assert away.items() <= replay.borrowed.items()
    told = {name: replay.totals.get(name, 0) for name in TOTALS if name not in NOT_IN_LEDGER}
    assert told == {name: model.totals.get(name, 0) for name in told}


def _pairs(flat: Any) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
