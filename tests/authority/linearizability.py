"""Is a recorded history one that a pool could have had?

Clients called at the same time, so nobody saw in which order their calls took effect. The history is linearizable if there
is some order, in which each call takes effect at one instant between its start and its return, and in which a pool with
nothing concurrent gives the same answers. A call that never returned may have taken effect at any time after its start,
or not at all.

The search is that of Wing and Gong with Lowe's memory: try each call that could be the next one, go back where nothing
fits, and never try twice the same set of calls done with the same pool. Pools do not touch each other, so each one's
history is judged by itself.

The pool here has no clock: histories are shorter than a lease, so nothing runs out. What is known of fences is that they
grow: the actual numbers come from the answers.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

FOREVER = float("inf")
_CHANGES = {"acquire", "release"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a history. ``answer`` is None where none came; then ``returned`` is never."""

    pool: str
    kind: str
    holder: str
    detail: Any
    answer: Any
    began: float
    returned: float = FOREVER


@dataclass(frozen=True, slots=True)
class PoolNow:
    """A pool between two calls: who holds which fence with which nonce, who held one before, and the highest fence.

    A fence of 0 is that of a grant whose answer nobody got: the number is not known.
    """

    seats: int
    held: frozenset[tuple[str, str, int]] = frozenset()
    ended: frozenset[tuple[str, int]] = frozenset()
    highest: int = 0

    def after(self, call: Call) -> "PoolNow | None":
        """The pool after ``call``, or None where it would not have answered so."""
        match call.kind:
            case "acquire":
                return self._acquire(call)
            case "heartbeat":
                return self._told(call, self._status(call.holder, call.detail))
            case "release":
                return self._release(call)
            case "look":
                return self._told(call, ("live", len(self.held)))
        raise AssertionError(call.kind)

    def _acquire(self, call: Call) -> "PoolNow | None":
        own = next((one for one in self.held if one[0] == call.holder), None)
        if own is not None and own[1] == call.detail:
            return self._existing(own, call)
        if own is None and len(self.held) >= self.seats:
            return self._told(call, "pool_exhausted")
        if call.answer is None:
            fence = 0
        elif call.answer[0] != "granted" or call.answer[1] <= self.highest:
            return None
        else:
            fence = call.answer[1]
        held = self.held - {own} if own is not None else self.held
        ended = frozenset(one for one in self.ended if one[0] != call.holder)
        highest = max(self.highest, fence)
        return PoolNow(self.seats, held | {(call.holder, call.detail, fence)}, ended, highest)

    def _existing(self, own: tuple[str, str, int], call: Call) -> "PoolNow | None":
        if call.answer is None:
            return self
        code, fence = call.answer if isinstance(call.answer, tuple) else (call.answer, 0)
        if code != "existing" or own[2] not in {0, fence}:
            return None
        held = (self.held - {own}) | {(own[0], own[1], fence)}
        return PoolNow(self.seats, held, self.ended, max(self.highest, fence))

    def _release(self, call: Call) -> "PoolNow | None":
        status = self._status(call.holder, call.detail)
        if status != "ok":
            known = {"stale_fence": "stale_fence"}.get(status, "already_released")
            return self._told(call, known)
        if call.answer not in {None, "released"}:
            return None
        held = frozenset(one for one in self.held if one[0] != call.holder)
        return PoolNow(self.seats, held, self.ended | {(call.holder, call.detail)}, self.highest)

    def _status(self, holder: str, fence: int) -> str:
        for one in self.held:
            if one[0] == holder:
                return "ok" if one[2] == fence else "stale_fence"
        for ended, old in self.ended:
            if ended == holder:
                return "released" if old == fence else "stale_fence"
        return "unknown_session"

    def _told(self, call: Call, truth: object) -> "PoolNow | None":
        return self if call.answer is None or call.answer == truth else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The pools by what was found about their histories: no order can explain it, or none was found in the time given."""

    unexplained: list[str]
    undecided: list[str]


def judge(history: Iterable[Call], seats: int, *, patience: int = 20_000) -> Judgement:
    """Look for an order for each pool, through at most ``patience`` states of it: to refute can take for ever."""
    pools: dict[str, list[Call]] = {}
    for call in history:
        pools.setdefault(call.pool, []).append(call)
    judgement = Judgement([], [])
    for pool, calls in pools.items():
        explained = _explained(calls, PoolNow(seats), patience)
        if explained is None:
            judgement.undecided.append(pool)
        elif not explained:
            judgement.unexplained.append(pool)
    return judgement


def _explained(calls: Sequence[Call], pool: PoolNow, patience: int) -> bool | None:
    # A question that got no answer says nothing, and changed nothing.
    telling = [call for call in calls if call.answer is not None or call.kind in _CHANGES]
    order = sorted(telling, key=lambda call: call.began)
    must = sum(1 << at for at, call in enumerate(order) if call.returned != FOREVER)
    tried: set[Hashable] = set()
    ways = [(0, pool)]
    while ways:
        done, now = ways.pop()
        if done & must == must:
            return True
        if (done, now) in tried:
            continue
        if len(tried) == patience:
            return None
        tried.add((done, now))
        ways += [(done | 1 << at, then) for at, then in _next_calls(order, done, now)]
    return False


def _next_calls(order: Sequence[Call], done: int, now: PoolNow) -> list[tuple[int, PoolNow]]:
    # A call can be next if no other that is still to be placed had returned before it began.
    found, earliest = [], FOREVER
    # Of lost calls that are alike it is enough to try the first: each could stand for the other.
    lost: set[Hashable] = set()
    for at, call in enumerate(order):
        if call.began > earliest:
            break
        if done >> at & 1:
            continue
        earliest = min(earliest, call.returned)
        if call.returned == FOREVER:
            if (call.kind, call.holder, call.detail) in lost:
                continue
            lost.add((call.kind, call.holder, call.detail))
        then = now.after(call)
        if then == now and call.returned != FOREVER:
            # It changes nothing and fits here. If any order works from here, so does one that begins with it.
            return [(at, then)]
        if then is not None and then != now:
            found.append((at, then))
    # The last one pushed is tried first: what returned first most likely happened first.
    return sorted(found, key=lambda way: -order[way[0]].returned)


def most_held_at_once(history: Iterable[Call]) -> int:
    """How many seats were surely held at one instant, by what clients saw alone.

    A seat is surely held from the return of its grant to the start of whatever could have ended or moved it.
    """
    calls = sorted(history, key=lambda call: call.began)
    edges: list[tuple[float, int]] = []
    for call in calls:
        if call.kind != "acquire" or not isinstance(call.answer, tuple):
            continue
        enders = (
            one.began
            for one in calls
            if one.holder == call.holder
            and one is not call
            and one.returned > call.began
            and (one.kind == "release" or (one.kind == "acquire" and one.answer != call.answer))
        )
        until = min(enders, default=FOREVER)
        if call.returned < until and call.answer[0] == "granted":
            edges += [(call.returned, 1), (until, -1)]
    held = most = 0
    for _, change in sorted(edges):
        held += change
        most = max(most, held)
    return most
