"""The seat path over HTTP beside the least that its parts can do, all in one run on one machine.

The reference of single calls is the rate of a bare aiohttp handler that reads JSON and answers with it; that of heartbeats
with a proof reads as long a body. The reference of
bulk heartbeats is Redis's own rate for the same script, one heartbeat a call, sixteen calls at a time. Everything is
measured in turns, round after round, so that a disturbance meets all alike; a figure is the median of the rounds,
with the smallest and the largest beside it. CPU time is read from the kernel for each process.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field

import click

from bench.load import LoadPlan, finish_load, run_load, start_load
from bench.policy_costs import MANY_GROUPS, every_policy, group_of, policy_rows
from bench.redis_rates import redis_rate
from bench.rows import Row
from bench.samples import Samples
from bench.seat_memory import memory_rows
from bench.seats_world import SESSIONS, SeatPool, Server, World, endpoint, new_pool, world
from seatwarden.domain.seats import Grant

CONNECTIONS = 64
BULK = 200
LEASES = 1000
LIVE_SESSIONS = 10_000
LIVE_POOLS = 100
HEARTBEAT_SECONDS = 120
VALIDATIONS_PER_SECOND = 12
MANY_WORKERS = (2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How long and how much."""

    rounds: int
    seconds: float
    once: int
    live_seconds: float
    memory_leases: int
    turns: int
    waiting: int


@dataclass(slots=True)
class Bench:
    """One run."""

    world: World
    options: Options
    pool: SeatPool
    grants: list[Grant]
    strict: SeatPool
    strict_grants: list[Grant]
    samples: Samples = field(default_factory=Samples)
    taken: int = LEASES

    def load(self, name: str, server: Server, plan: LoadPlan, *, seats_in_a_request: int = 1) -> None:
        """Run ``plan`` against ``server`` and keep what was seen."""
        endpoint_before, redis_before = server.cpu_seconds(), self.world.redis.cpu_seconds()
        seen = run_load(plan)
        endpoint_used = server.cpu_seconds() - endpoint_before
        redis_used = self.world.redis.cpu_seconds() - redis_before
        if seen.refused:
            raise click.ClickException(
                f"{name}: {seen.refused} of {seen.answers + seen.refused} were refused"
            )
        unit = "seats/s" if seats_in_a_request > 1 else "requests/s"
        self.samples.add(name, seen.per_second * seats_in_a_request, unit)
        self.samples.add(f"{name}_p50", seen.p50_ms, "ms")
        self.samples.add(f"{name}_p99", seen.p99_ms, "ms")
        self.samples.add(f"{name}_cpu", endpoint_used / seen.answers * 1e6, "us/request")
        self.samples.add(f"{name}_redis_cpu", redis_used / seen.answers * 1e6, "us/request")

    def closed(self, server: Server, requests: list[str], *, connections: int = CONNECTIONS) -> LoadPlan:
        """Requests over and over for the time of a round."""
        return LoadPlan(
            port=server.port, requests=requests, connections=connections, seconds=self.options.seconds
        )

    def once(self, server: Server, requests: list[str]) -> LoadPlan:
        """Each request once."""
        return LoadPlan(port=server.port, requests=requests, connections=CONNECTIONS, once=True)


async def measure(options: Options) -> list[Row]:
    """Run it all; a minute or two with the defaults."""
    async with world() as made:
        pool = await new_pool(made.authority, seats=10_000_000)
        strict = await new_pool(made.authority, seats=10_000_000, **every_policy())
        bench = Bench(made, options, pool, await pool.seats(LEASES), strict, await strict.seats(LEASES))
        for number in range(options.rounds):
            click.echo(f"round {number + 1} of {options.rounds} …")
            for part in (_single_calls, _bulk, _redis, _workers):
                await part(bench)
            await _policies(bench, number)
        click.echo("live sessions …")
        live = await _live(bench)
        click.echo("policies …")
        policies = await policy_rows(made, turns=options.turns, waiting=options.waiting)
        click.echo(f"memory of {options.memory_leases} leases …")
        memory = await memory_rows(made, options.memory_leases)
        return [*_rows(bench.samples), *policies, *live, *memory]


