"""Loads that are run one after the other, and what each of them showed: rate, latency, and the CPU time that it took."""

from dataclasses import dataclass, field

import click

from bench.load import LoadPlan, run_load
from bench.samples import Samples
from bench.seats_world import Server


class Refused(click.ClickException):
    """Not all that was asked for was done."""


@dataclass(slots=True)
class Loads:
    """``redis`` is what all the servers ask."""

    redis: Server
    samples: Samples = field(default_factory=Samples)

    def run(self, name: str, server: Server, plan: LoadPlan, *, seats_in_a_request: int = 1) -> float:
        """Run ``plan`` against ``server``, keep what was seen as samples of ``name``, and return the rate.

        Raises:
            Refused: an answer was a refusal, so the rate says nothing.
        """
        endpoint_before, redis_before = server.cpu_seconds(), self.redis.cpu_seconds()
        seen = run_load(plan)
        endpoint_used = server.cpu_seconds() - endpoint_before
        redis_used = self.redis.cpu_seconds() - redis_before
        if seen.refused:
            raise Refused(f"{name}: {seen.refused} of {seen.answers + seen.refused} were refused")
        rate = seen.per_second * seats_in_a_request
        self.samples.add(name, rate, "seats/s" if seats_in_a_request > 1 else "requests/s")
        self.samples.add(f"{name}_p50", seen.p50_ms, "ms")
        self.samples.add(f"{name}_p99", seen.p99_ms, "ms")
        self.samples.add(f"{name}_cpu", endpoint_used / seen.answers * 1e6, "us/request")
        self.samples.add(f"{name}_redis_cpu", redis_used / seen.answers * 1e6, "us/request")
        return rate
