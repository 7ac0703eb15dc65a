"""A random walk through losses: arrivals elsewhere, outages, older copies, and holders who come back with what they have."""

import random
from dataclasses import replace

from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.seats import Fence, Grant, Millis, Outage, PoolState
from tests.authority.copies import flush, put_back, take_copy
from tests.authority.desk import KEY, holder
from tests.authority.mutants.walk import LEASE, OTHER_KEY
from tests.authority.twin import Twin


class LosingWalk:
    """``steps`` calls on ``twin``, as ``seed`` says."""

    def __init__(self, twin: Twin, seed: int) -> None:
        self.twin = twin
        self.rng = random.Random(seed)
        self.grants: list[Grant] = []
        self.outages: list[Outage] = []
        self.copies = [take_copy(twin)]
        self.servers = 0

    def walk(self, steps: int) -> None:
        for step in range(steps):
            self._pass_time()
            self.rng.choices(
                (self._acquire, self._beat, self._show, self._look, self._change, self._lose, self._arrive),
                weights=(9, 8, 8, 2, 2, 2, 2),
            )[0]()
            if step % 10 == 0:
                self.twin.audit()

    def _pass_time(self) -> None:
        twin, rng = self.twin, self.rng
        dice, ends = rng.random(), [lease.expiry for lease in twin.model.holding()]
        if dice < 0.5:
            twin.clock.forward(rng.choice([0, 1, rng.randrange(LEASE // 6)]))
        elif dice < 0.55:
            twin.clock.forward(rng.choice([LEASE // 2, LEASE, LEASE + 1]))
        elif dice < 0.65 and (ends or twin.model.recovering(twin.now)):
            twin.clock.now = max(
                twin.now, rng.choice([*ends, twin.model.recover_until]) + rng.choice([-1, 0, 1])
            )

    def _acquire(self) -> None:
        rng = self.rng
        wish = rng.choice([None, None, f"{rng.randrange(4)}"])
        key = KEY if rng.random() < 0.95 else OTHER_KEY
        answer = self.twin.acquire(
            holder(rng.randrange(6)), rng.choice(["", "a"]), key=key, idempotency_key=wish, spread=3
        )
        if isinstance(answer, Grant):
            self.grants = [*self.grants[-11:], answer]

    def _beat(self) -> None:
        if self.grants:
            beats = self.rng.choices(self.grants, k=self.rng.randint(1, 5))
            self.twin.beat(*beats)
            if self.rng.random() < 0.15:
                self.twin.release(beats[0])

    def _show(self) -> None:
        if not self.grants:
            return
        twin, rng, grant = self.twin, self.rng, self.rng.choice(self.grants)
        who = twin.holders[grant.lease_id] if rng.random() < 0.95 else holder(9)
        ahead = rng.choice([0] * 12 + [1, 2, 1 << 32])
        ends = rng.choice([grant.at + grant.signed_for] * 8 + [twin.now, twin.now + 1])
        changes = {"fence": Fence(grant.fence + ahead), "valid_until": Millis(ends)}
        twin.readmit(
            twin.proof(grant, who, rng.choice(["", "a"]), **changes), key=rng.choice([KEY] * 9 + [OTHER_KEY])
        )

    def _look(self) -> None:
        twin, rng = self.twin, self.rng
        twin.sweep()
        twin.observe()
        twin.sessions(rng.choice([1, 500]))
        twin.validate(holder(rng.randrange(6)))

    def _change(self) -> None:
        twin, rng = self.twin, self.rng
        match rng.randrange(5):
            case 0 | 1:
                twin.configure(capacity=rng.choice([1, 2, 3, 4]))
            case 2:
                lease = rng.choice([LEASE // 2, LEASE, 2 * LEASE])
                twin.configure(lease=Millis(lease), heartbeat=Millis(lease // 3))
            case 3:
                calm = twin.config.state is not PoolState.ACTIVE
                twin.configure(state=PoolState.ACTIVE if calm else PoolState.SUSPENDED)
            case _:
                twin.configure(epoch=max(1, twin.config.epoch + rng.choice([-1, 0, 1, 2])))

    def _lose(self) -> None:
        twin, rng = self.twin, self.rng
        match rng.randrange(4):
            case 0:
                epoch = twin.model.epoch + 1
                flush(twin)
                twin.config = replace(twin.config, epoch=epoch)
                twin.set_up(term=1)
                self.copies = [take_copy(twin)]
            case 1:
                put_back(twin, rng.choice(self.copies))
                self._arrive()
            case _:
                self.copies = [*self.copies[-2:], take_copy(twin)]

    def _arrive(self) -> None:
        twin, rng = self.twin, self.rng
        if rng.random() < 0.5:
            began = Millis(twin.now - rng.choice([0, 0, 1, 500]))
            twin.clock.forward(rng.choice([3_001, LEASE // 2, LEASE + 1]))
            ended = Millis(twin.now)
            twin.clock.forward(rng.choice([0, 0, 1, 300]))
            number = len(self.outages) + 1
            self.outages.append(Outage(number=number, began=began, ended=ended))
        if rng.random() < 0.6:
            self.servers += 1
            twin.runner.run_id = f"server {self.servers}"
        known = self.outages[-rng.choice([1, 2, 16]) :]
        twin.arrive(twin.runner.run_id, *known, loss=rng.choice(list(Loss)))
        twin.audit()
