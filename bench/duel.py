"""Two servers asked for the same in turns that are a fraction of a second long: `python -m bench.duel` reads a `DuelPlan`.

On a machine that others use too, what two loads of seconds tell of each other is chance. Here the turns are so short that a
disturbance meets both sides, and who is first in a pair of turns changes from pair to pair. It costs as little as `bench.load`,
of whose parts it is made.
"""

import json
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle

from bench.load import Connection, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A server, and what it is asked for: ``requests`` one after the other, and again from the first."""

    port: int
    requests: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelPlan:
    """So many ``turns`` of each of the two ``sides``, with ``calls`` requests in each turn."""

    sides: list[Side]
    turns: int
    calls: int
    connections: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSeen:
    """What came back: how many answers of 2xx and others, how many of 2xx a second in each turn, and the latency."""

    answers: int
    refused: int
    rates: list[float]
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Duel:
    """What was seen of the first side and of the second."""

    first: SideSeen
    second: SideSeen

    @property
    def ratios(self) -> list[float]:
        """How many answers the first side gave for one of the second, for each pair of turns in which both gave any."""
        pairs = zip(self.first.rates, self.second.rates, strict=True)
        return [one / other for one, other in pairs if one and other]

    @property
    def ratio(self) -> float:
        """Their median."""
        return statistics.median(self.ratios)


def run_duel(plan: DuelPlan) -> Duel:
    """Run ``plan`` in a process of its own; return what it has seen."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.duel"],
        input=json.dumps(asdict(plan)).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Duel(*(SideSeen(**seen) for seen in json.loads(done.stdout)))


class _Player:
    def __init__(self, side: Side, connections: int) -> None:
        self.requests = cycle([request.encode() for request in side.requests])
        self.connections = [Connection(side.port) for _ in range(connections)]
        self.by_number = {one.socket.fileno(): one for one in self.connections}
        self.poll = select.epoll()
        for number in self.by_number:
            self.poll.register(number, select.EPOLLIN)
        self.tally = Tally()
        self.rates: list[float] = []

    def turn(self, calls: int) -> None:
        """Send so many requests, one at a time on each connection, and wait for all answers."""
        clock, good_before, began = time.perf_counter, self.tally.answers, time.perf_counter()
        left, under_way = calls, 0
        for connection in self.connections[:calls]:
            connection.send(next(self.requests), clock())
            left, under_way = left - 1, under_way + 1
        while under_way:
            for number, _ in self.poll.poll():
                connection = self.by_number[number]
                for good in connection.answers():
                    now = clock()
                    self.tally.count(good=good, seconds=now - connection.sent.popleft())
                    if left:
                        left -= 1
                        connection.send(next(self.requests), now)
                    else:
                        under_way -= 1
        self.rates.append((self.tally.answers - good_before) / (clock() - began))

    def seen(self) -> SideSeen:
        """All turns so far."""
        seen = self.tally.seen(1.0)
        return SideSeen(
            answers=seen.answers,
            refused=seen.refused,
            rates=self.rates,
            p50_ms=seen.p50_ms,
            p99_ms=seen.p99_ms,
        )


def _duel(plan: DuelPlan) -> Iterator[SideSeen]:
    players = [_Player(side, plan.connections) for side in plan.sides]
    for turn in range(plan.turns):
        for player in players[:: -1 if turn % 2 else 1]:
            player.turn(plan.calls)
    for player in players:
        yield player.seen()


if __name__ == "__main__":
    told = json.load(sys.stdin)
    told["sides"] = [Side(**side) for side in told["sides"]]
    print(json.dumps([asdict(seen) for seen in _duel(DuelPlan(**told))]))
