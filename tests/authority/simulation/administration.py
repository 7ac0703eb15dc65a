"""The operator and fate: caps move, pools are suspended, scripts are flushed, the network goes dark."""

import random
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from seatwarden.domain.borrowing import Borrows, to_restore
from seatwarden.domain.epoch import next_epoch
from seatwarden.domain.seats import Millis, PoolState, SeatGroup
from tests.authority.desk import holder
from tests.authority.loss import Lost
from tests.authority.simulation.client import LONGEST_BORROW
from tests.authority.simulation.endpoints import OPERATOR, Away, Endpoints
from tests.authority.simulation.licence_keys import LicenceKeys
from tests.authority.simulation.network import Network
from tests.authority.simulation.scenario import Scenario
from tests.authority.simulation.timetable import Timetable

# The reaper looks at busy pools so often, and writes a new epoch into status.
LOOK_MILLISECONDS = 10_000
# Pools that lend are visited so often.
MIRROR_MILLISECONDS = 2_000


class Administration:
    """All that is done to a pool by others than its clients."""

    def __init__(
        self,
        endpoints: Endpoints,
        network: Network,
        timetable: Timetable,
        scenario: Scenario,
        rng: random.Random,
        keys: LicenceKeys,
    ) -> None:
        self._keys = keys
        self._endpoints = endpoints
        self._twin = endpoints.twin
        self._wanted = self._twin.config
        self._remembered = self._wanted.epoch
        self._network = network
        self._timetable = timetable
        self._scenario = scenario
        self._rng = rng
        self.longest_lease = scenario.lease
        self.done: dict[str, int] = {}
        self._every(scenario.sweep_pause, self._sweep)
        self._every(scenario.resize_pause, self._resize)
        self._every(scenario.suspend_pause, self._change_state)
        self._every(scenario.reconfigure_pause, self._reconfigure)
        self._every(scenario.rotate_pause, self._rotate)
        self._every(scenario.flush_pause, self._flush)
        self._every(scenario.blackout_pause, self._blackout)
        self._every(LOOK_MILLISECONDS, self._look)
        self.put_back: Callable[[str], None] = lambda _: None
        self._mirror = Borrows(0, ())
        self._every(MIRROR_MILLISECONDS if scenario.borrows else None, self._reflect)

    @property
    def is_behind(self) -> bool:
        """Is the pool in an epoch that the operator has not seen?"""
        return self._twin.model.epoch > self._remembered

    def _every(self, pause: int | None, action: Callable[[], None]) -> None:
        if pause is None:
            return

        def again() -> None:
            name = action.__name__.strip("_")
            self.done[name] = self.done.get(name, 0) + 1
            try:
                self._endpoints.via(OPERATOR, action)
            except Away:
                pass
            except Lost:
                # The operator finds out by reading, and tells again what it wants.
                self._tell(generation=self._wanted.generation + 1)
            self._timetable.after(max(1, int(pause * self._rng.uniform(0.3, 1.7))), again)

        self._timetable.after(self._rng.randint(0, pause), again)

    def put_back_what_was_lost(self) -> None:
        """What the operator does for a pool that is not there, or is not as it wants it."""
        if self._endpoints.away:
            self._timetable.after(self._scenario.lease // 10, self.put_back_what_was_lost)
            return
        if not self._endpoints.forgotten:
            self._endpoints.via(OPERATOR, self._tell)
            return
        epoch = next_epoch(remembered=self._remembered, observed=None)
        self._twin.config = self._wanted = replace(self._wanted, epoch=epoch)
        self._remembered = epoch
        self._twin.set_up(term=1)
        self._keys.put_into_the_secret()
        self._endpoints.forgotten = False

    def _tell(self, **changes: Any) -> None:
        wanted = replace(self._wanted, **changes)
        epoch = next_epoch(remembered=self._remembered, observed=self._twin.model.epoch)
        self._wanted = replace(wanted, epoch=max(epoch, wanted.epoch))
        # All fields: one that was left out would never be tried.
        told = {each.name: getattr(self._wanted, each.name) for each in fields(self._wanted)}
        self._remembered = self._twin.configure(**told).epoch
        self._keys.put_into_the_secret()

    def _look(self) -> None:
        self._remembered = max(self._remembered, self._twin.model.epoch)

    def _reflect(self) -> None:
        """See `seatwarden.reconcilers.borrow_mirror`."""
        found = self._twin.borrows()
        if lost := to_restore(self._mirror, found.epoch, Millis(self._twin.now)):
            self._twin.restore(lost)
            found = self._twin.borrows()
        self._mirror = found
        for each in found.leases:
            self.put_back(each.holder)

    def _sweep(self) -> None:
        self._twin.sweep()
        if self._rng.random() < 0.2:
            self._twin.observe()
            key = self._rng.choice(self._twin.keys_that_open)
            self._twin.sessions(limit=self._rng.choice([1, 7, 500]), key=key)
            devices = self._twin.devices(key=key).devices
            if devices:
                self._twin.remove_device(
                    self._rng.choice(devices).holder, by_operator=self._rng.random() < 0.5, key=key
                )

    def _resize(self) -> None:
        self._tell(capacity=self._rng.randint(0, int(self._scenario.seats * 1.3) + 1))

    def _rotate(self) -> None:
        lease = self._scenario.lease
        overlap = self._rng.choice([0, 1000, lease // 3, lease, 12 * lease])
        if not self._keys.rotate(self._timetable.now, overlap):
            self.done["rotation waits"] = self.done.get("rotation waits", 0) + 1
        self._tell(key_ids=self._keys.key_ids, keys_die=self._keys.keys_die)

    def _change_state(self) -> None:
        suspended = self._wanted.state is PoolState.SUSPENDED
        calm = PoolState.ACTIVE
        troubled = self._rng.choice([PoolState.SUSPENDED, PoolState.SUSPENDED, PoolState.EXPIRED, calm])
        self._tell(state=calm if suspended else troubled)

    def _group(self, name: str) -> SeatGroup:
        rng, share = self._rng, self._scenario.seats // 3
        limit = rng.choice([None, None, 0, 1, share + 1])
        members = frozenset({holder(0), holder(1)} if name == "a" and rng.random() < 0.3 else ())
        return SeatGroup(reserved=rng.choice([0, 1, share]), limit=limit, members=members)

    def _gates(self) -> dict[str, Any]:
        rng = self._rng
        first, last = rng.choice([("", ""), ("", ""), ("4", "4"), ("5", ""), ("", "3")])
        rates = {"rate_key": rng.choice([0, 0, 60, 600]), "rate_holder": rng.choice([0, 0, 2, 60])}
        most = rng.choice([0, 0, 1, self._scenario.seats])
        return {"version_min": first, "version_max": last, "device_limit": most, **rates}

    def _lending(self) -> dict[str, Any]:
        rng, seats = self._rng, self._scenario.seats
        longest = Millis(self._scenario.lease * rng.choice([1, LONGEST_BORROW]))
        most = rng.choice([0, 1, seats // 2 + 1, seats])
        return {"borrow_seats": most, "borrow_longest": longest, "borrow_low_water": rng.choice([0, 0, 1])}

    def _endings(self) -> dict[str, Any]:
        rng, lease = self._rng, self._scenario.lease
        after, linger = (
            rng.choice([None, 0, 1000, lease]),
            Millis(rng.choice([0, 1000, lease // 2, 3 * lease])),
        )
        self.longest_lease = max(self.longest_lease, linger)
        return {
            "evict_after": None if after is None else Millis(after),
            "ends_at_once": rng.random() < 0.5,
            "linger": linger,
        }

    def _reconfigure(self) -> None:
        twin, rng = self._twin, self._rng
        # A pool that was put back with a shorter lease than holders have been told cannot know of them.
        wishes = [
            "valid_until",
            "valid_until",
            "document",
            "overage",
            "drain",
            "shadow",
            "groups",
            "queue",
            "endings",
            "endings",
        ]
        wishes += ["gates", "gates"]
        wishes += ["lending", "lending"] if self._scenario.borrows else []
        match rng.choice(wishes if self._scenario.volatile else [*wishes, "lease", "epoch"]):
            case "lease":
                lease = Millis(max(1000, int(self._scenario.lease * rng.choice([0.5, 1, 1, 2]))))
                self.longest_lease = max(self.longest_lease, lease)
                self._tell(lease=lease, heartbeat=Millis(lease // 3))
            case "valid_until":
                soon = twin.now + rng.randint(-1000, 3 * self._scenario.lease)
                ended = self._wanted.valid_until is not None
                self._tell(valid_until=None if ended else Millis(soon))
            # Above the cap not all come back, and one that ran out may come before one that did not.
            case "epoch" if twin.model.live(twin.now) <= twin.model.limit:
                self._tell(epoch=self._wanted.epoch + rng.choice([0, 1, 3]))
            case "overage":
                self._tell(overage=rng.choice([0, 1, self._scenario.seats // 4 + 1]))
            case "drain" | "shadow" as name:
                self._tell(**{name: not getattr(self._wanted, name)})
            case "queue":
                claim = Millis(max(1000, self._scenario.lease // rng.choice([2, 10])))
                self._tell(queue_size=rng.choice([0, 2, 50]), claim=claim)
            case "groups":
                self._tell(
                    groups={name: self._group(name) for name in "abc" if rng.random() < 0.8},
                    only_groups=rng.random() < 0.1,
                    holder_limit=rng.choice([None, None, 2]),
                )
            case "gates" | "lending" | "endings" as name:
                kinds = {"gates": self._gates, "lending": self._lending, "endings": self._endings}
                self._tell(**kinds[name]())
            case _:
                self._tell(document=f'{{"plan":"{rng.random()}"}}')

    def _flush(self) -> None:
        self._twin.runner.ask(("SCRIPT", "FLUSH"))

    def _blackout(self) -> None:
        length = int(self._scenario.lease * self._rng.uniform(0.3, 3))
        self._network.dark_until = self._timetable.now + length
