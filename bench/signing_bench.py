"""What signed leases cost the seat path: two endpoints on one Redis, one of which signs and one does not, in short turns.

Both are asked for the same, see `bench.duel`. The figure that counts is the median of the ratios of the pairs of turns.

Heartbeats come in three lengths of work. **plain** ones show no signed lease. **showing** ones do, as clients should, and
as many of them are past half of their offline life as in steady operation: one in 361, with leases that count for a day
and heartbeats every two minutes. **renewing** ones all are, so each is verified and signed anew; no client asks for that.
"""

from dataclasses import dataclass, replace

import click

from bench.black_hole import away_rows
from bench.duel import Duel, DuelPlan, Side, run_duel
from bench.rows import Row
from bench.seats_world import PROOFS, SESSIONS, SeatPool, Server, World, endpoint, holder, new_pool, world
from seatwarden.domain.seats import Grant, Millis

LEASES = 1083
ONE_IN = 361
PAST_HALF = Millis(13 * 3_600_000)
GOALS = {"heartbeat_plain": 0.95, "heartbeat_showing": 0.95, "acquire": 0.6}
MOST_REFUSED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much. ``rate`` is of the acquires while the KMS is away, ``away_seconds`` how long it is."""

    turns: int
    calls: int
    rate: float
    away_seconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: the two endpoints, and the pool whose leases ``grants`` are."""

    options: Options
    signed: Server
    unsigned: Server
    pool: SeatPool
    grants: list[Grant]

    def rows(self, name: str, signed: list[str], unsigned: list[str]) -> list[Row]:
        """What the two endpoints make of these requests, as rows that begin with ``name``.

        Raises:
            ClickException: many were refused, so the rates say nothing.
        """
        click.echo(f"{name} …")
        servers = self.signed, self.unsigned
        before = [server.cpu_seconds() for server in servers]
        duel = run_duel(
            DuelPlan(
                sides=[
                    Side(port=self.signed.port, requests=signed),
                    Side(port=self.unsigned.port, requests=unsigned),
                ],
                turns=self.options.turns,
                calls=self.options.calls,
            )
        )
        sides = duel.first, duel.second
        for seen in sides:
            # The endpoint waits for Redis for some time only, and a machine that others use stands still now and then.
            if seen.refused > MOST_REFUSED * (seen.answers + seen.refused):
                raise click.ClickException(
                    f"{name}: {seen.refused} were refused of {seen.answers + seen.refused}"
                )
        cpu = [
            (server.cpu_seconds() - start) / (seen.answers + seen.refused) * 1e6
            for server, start, seen in zip(servers, before, sides, strict=True)
        ]
        return [*_rate_rows(name, duel), *_cost_rows(name, duel, cpu)]

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

    def wishes(self, part: int) -> list[str]:
        """As many wishes as there are calls, of holders who have no seat; those of another ``part`` are others."""
        count = self.options.turns * self.options.calls
        return [self.pool.wish(LEASES + part * count + number) for number in range(count)]

    def _proof(self, grant: Grant, number: int, *, old: bool) -> str | None:
        at = Millis(grant.at - PAST_HALF) if old else grant.at
        return PROOFS.of_grant(self.pool.uid, holder(number), "", replace(grant, at=at))


async def measure(options: Options) -> list[Row]:
    """Run it all; some three minutes with the defaults, one of which is that of the KMS that is away."""
    rows = await measure_pairs(options)
    click.echo(
        f"{options.rate:.0f} acquires a second for {options.away_seconds:.0f} s while the KMS is away …"
    )
    return [*rows, *await away_rows(rate=options.rate, seconds=options.away_seconds)]


async def measure_pairs(options: Options) -> list[Row]:
    """The rows of what signing costs."""
    async with world() as made:
        with endpoint(made.redis_url, None) as unsigned:
            return await _measured(options, made, unsigned)


async def _measured(options: Options, made: World, unsigned: Server) -> list[Row]:
    pool = await new_pool(made.authority, seats=10_000_000)
    bench = Bench(options, made.endpoint, unsigned, pool, await pool.seats(LEASES))
    beats = {
        "heartbeat_plain": [pool.heartbeat(grant) for grant in bench.grants],
        "heartbeat_showing": bench.heartbeats(old_one_in=ONE_IN),
        "heartbeat_renewing": bench.heartbeats(old_one_in=1),
    }
    rows = [row for name, requests in beats.items() for row in bench.rows(name, requests, requests)]
    return [*rows, *bench.rows("acquire", bench.wishes(0), bench.wishes(1))]


def _rate_rows(name: str, duel: Duel) -> list[Row]:
    ordered = sorted(duel.ratios)
    middle = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    rates = [sum(seen.rates) / len(seen.rates) for seen in (duel.first, duel.second)]
    return [
        Row(name=f"{name}_unsigned", value=rates[1], unit="requests/s"),
        Row(name=f"{name}_signed", value=rates[0], unit="requests/s", reference=rates[1]),
        Row(
            name=f"{name}_signed_to_unsigned",
            value=duel.ratio,
            unit="of the rate",
            reference=GOALS.get(name),
            low=middle[0],
            high=middle[1],
        ),
    ]


def _cost_rows(name: str, duel: Duel, cpu: list[float]) -> list[Row]:
    signed, unsigned = duel.first, duel.second
    return [
        Row(name=f"{name}_signed_p50", value=signed.p50_ms, unit="ms", reference=unsigned.p50_ms),
        Row(name=f"{name}_signed_p99", value=signed.p99_ms, unit="ms", reference=unsigned.p99_ms),
        Row(name=f"{name}_signed_cpu", value=cpu[0], unit="us/request", reference=cpu[1]),
    ]
