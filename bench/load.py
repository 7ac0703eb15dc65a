"""HTTP load from a process of its own: `python -m bench.load` reads a `LoadPlan` from stdin and prints a `LoadSeen`.

It has to cost much less than what it measures, as both share the machine. So it is one epoll loop over plain
sockets with ready-made requests: no HTTP client, no coroutine per connection, about 5 µs a request.

Closed: each connection sends its next request when it has the answer to the last. Paced (``rate`` above 0): requests
leave when they are due, whatever is still unanswered, and their latency counts from the instant at which they
were due, so that a server that stands still cannot hide it.
"""

import json
import random
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle

RECEIVE_BYTES = 65536
LATENCIES_KEPT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What to send: ``requests`` one after the other over ``connections``.

    It ends after ``seconds``, or, with ``once``, when each request was answered.
    """

    port: int
    requests: list[str]
    connections: int = 64
    seconds: float = 2.0
    once: bool = False
    rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSeen:
    """What came back: how many answers of 2xx and others, how long it took, quantiles of the latency."""

    answers: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float
    slowest_ms: float

    @property
    def per_second(self) -> float:
        """Answers of 2xx a second."""
        return self.answers / self.seconds


def http_request(method: str, path: str, body: object, key: str) -> str:
    """One request as text."""
    content = json.dumps(body, separators=(",", ":"))
    return (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n{content}"
    )


def run_load(plan: LoadPlan) -> LoadSeen:
    """Run ``plan`` in a process of its own; return what it has seen."""
    process = start_load(plan)
    return finish_load(process)


def start_load(plan: LoadPlan) -> "subprocess.Popen[bytes]":
    """Begin to run ``plan`` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(plan)).encode())
    process.stdin.close()
    return process


def finish_load(process: "subprocess.Popen[bytes]") -> LoadSeen:
    """Wait for what `start_load` began."""
    assert process.stdout is not None
    with process:
        said = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"the load generator ended with status {process.returncode}")
    return LoadSeen(**json.loads(said))


class Connection:
    """One socket, and when the requests were due whose answers are to come on it."""

    __slots__ = ("received", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent: deque[float] = deque()
        self.received = b""

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due then."""
        self.sent.append(due)
        self.socket.sendall(request)

    def answers(self) -> Iterator[bool]:
        """For each answer that is complete now, whether it is one of 2xx."""
        chunk = self.socket.recv(RECEIVE_BYTES)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        data = self.received + chunk
        while (end := _answer_end(data)) is not None:
            yield data[9:10] == b"2"
            data = data[end:]
        self.received = data


def _answer_end(data: bytes) -> int | None:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = data.find(b"Content-Length: ", 0, head) + 16
    end = head + 4 + int(data[at : data.find(b"\r\n", at)])
    return end if end <= len(data) else None


class Tally:
    """Answers so far, and a sample of their latencies."""

    def __init__(self) -> None:
        self.answers = self.refused = 0
        self.latencies: list[float] = []

    def count(self, *, good: bool, seconds: float) -> None:
        """One answer, which took so long."""
        if good:
            self.answers += 1
        else:
            self.refused += 1
        if len(self.latencies) < LATENCIES_KEPT:
            self.latencies.append(seconds)
        else:
            self.latencies[random.randrange(LATENCIES_KEPT)] = seconds  # noqa: S311  # a sample

    def seen(self, seconds: float) -> LoadSeen:
        """All of them, which took so many ``seconds`` together."""
        ordered = sorted(self.latencies) or [0.0]
        return LoadSeen(
            answers=self.answers,
            refused=self.refused,
            seconds=seconds,
            p50_ms=ordered[len(ordered) // 2] * 1000,
            p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
            slowest_ms=ordered[-1] * 1000,
        )


def _generate(plan: LoadPlan) -> LoadSeen:
    encoded = [request.encode() for request in plan.requests]
    requests = iter(encoded) if plan.once else cycle(encoded)
    connections = {
        one.socket.fileno(): one for one in (Connection(plan.port) for _ in range(plan.connections))
    }
    poll = select.epoll()
    for number in connections:
        poll.register(number, select.EPOLLIN)
    tally = Tally()
    began = time.perf_counter()
    if plan.rate:
        _paced(plan, requests, list(connections.values()), poll, tally)
    else:
        _closed(plan, requests, connections, poll, tally)
    return tally.seen(time.perf_counter() - began)


def _closed(
    plan: LoadPlan,
    requests: Iterator[bytes],
    connections: dict[int, Connection],
    poll: select.epoll,
    tally: Tally,
) -> None:
    clock = time.perf_counter
    ends = clock() + plan.seconds
    under_way = 0
    for connection, request in zip(connections.values(), requests, strict=False):
        connection.send(request, clock())
        under_way += 1
    while under_way:
        for number, _ in poll.poll():
            connection = connections[number]
            for good in connection.answers():
                now = clock()
                tally.count(good=good, seconds=now - connection.sent.popleft())
                request = next(requests, b"") if plan.once or now < ends else b""
                if request:
                    connection.send(request, now)
                else:
                    under_way -= 1


def _paced(
    plan: LoadPlan,
    requests: Iterator[bytes],
    connections: list[Connection],
    poll: select.epoll,
    tally: Tally,
) -> None:
    clock = time.perf_counter
    by_number = {one.socket.fileno(): one for one in connections}
    turn = cycle(connections)
    due = began = clock()
    ends = began + plan.seconds
    while due < ends or any(one.sent for one in connections):
        now = clock()
        while due <= now and due < ends:
            next(turn).send(next(requests), due)
            due += random.expovariate(plan.rate)
        wait = max(0.0, due - clock()) if due < ends else 0.2
        for number, _ in poll.poll(wait):
            connection = by_number[number]
            for good in connection.answers():
                tally.count(good=good, seconds=clock() - connection.sent.popleft())


if __name__ == "__main__":
    print(json.dumps(asdict(_generate(LoadPlan(**json.load(sys.stdin))))))
