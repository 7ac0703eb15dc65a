"""What the operator's gauges show at each scrape: objects, those that are not ready, keys, seats, the queue."""

from collections.abc import Callable, Mapping
from functools import partial

from seatwarden.domain.seats import PoolCounts, PoolUid
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore, Unreadable
from seatwarden.resources.conditions import ConditionType, is_true
from seatwarden.resources.names import Kind
from seatwarden.resources.seatpool import KeyState, SeatPool


def show_gauges(
    store: ObjectStore, counts: Mapping[PoolUid, PoolCounts], queue_length: Callable[[], int]
) -> None:
    """Have the gauges show what these hold from now on."""
    for kind in Kind:
        metrics.OBJECTS.labels(kind=kind).set_function(partial(count, store, kind))
        metrics.NOT_READY.labels(kind=kind).set_function(partial(_not_ready, store, kind))
    for state in KeyState:
        metrics.LICENCE_KEYS.labels(state=state).set_function(partial(_licence_keys, store, state))
    metrics.QUEUE_LENGTH.set_function(queue_length)
    metrics.SEATS.labels(what="used").set_function(lambda: sum(pool.live for pool in counts.values()))
    metrics.SEATS.labels(what="capacity").set_function(lambda: sum(pool.capacity for pool in counts.values()))


def count(store: ObjectStore, kind: Kind) -> int:
    """How many objects of a kind are known."""
    return sum(1 for _ in store.keys(kind))


def _licence_keys(store: ObjectStore, state: KeyState) -> int:
    pools = (store.entry(key) for key in store.keys(Kind.SEAT_POOL))
    keys = (key for pool in pools if isinstance(pool, SeatPool) for key in pool.status.licence_keys)
    return sum(key.state is state for key in keys)


def _not_ready(store: ObjectStore, kind: Kind) -> int:
    return sum(1 for key in store.keys(kind) if not _is_ready(store, key))


def _is_ready(store: ObjectStore, key: ObjectKey) -> bool:
    entry = store.entry(key)
    if entry is None or isinstance(entry, Unreadable):
        return False
    return is_true(entry.status.conditions, ConditionType.READY)
