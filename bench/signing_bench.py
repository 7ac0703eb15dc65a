"""What signed leases cost the seat path: two endpoints on one Redis, one of which signs and one does not, in turns.

Each pair asks for the same of both, directly one after the other, and who is first changes. The figure that counts is
the median of the ratios of the pairs: what else the machine does meets both of a pair alike, and rates only by chance.

Heartbeats come in three lengths of work. **plain** ones show no signed lease. **showing** ones do, as clients should, and
as many of them are past half of their offline life as in steady operation: one in 361, with leases that count for a day
and heartbeats every two minutes. **renewing** ones all are, so each is verified and signed anew; no client asks for that.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import click

from bench.black_hole import away_rows
from bench.load import LoadPlan
from bench.loads import Loads, Refused
from bench.rows import Row
from bench.seats_world import PROOFS, SESSIONS, SeatPool, Server, World, endpoint, holder, new_pool, world
from seatwarden.domain.seats import Grant, Millis

CONNECTIONS = 64
LEASES = 1083
ONE_IN = 361
PAST_HALF = Millis(13 * 3_600_000)
LEAST_OF_HEARTBEATS = 0.95
LEAST_OF_ACQUIRES = 0.6
KINDS = 4
MOST_SPOILT_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How long and how much. ``rate`` is of the acquires while the KMS is away, ``away_seconds`` how long it is."""

    rounds: int
    seconds: float
    once: int
    rate: float
    away_seconds: float


@dataclass(slots=True)
class Pairs:
    """One run. ``ratios`` are those of signed to unsigned, by the name of what was asked for."""

    options: Options
    loads: Loads
    signed: Server
    unsigned: Server
    pool: SeatPool
    grants: list[Grant]
    ratios: dict[str, list[float]] = field(default_factory=dict)
    taken: int = LEASES
    spoilt: int = 0

    def pair(self, name: str, plan: Callable[[Server], LoadPlan], *, signed_first: bool) -> None:
        """Ask both for what ``plan`` says, and keep how they compare.

        A pair does not count where the machine stood still for so long that the endpoint gave up waiting for Redis.

        Raises:
            Refused: that happens again and again.
        """
        rates = {}
        try:
            for server in (self.signed, self.unsigned) if signed_first else (self.unsigned, self.signed):
                suffix = "signed" if server is self.signed else "unsigned"
                rates[suffix] = self.loads.run(f"{name}_{suffix}", server, plan(server))
        except Refused as refused:
            self.spoilt += 1
            click.echo(f"not counted: {refused}")
            if self.spoilt > MOST_SPOILT_SHARE * self.options.rounds * KINDS:
                raise
            return
        self.ratios.setdefault(name, []).append(rates["signed"] / rates["unsigned"])

    def over_and_over(self, requests: list[str]) -> Callable[[Server], LoadPlan]:
        """Requests for the time of a round."""
        return lambda server: LoadPlan(
            port=server.port, requests=requests, connections=CONNECTIONS, seconds=self.options.seconds
        )

    def new_holders(self, server: Server) -> LoadPlan:
        """Wishes of holders who have no seat yet."""
        numbers = range(self.taken, self.taken + self.options.once)
        self.taken = numbers.stop
        wishes = [self.pool.wish(number) for number in numbers]
        return LoadPlan(port=server.port, requests=wishes, connections=CONNECTIONS, once=True)

    def heartbeats(self, *, old_one_in: int) -> list[str]:
        """A heartbeat of each lease that shows it; one in ``old_one_in`` of the signed leases is past half of its life."""
        return [
            self.pool.request(
                "PATCH",
                f"{SESSIONS}/{grant.lease_id}/heartbeat",
                {"fence": grant.fence, "lease": self._proof(grant, number, old=number % old_one_in == 0)},
            )
            for number, grant in enumerate(self.grants)
        ]

    def _proof(self, grant: Grant, number: int, *, old: bool) -> str | None:
        at = Millis(grant.at - PAST_HALF) if old else grant.at
        return PROOFS.of_grant(self.pool.uid, holder(number), "", replace(grant, at=at))


async def measure(options: Options) -> list[Row]:
    """Run it all; some four minutes with the defaults, one of which is that of the KMS that is away."""
    rows = await measure_pairs(options)
    click.echo(
        f"{options.rate:.0f} acquires a second for {options.away_seconds:.0f} s while the KMS is away …"
    )
    return [*rows, *await away_rows(rate=options.rate, seconds=options.away_seconds)]


async def measure_pairs(options: Options) -> list[Row]:
    """The rows of what signing costs."""
    async with world() as made:
        with endpoint(made.redis_url, None) as unsigned:
            return await _pairs(options, made, unsigned)


async def _pairs(options: Options, made: World, unsigned: Server) -> list[Row]:
    pool = await new_pool(made.authority, seats=10_000_000)
    pairs = Pairs(options, Loads(made.redis), made.endpoint, unsigned, pool, await pool.seats(LEASES))
    beats = {
        "heartbeat_plain": [pool.heartbeat(grant) for grant in pairs.grants],
        "heartbeat_showing": pairs.heartbeats(old_one_in=ONE_IN),
        "heartbeat_renewing": pairs.heartbeats(old_one_in=1),
    }
    for number in range(options.rounds):
        click.echo(f"round {number + 1} of {options.rounds} …")
        first = bool(number % 2)
        for name, requests in beats.items():
            pairs.pair(name, pairs.over_and_over(requests), signed_first=first)
        pairs.pair("acquire", pairs.new_holders, signed_first=first)
    return _rows(pairs, [*beats, "acquire"])


def _rows(pairs: Pairs, names: list[str]) -> list[Row]:
    samples = pairs.loads.samples
    rows = []
    for name in names:
        rows += [samples.row(f"{name}_unsigned"), samples.row(f"{name}_signed", f"{name}_unsigned")]
    goals = {"heartbeat_plain": LEAST_OF_HEARTBEATS, "heartbeat_showing": LEAST_OF_HEARTBEATS}
    goals["acquire"] = LEAST_OF_ACQUIRES
    for name in names:
        ratios = pairs.ratios[name]
        rows.append(
            Row(
                name=f"{name}_signed_to_unsigned",
                value=statistics.median(ratios),
                unit="of the rate",
                reference=goals.get(name),
                low=min(ratios),
                high=max(ratios),
            )
        )
    for kind in ("p99", "cpu"):
        rows += [samples.row(f"{name}_signed_{kind}", f"{name}_unsigned_{kind}") for name in names]
    return rows
