"""The endpoint's metrics, each defined once in `METRICS`; the reference page is generated from that table.

No label has a value that a tenant chooses: routes and codes are closed sets.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from seatwarden.endpoint.codes import AnyCode
from seatwarden.endpoint.identities import TokenFault

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds; dense around one round trip to Redis. 0.1 is promised for 99 %, 1 is the limit of a 503."""

TRANSFER_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One row of the reference. A counter's name ends in ``_total``; times are in seconds."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = MetricDefinition(
    "counter",
    "seatwarden_endpoint_requests_total",
    "Answered requests by route and HTTP status.",
    ("route", "status"),
)
DURATION = MetricDefinition(
    "histogram",
    "seatwarden_endpoint_request_duration_seconds",
    "Time from the headers being read to the answer being ready, by route.",
    ("route",),
)
REFUSALS = MetricDefinition(
    "counter",
    "seatwarden_endpoint_refusals_total",
    "Requests refused, by route and stable code.",
    ("route", "code"),
)
IN_FLIGHT = MetricDefinition(
    "gauge", "seatwarden_endpoint_requests_in_flight", "Requests being answered just now."
)
AUTHORITY_ERRORS = MetricDefinition(
    "counter",
    "seatwarden_endpoint_authority_errors_total",
    "Calls that the seat authority did not answer in time.",
)
FAULTS = MetricDefinition(
    "counter",
    "seatwarden_endpoint_faults_total",
    "Unexpected exceptions, by route. Any is a bug.",
    ("route",),
)
TOKENS_REFUSED = MetricDefinition(
    "counter",
    "seatwarden_endpoint_tokens_refused_total",
    "Tokens that opened no pool, by reason. A client is not told more than that its token is not accepted.",
    ("reason",),
)
METRICS = (REQUESTS, DURATION, REFUSALS, IN_FLIGHT, AUTHORITY_ERRORS, FAULTS, TOKENS_REFUSED)


class EndpointMetrics:
    """The metrics of one application, in a registry of their own.

    What is counted for each request is counted in plain numbers, and put into the registry when somebody asks
    for it: prometheus_client's locks would cost more than the rest of the counting.

    With ``shared_folder`` several processes count into files there, and each tells the metrics of all, those of
    the others as they were a tenth of a second ago. What belongs to one process, its memory and CPU time, is
    then not told.
    """

    def __init__(self, registry: CollectorRegistry, *, shared_folder: Path | None = None) -> None:
        self._registry = registry
        self._shared = shared_folder is not None
        self._transfer_is_due = False
        self._routes: list[RouteMetrics] = []
        if shared_folder is not None:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry, str(shared_folder))  # type: ignore[no-untyped-call]  # theirs has no types
        self._requests = _counter(REQUESTS, registry)
        self._refusals = _counter(REFUSALS, registry)
        self._faults = _counter(FAULTS, registry)
        self._duration = Histogram(
            DURATION.name, DURATION.help, DURATION.labels, buckets=LATENCY_BUCKETS, registry=registry
        )
        self._in_flight = Gauge(
            IN_FLIGHT.name, IN_FLIGHT.help, multiprocess_mode="livesum", registry=registry
        )
        self.in_flight = 0
        self.authority_errors = _counter(AUTHORITY_ERRORS, registry)
        self._tokens_refused = _counter(TOKENS_REFUSED, registry)
        for fault in TokenFault:
            self._tokens_refused.labels(fault.value)

    def route(self, name: str) -> "RouteMetrics":
        """The metrics of the route called ``name``."""
        made = RouteMetrics(
            route=name,
            requests=self._requests,
            refusals=self._refusals,
            faults=self._faults.labels(name),
            duration=self._duration.labels(name),
            counted=self._transfer_soon if self._shared else None,
        )
        self._routes.append(made)
        return made

    def token_refused(self, fault: TokenFault) -> None:
        """Count a token that opened no pool."""
        self._tokens_refused.labels(fault.value).inc()

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        self._transfer()
        return generate_latest(self._registry)

    def _transfer(self) -> None:
        self._transfer_is_due = False
        self._in_flight.set(self.in_flight)
        for route in self._routes:
            route.transfer()

    def _transfer_soon(self) -> None:
        if not self._transfer_is_due:
            self._transfer_is_due = True
            asyncio.get_running_loop().call_later(TRANSFER_SECONDS, self._transfer)


class RouteMetrics:
    """What one route counts; ``counted`` is called after each answer."""

    def __init__(
        self,
        *,
        route: str,
        requests: Counter,
        refusals: Counter,
        faults: Counter,
        duration: Histogram,
        counted: Callable[[], None] | None = None,
    ) -> None:
        self._route = route
        self._requests = requests
        self._refusals = refusals
        self._duration = duration
        self._counted = counted
        self._by_status: dict[int, int] = {}
        self._by_bucket = [0] * (len(LATENCY_BUCKETS) + 1)
        self._seconds = 0.0
        self.faults = faults

    def answered(self, *, status: int, seconds: float) -> None:
        """Count one answer."""
        by_status = self._by_status
        by_status[status] = by_status.get(status, 0) + 1
        self._by_bucket[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        self._seconds += seconds
        if self._counted is not None:
            self._counted()

    def refused(self, code: AnyCode) -> None:
        """Count one refusal."""
        self._refusals.labels(self._route, code.value).inc()

    def transfer(self) -> None:
        """Put what was counted since the last time into the registry."""
        by_status, self._by_status = self._by_status, {}
        for status, times in by_status.items():
            self._requests.labels(self._route, str(status)).inc(times)
        # A histogram takes single observations only; these are its counters, each bucket's without those below.
        for bucket, times in zip(self._duration._buckets, self._by_bucket, strict=True):  # noqa: SLF001
            if times:
                bucket.inc(times)
        self._duration._sum.inc(self._seconds)  # noqa: SLF001
        self._by_bucket = [0] * len(self._by_bucket)
        self._seconds = 0.0


def _counter(definition: MetricDefinition, registry: CollectorRegistry) -> Counter:
    return Counter(definition.name, definition.help, definition.labels, registry=registry)
