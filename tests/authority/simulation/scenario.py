"""What a seed decides before anything happens: how many clients, how much trouble, and of which kinds.

Each kind of trouble is switched on or off for a whole scenario. With all of them on at once, one would hide what
another could have shown: a pool that is swept every second never gets to purge on acquire.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Shares are of calls or of awakenings; lengths are milliseconds; a pause of None means never."""

    seed: int
    steps: int
    clients: int
    machines: int
    seats: int
    lease: int
    lost_requests: float
    lost_answers: float
    delayed: float
    doubled: float
    crashes: float
    pauses: float
    releases: float
    same_nonce: float
    sweep_pause: int | None
    resize_pause: int | None
    suspend_pause: int | None
    reconfigure_pause: int | None
    flush_pause: int | None
    blackout_pause: int | None
    kills: int
    idempotent: float
    signs: bool
    volatile: bool
    copy_pause: int | None
    restart_pause: int | None
    loss_pause: int | None
    outage_pause: int | None
    operator_delay: int
    most_seats: int
    borrows: float
    rotate_pause: int | None
    key_looks: float
    queue_size: int

    def quantity_of(self, holder: str) -> int:
        """How many seats the programs of ``holder`` ask for."""
        return 1 + int(holder, 16) % self.most_seats

    def group_of(self, holder: str) -> str:
        """The group that the programs of ``holder`` name."""
        return ("", "", "a", "b", "c")[int(holder[:8], 16) % 5]


def scenario_of(seed: int) -> Scenario:
    """The scenario of ``seed``; the same one each time."""
    rng = random.Random(seed)
    clients = rng.choice([3, 12, 40, 120, 300])
    lease = rng.choice([2_000, 30_000, 360_000])

    def share(most: float) -> float:
        return rng.uniform(0, most) if rng.random() < 0.7 else 0.0

    def pause(leases: float, likely: float = 0.6) -> int | None:
        return int(lease * leases * rng.uniform(0.5, 2)) if rng.random() < likely else None

    kills = rng.choice([0, 0, 0, 0, 2])
    volatile = kills == 0 and rng.random() < 0.5
    resize_pause = pause(0.5)
    return Scenario(
        seed=seed,
        # Enough that each client lives through some leases.
        steps=2500 + 30 * clients,
        clients=clients,
        machines=max(1, int(clients * rng.choice([0.6, 0.9, 1.0]))),
        seats=max(1, int(clients * rng.choice([0.1, 0.5, 0.9, 1.2]))),
        lease=lease,
        lost_requests=share(0.1),
        lost_answers=share(0.1),
        delayed=share(0.05),
        doubled=share(0.05),
        crashes=share(0.1),
        pauses=share(0.1),
        releases=share(0.2),
        same_nonce=share(0.5),
        sweep_pause=pause(rng.choice([0.02, 1.0, 5.0]), likely=0.7),
        # An older copy has the older cap, and that counts until the operator has told the newer one. So what the newer
        # one allows is no promise there.
        resize_pause=None if volatile else resize_pause,
        suspend_pause=pause(2.0),
        reconfigure_pause=pause(1.0),
        flush_pause=pause(1.0, likely=0.3),
        blackout_pause=pause(3.0, likely=0.4),
        kills=kills,
        idempotent=share(1.0),
        signs=volatile or rng.random() < 0.5,
        volatile=volatile,
        copy_pause=pause(0.3, likely=1.0) if volatile else None,
        restart_pause=pause(6.0, likely=0.5),
        loss_pause=pause(6.0, likely=0.9) if volatile else None,
        outage_pause=pause(8.0, likely=0.4),
        operator_delay=int(lease * rng.choice([0, 0.1, 1.5])),
        most_seats=rng.choice([1, 1, 2, 5]),
        borrows=share(0.1),
        rotate_pause=pause(2.0),
        key_looks=share(0.2),
        queue_size=rng.choice([0, 0, 2, 50]),
    )