async def _single_calls(bench: Bench) -> None:
    pool, served = bench.pool, bench.world.endpoint
    beats = [pool.heartbeat(grant) for grant in bench.grants]
    echoes = [pool.request("POST", "/echo", {"fence": grant.fence}) for grant in bench.grants]
    bench.load("bare", bench.world.bare, bench.closed(bench.world.bare, echoes))
    bench.load("heartbeat", served, bench.closed(served, beats))
    proving = [pool.heartbeat_with_proof(grant, number) for number, grant in enumerate(bench.grants)]
    proofs = [
        pool.request("POST", "/echo", pool.proof(grant, number)) for number, grant in enumerate(bench.grants)
    ]
    bench.load("bare_with_proof", bench.world.bare, bench.closed(bench.world.bare, proofs))
    bench.load("heartbeat_with_proof", served, bench.closed(served, proving))
    looks = [
        pool.request("POST", "/api/v1/licenses/validate", {"session_id": grant.lease_id})
        for grant in bench.grants
    ]
    bench.load("validate", served, bench.closed(served, looks))
    count = bench.options.once
    numbers = range(bench.taken, bench.taken + count)
    bench.taken += 2 * count
    wishes = [pool.wish(number) for number in numbers]
    bench.load("acquire", served, bench.once(served, wishes))
    ended = await pool.seats(count, begin=numbers.stop)
    releases = [
        pool.request("DELETE", f"{SESSIONS}/{grant.lease_id}", {"fence": grant.fence}) for grant in ended
    ]
    bench.load("release", served, bench.once(served, releases))
    naive = Server(bench.world.bare.pid, bench.world.naive_port)
    naive_beats = [
        pool.request("POST", "/naive", {"id": grant.lease_id, "fence": grant.fence}) for grant in bench.grants
    ]
    bench.load("naive_heartbeat", naive, bench.closed(naive, naive_beats))


async def _bulk(bench: Bench) -> None:
    crowds = [bench.grants[start : start + BULK] for start in range(0, LEASES, BULK)]
    requests = [
        bench.pool.request(
            "POST",
            "/api/v1/licenses/heartbeats",
            {"sessions": [{"id": one.lease_id, "fence": one.fence} for one in crowd]},
        )
        for crowd in crowds
    ]
    served = bench.world.endpoint
    plan = bench.closed(served, requests, connections=8)
    bench.load("bulk_heartbeat", served, plan, seats_in_a_request=BULK)


async def _redis(bench: Bench) -> None:
    for pipeline, name in ((1, "redis_alone"), (16, "redis_alone_16_at_a_time")):
        calls = max(10_000, int(40_000 * bench.options.seconds)) * (1 if pipeline == 1 else 2)
        rate = redis_rate(bench.world, bench.pool, bench.grants[0], pipeline=pipeline, calls=calls)
        bench.samples.add(name, rate, "heartbeats/s")


async def _workers(bench: Bench) -> None:
    beats = [bench.pool.heartbeat(grant) for grant in bench.grants]
    with ExitStack() as stack:
        for workers in MANY_WORKERS:
            served = stack.enter_context(
                endpoint(bench.world.redis_url, bench.world.key_file, workers=workers)
            )
            bench.load(f"heartbeat_{workers}_workers", served, bench.closed(served, beats))


async def _policies(bench: Bench, number: int) -> None:
    """The pool with every policy and the one with none, one directly after the other; who is first, changes."""
    holders = range(bench.taken, bench.taken + bench.options.once)
    bench.taken += bench.options.once
    turns = [("with_every_policy", bench.strict, bench.strict_grants)]
    turns.insert(number % 2, ("without_policies", bench.pool, bench.grants))
    served = bench.world.endpoint
    for name, pool, grants in turns:
        beats = [pool.heartbeat(grant) for grant in grants]
        bench.load(f"heartbeat_{name}", served, bench.closed(served, beats))
    for name, pool, _ in turns:
        wishes = [
            pool.wish(one, group=group_of(one, MANY_GROUPS) if pool is bench.strict else "")
            for one in holders
        ]
        bench.load(f"acquire_{name}", served, bench.once(served, wishes))


