"""Older copies of a pool that are put back, as a restored snapshot or a replica that lagged would have it.

Redis loses what came last: a copy is all that there was at one instant. So it is taken and put back as a whole, key by key,
and the model, the watch and the kept answers go back with it.
"""

import copy
from dataclasses import dataclass

from seatwarden.domain.seats import PoolConfig
from tests.authority.model import SeatModel
from tests.authority.pool_twin import PoolTwin
from tests.authority.pool_watch import PoolWatch
from tests.authority.replays import Kept


@dataclass(frozen=True, slots=True)
class PoolCopy:
    """A pool as it was."""

    dumps: dict[bytes, bytes]
    model: SeatModel
    watch: PoolWatch
    config: PoolConfig
    replays: dict[str, Kept]


def take_copy(twin: PoolTwin) -> PoolCopy:
    [names] = twin.runner.ask(("KEYS", f"*{{{twin.pool}}}*"))
    dumps = dict(zip(names, twin.runner.ask(*(("DUMP", name) for name in names)), strict=True))
    return PoolCopy(
        dumps=dumps,
        model=copy.deepcopy(twin.model),
        watch=copy.copy(twin.watch),
        config=twin.config,
        replays=dict(twin.replays.kept),
    )


def put_back(twin: PoolTwin, old: PoolCopy) -> None:
    """All that came after ``old`` is lost."""
    flush(twin)
    for name, dump in old.dumps.items():
        [answer] = twin.runner.ask(("RESTORE", name, 0, dump))
        assert answer == b"OK", answer
    twin.model = copy.deepcopy(old.model)
    twin.watch = copy.copy(old.watch)
    twin.watch.clock_set_back()
    twin.config = old.config
    twin.replays.kept = dict(old.replays)


def flush(twin: PoolTwin) -> None:
    """All is lost."""
    [names] = twin.runner.ask(("KEYS", f"*{{{twin.pool}}}*"))
    if names:
        twin.runner.ask(("UNLINK", *names))
    twin.replays.kept.clear()
    twin.watch = PoolWatch()
    twin.just_lost = True
