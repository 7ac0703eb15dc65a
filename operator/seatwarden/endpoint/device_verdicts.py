"""From what the authority said of a pool's devices to what the client is told."""

import orjson

from seatwarden.domain.seats import Code, DeviceList, DeviceRemoval, Refusal
from seatwarden.endpoint import answers
from seatwarden.endpoint.problems import Outcome, Problem, Reply
from seatwarden.endpoint.verdicts import detail_of, instant_text, refusal_outcome


def devices_outcome(verdict: DeviceList | Refusal) -> Outcome:
    """The devices of the pool."""
    if isinstance(verdict, Refusal):
        return refusal_outcome(verdict)
    answer = answers.DevicesAnswer(
        devices=[
            answers.DeviceAnswer(
                hardware_id=device.holder,
                registered_at=instant_text(device.registered_at),
                holds_seat=device.seat_kept_for > 0,
            )
            for device in verdict.devices
        ],
        limit=verdict.limit,
        removal_in=verdict.cooldown_left / 1000,
    )
    return Reply(200, orjson.dumps(answer))


def removal_outcome(verdict: DeviceRemoval) -> Outcome:
    """The answer to the removal of a device."""
    if verdict.code is Code.DEVICE_REMOVED:
        return Reply(200, orjson.dumps(answers.DeviceRemovedAnswer()))
    return Problem(code=verdict.code, detail=detail_of(verdict.code), retry_after=verdict.retry_after)
