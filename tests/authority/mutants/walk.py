"""A random walk over all calls of one small pool, dense with borders: what kills most mutants, in a fraction of a second."""

import hashlib
import random

from seatwarden.domain.seats import Beat, Fence, Grant, Millis, PoolState, SeatGroup
from tests.authority.desk import KEY, holder
from tests.authority.twin import Twin

LEASE = 60_000
VERSIONS = ("4.2.1", "4.2.1", "5.0.0", "")
OTHER_KEY = hashlib.sha256(b"another licence key").hexdigest()


def walk(twin: Twin, seed: int, *, steps: int) -> None:
    """``steps`` calls on ``twin``, as ``seed`` says."""
    rng = random.Random(seed)
    grants: list[Grant] = []
    for step in range(steps):
        _pass_time(twin, rng)
        match rng.choices(range(7), weights=(10, 8, 3, 2, 2, 3, 1))[0]:
            case 0:
                key = KEY if rng.random() < 0.95 else OTHER_KEY
                version = rng.choice(VERSIONS)
                quantity = rng.choice([1, 1, 1, 2, 4])
                who, nonce = holder(rng.randrange(7)), rng.choice(["", "a", "b"])
                group = rng.choice(["", "", "a", "b"])
                answer = twin.acquire(
                    who, nonce, key=key, quantity=quantity, group=group, client_version=version
                )
                if isinstance(answer, Grant):
                    grants.append(answer)
            case 1 if grants:
                twin.beat(*rng.choices(grants[-12:], k=rng.randint(1, 4)))
            case 2 if grants:
                twin.release(rng.choice(grants[-12:]))
            case 3:
                twin.validate(
                    holder(rng.randrange(7)),
                    rng.choice([None, *(one.lease_id for one in grants[-6:])]),
                    group=rng.choice([None, None, "a"]),
                )
                named = rng.choice([None, "", "a", "b"])
                twin.validate(version=rng.choice([None, *VERSIONS]), group=named)
            case 4:
                twin.sweep()
                twin.sessions(rng.choice([1, 2, 500]))
                twin.observe()
            case 5:
                _change(twin, rng)
            case _:
                never = Beat(lease_id=f"{rng.randrange(3):032x}", fence=Fence(rng.choice([0, 1, 2**53 - 1])))
                twin.beat(never, key=rng.choice([KEY, OTHER_KEY]))
                twin.release(never, key=rng.choice([KEY, OTHER_KEY]))
        if step % 25 == 0:
            twin.audit()
    twin.audit()


def _pass_time(twin: Twin, rng: random.Random) -> None:
    dice = rng.random()
    if dice < 0.6:
        twin.clock.forward(rng.choice([0, 1, rng.randrange(LEASE // 3)]))
    elif dice < 0.7:
        twin.clock.forward(rng.choice([LEASE // 2, LEASE, LEASE + 1, 2 * LEASE, 600_001]))
    elif dice < 0.8 and (expiries := [lease.expiry for lease in twin.model.holding()]):
        twin.clock.now = max(twin.now, rng.choice(expiries) + rng.choice([-1, 0, 1]))


def _change(twin: Twin, rng: random.Random) -> None:
    match rng.randrange(13):
        case 0 | 1:
            twin.configure(capacity=rng.choice([0, 1, 3, 3, 5]))
        case 2:
            calm = twin.config.state is not PoolState.ACTIVE
            twin.configure(state=PoolState.ACTIVE if calm else rng.choice(list(PoolState)))
        case 3:
            ended = twin.config.valid_until is not None
            twin.configure(valid_until=None if ended else Millis(twin.now + rng.choice([0, 1, LEASE])))
        case 4:
            lease = rng.choice([LEASE // 2, LEASE, LEASE, 400_000])
            twin.configure(lease=Millis(lease), heartbeat=Millis(lease // 3))
        case 5:
            twin.configure(overage=rng.choice([0, 1, 2, 2]))
        case 7 | 8:
            terms = [(0, None), (1, None), (2, 3), (0, 1), (0, 0)]
            groups = {}
            for name in rng.choice(["", "a", "ab", "ab"]):
                reserved, limit = rng.choice(terms)
                groups[name] = SeatGroup(reserved=reserved, limit=limit)
            only = rng.random() < 0.2
            twin.configure(groups=groups, only_groups=only, holder_limit=rng.choice([None, None, 2]))
        case 6:
            drain, shadow = rng.choice([(False, False), (False, False), (True, False), (False, True)])
            twin.configure(drain=drain, shadow=shadow)
        case 9 | 10 | 11:
            rng.choice([_change_gates, _change_endings, _change_endings])(twin, rng)
        case _:
            epoch = twin.config.epoch + rng.choice([-1, 0, 1])
            keys = rng.choice([{KEY: "a"}, {KEY: "a", OTHER_KEY: "b"}])
            dies = {key: Millis(twin.now + LEASE) for key in keys if key == OTHER_KEY}
            groups_of_keys = {OTHER_KEY: "a"} if rng.random() < 0.5 else {}
            twin.configure(epoch=max(1, epoch), key_ids=keys, keys_die=dies, key_groups=groups_of_keys)


def _change_gates(twin: Twin, rng: random.Random) -> None:
    first, last = rng.choice([("", ""), ("", ""), ("4", "4"), ("", "4"), ("5", "")])
    rates = {"rate_key": rng.choice([0, 0, 0, 7]), "rate_holder": rng.choice([0, 0, 0, 2])}
    devices = {"device_limit": rng.choice([0, 0, 0, 3]), "device_cooldown": Millis(rng.choice([0, LEASE]))}
    twin.configure(version_min=first, version_max=last, **rates, **devices)
    twin.devices()
    twin.remove_device(holder(rng.randrange(7)), by_operator=rng.random() < 0.5)


def _change_endings(twin: Twin, rng: random.Random) -> None:
    if rng.random() < 0.5:
        # Much is to be ended only where much is held.
        twin.configure(capacity=max(0, twin.model.live(twin.now) - rng.choice([1, 2])), overage=0)
        return
    after, linger = rng.choice([None, 0, 1000, LEASE]), rng.choice([0, 1000, LEASE // 2, 2 * LEASE])
    twin.configure(
        evict_after=None if after is None else Millis(after),
        ends_at_once=rng.random() < 0.5,
        linger=Millis(linger),
    )