async def _live(bench: Bench) -> list[Row]:
    beats, looks = [], []
    for _ in range(LIVE_POOLS):
        pool = await new_pool(bench.world.authority, seats=LIVE_SESSIONS)
        grants = await pool.seats(LIVE_SESSIONS // LIVE_POOLS)
        beats += [pool.heartbeat(grant) for grant in grants]
        looks += [
            pool.request("POST", "/api/v1/licenses/validate", {"session_id": grant.lease_id})
            for grant in grants
        ]
    seconds, rate = bench.options.live_seconds, LIVE_SESSIONS / HEARTBEAT_SECONDS
    echoes = [bench.pool.request("POST", "/echo", {"fence": 1})]

    def paced(server: Server, requests: list[str], per_second: float) -> LoadPlan:
        return LoadPlan(port=server.port, requests=requests, connections=32, seconds=seconds, rate=per_second)

    bare = run_load(paced(bench.world.bare, echoes, rate))
    validating = start_load(paced(bench.world.endpoint, looks, VALIDATIONS_PER_SECOND))
    beating = run_load(paced(bench.world.endpoint, beats, rate))
    for seen in (beating, finish_load(validating)):
        if seen.refused:
            raise click.ClickException(f"live sessions: {seen.refused} requests were refused")
    busy = bench.samples.median("bare_p50")
    return [
        Row(name="live_sessions_rate", value=beating.per_second, unit="requests/s", reference=rate),
        Row(name="bare_at_the_same_pace_p99", value=bare.p99_ms, unit="ms", reference=bare.p50_ms),
        Row(name="live_sessions_p50", value=beating.p50_ms, unit="ms", reference=bare.p50_ms),
        Row(name="live_sessions_p99", value=beating.p99_ms, unit="ms", reference=bare.p50_ms),
        Row(name="live_sessions_p99_to_busy", value=beating.p99_ms, unit="ms", reference=busy),
        Row(name="live_sessions_slowest", value=beating.slowest_ms, unit="ms"),
    ]


def _rows(samples: Samples) -> list[Row]:
    bare = {"heartbeat_with_proof": "bare_with_proof"}
    calls = ["heartbeat", "heartbeat_with_proof", "acquire", "validate", "release", "naive_heartbeat"]
    many = [f"heartbeat_{workers}_workers" for workers in MANY_WORKERS]
    rows = [samples.row("bare"), samples.row("bare_with_proof")]
    rows += [samples.row(name, bare.get(name, "bare")) for name in (*calls, *many)]
    policies = [
        (f"{call}_with_every_policy", f"{call}_without_policies") for call in ("heartbeat", "acquire")
    ]
    for strict, plain in policies:
        rows += [samples.row(plain), samples.row(strict, plain)]
    rows.append(samples.row("bulk_heartbeat", "redis_alone_16_at_a_time"))
    rows += [samples.row("redis_alone"), samples.row("redis_alone_16_at_a_time")]
    for kind in ("p50", "p99", "cpu"):
        rows += [samples.row(f"bare_{kind}"), samples.row(f"bare_with_proof_{kind}")]
        rows += [
            samples.row(f"{name}_{kind}", f"{bare.get(name, 'bare')}_{kind}") for name in (*calls, *many)
        ]
        rows.append(samples.row(f"bulk_heartbeat_{kind}"))
    for kind in ("p99", "cpu", "redis_cpu"):
        rows += [samples.row(f"{strict}_{kind}", f"{plain}_{kind}") for strict, plain in policies]
    rows += [samples.row(f"{name}_redis_cpu") for name in (*calls, *many, "bulk_heartbeat")]
    return rows
