"""From what the authority said to what the client is told. Pure: the one random number is an argument.

`spread` is a number from 0 up to 1. It shortens the time to the next heartbeat by up to a tenth, never
lengthens it, so that clients started together do not go on beating together, and none beats too late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import orjson

from seatwarden.domain.identity_token import IDENTITY_KEY_ID
from seatwarden.domain.seats import (
    Beat,
    BeatVerdict,
    Code,
    Grant,
    GroupVerdict,
    Millis,
    QueuePlace,
    RateLimit,
    Refusal,
    ReleaseVerdict,
    SessionPage,
    SessionRow,
    Shortfall,
    Validation,
    VersionVerdict,
)
from seatwarden.endpoint import answers
from seatwarden.endpoint.codes import CODES, RequestCode
from seatwarden.endpoint.credentials import BAD_KEY
from seatwarden.endpoint.problems import Outcome, Problem, Reply

SPREAD_SHARE = 0.1
GONE = 410
DAY = Millis(24 * 3600 * 1000)
RETRY_AT_LEAST = Millis(1000)
RETRY_SPREAD = Millis(2000)


def acquire_outcome(verdict: Grant | Refusal, *, lease: str | None, spread: float) -> Outcome:
    """The answer to acquire: 201 for a new lease, 200 for the same one again, 202 for a place in the queue."""
    if isinstance(verdict, Refusal):
        if verdict.code is Code.RECOVERING:
            return recovering_problem(verdict.retry_after or Millis(0), spread=spread)
        return refusal_outcome(verdict) if verdict.place is None else _queued(verdict, verdict.place)
    answer = seat_given(verdict, lease=lease, spread=spread)
    return Reply(201 if verdict.code is Code.GRANTED else 200, orjson.dumps(answer))


def seat_given(verdict: Grant, *, lease: str | None, spread: float) -> answers.AcquireAnswer:
    """What is told of one lease that was given or found."""
    return answers.AcquireAnswer(
        code=Code.GRANTED if verdict.code is Code.GRANTED else Code.EXISTING,
        session_id=verdict.lease_id,
        fence=verdict.fence,
        expires_in=verdict.expires_in / 1000,
        next_heartbeat_in=next_beat(verdict.heartbeat, spread),
        taken_over=verdict.taken_over,
        quantity=verdict.quantity,
        group=verdict.group or None,
        overage=verdict.overage,
        lease=lease,
        seats=seats_of(verdict.capacity, verdict.live),
    )


def all_given(given: list[answers.AcquireAnswer]) -> Outcome:
    """The answer to who has seats of several pools now: 201 where any lease is new."""
    is_new = any(one.code is Code.GRANTED for one in given)
    answer = answers.AcquireAllAnswer(code=Code.GRANTED if is_new else Code.EXISTING, pools=given)
    return Reply(201 if is_new else 200, orjson.dumps(answer))


def shortfall_outcome(verdict: Shortfall, *, of: int, spread: float) -> Problem:
    """The answer to who wanted seats of several pools, and got none since one of them refused."""
    refusal = verdict.refusal
    if refusal.code is Code.POOLS_APART:
        return Problem(code=refusal.code, detail=detail_of(refusal.code))
    problem = (
        recovering_problem(refusal.retry_after or Millis(0), spread=spread)
        if refusal.code is Code.RECOVERING
        else refusal_outcome(refusal)
    )
    detail = f"Pool {verdict.number + 1} of {of} refused, so no seat was taken in any. {problem.detail}"
    return replace(problem, pool=verdict.number, detail=detail)


def _queued(verdict: Refusal, place: QueuePlace) -> Reply:
    answer = answers.QueuedAnswer(
        code=Code.QUEUED,
        position=place.position,
        waiting=place.waiting,
        retry_after=(verdict.retry_after or RETRY_AT_LEAST) / 1000,
        estimate=None if place.estimate is None else place.estimate / 1000,
        seats=seats_of(verdict.capacity, verdict.live),
    )
    return Reply(202, orjson.dumps(answer))


def heartbeat_outcome(verdict: BeatVerdict, *, lease: str | None, spread: float) -> Outcome:
    """The answer to one heartbeat: 200 as long as the lease lives. ``lease`` is a new signed one, if there is any."""
    match verdict.code:
        case Code.OK:
            lives = True
        case Code.RECOVERING:
            return recovering_problem(verdict.expires_in, spread=spread)
        case Code.SUSPENDED | Code.EXPIRED:
            lives = verdict.expires_in > 0
        case _:
            lives = False
    if not lives:
        return gone_problem(verdict.code)
    # A plain dict in the form of `answers.HeartbeatAnswer`: it is the call that is made most by far.
    answer = {
        "code": verdict.code,
        "expires_in": verdict.expires_in / 1000,
        "next_heartbeat_in": next_beat(verdict.heartbeat, spread) if verdict.heartbeat else None,
        "lease": lease,
    }
    return Reply(200, orjson.dumps(answer))


def gone_problem(code: Code) -> Problem:
    """The lease that was named is not held by who named it, or the key opens no pool."""
    if code in _GONE_DETAILS:
        return Problem(code=code, status=GONE, detail=_GONE_DETAILS[code])
    return Problem(code=code, detail=_DETAILS[code])


def bulk_outcome(
    beats: Sequence[Beat], verdicts: Sequence[BeatVerdict], leases: Mapping[int, str], *, spread: float
) -> Outcome:
    """The answer to a bulk heartbeat: 200 with a verdict each, or 401 for all where the key is wrong.

    ``leases`` are new signed ones, by the place of their beat.
    """
    if verdicts[0].code is Code.INVALID_LICENSE:
        return Problem(code=Code.INVALID_LICENSE, detail=BAD_KEY)
    soonest = min((verdict.heartbeat for verdict in verdicts if verdict.heartbeat), default=None)
    # Plain dicts here: a thousand dataclass instances would take longer than all the rest of the call.
    sessions = [
        {"session_id": beat.lease_id, "code": verdict.code, "expires_in": verdict.expires_in / 1000}
        for beat, verdict in zip(beats, verdicts, strict=True)
    ]
    for at, lease in leases.items():
        sessions[at]["lease"] = lease
    again_in = None if soonest is None else next_beat(soonest, spread)
    return Reply(200, orjson.dumps({"sessions": sessions, "next_heartbeat_in": again_in}))


def release_outcome(verdict: ReleaseVerdict) -> Outcome:
    """The answer to release."""
    match verdict.code:
        case Code.RELEASED | Code.ALREADY_RELEASED as code:
            return Reply(200, orjson.dumps(answers.ReleaseAnswer(code=code)))
        case code:
            return Problem(code=code, detail=_DETAILS[code])


def validate_outcome(verdict: Validation | Refusal, *, feature: str | None = None) -> Outcome:
    """The answer to validate. An invalid licence is an answer like any other; only a wrong key is refused."""
    if isinstance(verdict, Refusal):
        return refusal_outcome(verdict)
    licence = _licence(verdict.document)
    session = None
    if verdict.lease_id is not None and verdict.expires_in > 0:
        session = answers.SessionState(session_id=verdict.lease_id, expires_in=verdict.expires_in / 1000)
    asked = None if feature is None else _feature(feature, licence.entitlements)
    code = verdict.code
    if code is Code.OK and asked is not None and not asked.entitled:
        code = Code.NOT_ENTITLED
    answer = answers.ValidateAnswer(
        valid=code is Code.OK,
        code=cast("Any", code),
        plan=licence.plan,
        trial=licence.trial,
        entitlements=licence.entitlements,
        seats=seats_of(verdict.capacity, verdict.live),
        valid_for_seconds=None if verdict.valid_for is None else verdict.valid_for / 1000,
        days_left=None if verdict.valid_for is None else -(-verdict.valid_for // DAY),
        feature=asked,
        version=None if verdict.version is None else _version(verdict.version),
        group=None if verdict.group is None else _group(verdict.group),
        session=session,
    )
    return Reply(200, orjson.dumps(answer))


def pool_outcome(verdict: Validation | Refusal) -> Outcome:
    """The answer to a look at the pool."""
    if isinstance(verdict, Refusal):
        return refusal_outcome(verdict)
    licence = _licence(verdict.document)
    answer = answers.PoolAnswer(
        code=cast("Any", verdict.code),
        plan=licence.plan,
        trial=licence.trial,
        entitlements=licence.entitlements,
        seats=seats_of(verdict.capacity, verdict.live),
        valid_for_seconds=None if verdict.valid_for is None else verdict.valid_for / 1000,
    )
    return Reply(200, orjson.dumps(answer))


def sessions_outcome(verdict: SessionPage | Refusal, *, tokens_key_id: str) -> Outcome:
    """One page of live leases. ``tokens_key_id`` is the id of what stands for all tokens of the pool."""
    if isinstance(verdict, Refusal):
        return refusal_outcome(verdict)
    page = answers.SessionsAnswer(
        sessions=[_session(row, tokens_key_id) for row in verdict.rows], next_cursor=verdict.cursor
    )
    return Reply(200, orjson.dumps(page))


def refusal_outcome(refusal: Refusal) -> Problem:
    """No seat, with the numbers and the wait where they are of use."""
    if refusal.code is Code.VERSION_BLOCKED:
        return Problem(code=refusal.code, detail=_version_detail(refusal), retry_after=refusal.retry_after)
    if refusal.rate is not None:
        return Problem(
            code=refusal.code,
            detail=_rate_detail(refusal.rate),
            retry_after=refusal.retry_after,
            rate=refusal.rate,
        )
    if refusal.code is not Code.POOL_EXHAUSTED:
        return Problem(code=refusal.code, detail=detail_of(refusal.code), retry_after=refusal.retry_after)
    when = (
        ""
        if refusal.retry_after is None
        else f" Try again in {refusal.retry_after / 1000:.0f} s, or ask for more seats."
    )
    return Problem(
        code=refusal.code,
        detail=f"{refusal.live} leases live in this pool of {refusal.capacity} seats.{when}",
        capacity=refusal.capacity,
        used=refusal.live,
        retry_after=refusal.retry_after,
    )


def _version_detail(refusal: Refusal) -> str:
    return (
        f"This pool takes versions {refusal.versions}, and client_version is another one, missing, or not written like"
        " 4.2.1. Use a version that it takes, or ask the administrator to admit this one."
    )


def _rate_detail(rate: RateLimit) -> str:
    who = "licence key" if rate.policy == "perKey" else "holder"
    return (
        f"A {who} may ask this pool for a seat {rate.quota} times a minute, and this one did so more often."
    )


def unavailable_problem(*, spread: float) -> Problem:
    """The authority did not answer. The wait is spread, so that not all clients come back at one moment."""
    return Problem(
        code=RequestCode.AUTHORITY_UNAVAILABLE,
        detail=f"{CODES[RequestCode.AUTHORITY_UNAVAILABLE].meaning} A lease that you hold goes on; send the"
        " request again after Retry-After.",
        retry_after=Millis(RETRY_AT_LEAST + int(RETRY_SPREAD * spread)),
    )


def recovering_problem(wait: Millis, *, spread: float) -> Problem:
    """The pool is in recovery for ``wait`` more, 0 where that is not known yet."""
    entry = CODES[Code.RECOVERING]
    return Problem(
        code=Code.RECOVERING,
        detail=f"{entry.meaning} {entry.advice}",
        retry_after=Millis(max(wait, RETRY_AT_LEAST) + int(RETRY_SPREAD * spread)),
    )


def next_beat(heartbeat: Millis, spread: float) -> float:
    """After how many seconds the next heartbeat is to come."""
    return round(heartbeat * (1 - SPREAD_SHARE * spread)) / 1000


def detail_of(code: Code) -> str:
    """What happened and what to do, where the code says all of it."""
    entry = CODES[code]
    return _DETAILS.get(code) or f"{entry.meaning} {entry.advice}"


def seats_of(capacity: int, live: int) -> answers.Seats:
    """How full the pool is."""
    return answers.Seats(capacity, live, max(0, capacity - live))


def instant_text(at: Millis) -> str:
    """An instant as answers have it: RFC 3339 in UTC, with milliseconds."""
    instant = datetime.fromtimestamp(at / 1000, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _session(row: SessionRow, tokens_key_id: str) -> answers.SessionAnswer:
    return answers.SessionAnswer(
        session_id=row.lease_id,
        hardware_id=row.holder,
        quantity=row.quantity,
        group=row.group or None,
        acquired_at=instant_text(row.acquired_at),
        expires_in=row.expires_in / 1000,
        lingers=row.lingers,
        license_key_id=IDENTITY_KEY_ID if row.key_id == tokens_key_id else row.key_id,
        client_version=row.client_version,
        metadata=orjson.Fragment(row.metadata),
    )


def _feature(name: str, entitlements: Mapping[str, Any]) -> answers.FeatureState:
    value = entitlements.get(name)
    return answers.FeatureState(name=name, entitled=value not in {None, False}, value=value)


def _version(asked: VersionVerdict) -> answers.VersionState:
    return answers.VersionState(admitted=asked.admitted, window=asked.window or None)


def _group(asked: GroupVerdict) -> answers.GroupState:
    return answers.GroupState(
        name=asked.name,
        entitled=asked.known,
        reserved=asked.reserved,
        limit=asked.limit,
        used=asked.used,
    )


class _Licence(NamedTuple):
    """What the operator has put into the document of a pool."""

    plan: str | None
    trial: bool
    entitlements: dict[str, Any]


def _licence(document: str) -> _Licence:
    told = orjson.loads(document)
    return _Licence(told.get("plan") or None, told.get("trial", False), told.get("entitlements") or {})


_DETAILS = {
    Code.IDEMPOTENCY_MISMATCH: "This Idempotency-Key was sent before with another body. Make a new key for a new wish.",
    Code.INVALID_LICENSE: BAD_KEY,
    Code.SUSPENDED: "This licence is suspended: no seat is given. Ask the administrator of the licence.",
    Code.EXPIRED: "This licence has run out: no seat is given. Have it renewed.",
    Code.UNKNOWN_SESSION: "The pool of this licence key has no such session. Acquire a seat.",
    Code.STALE_FENCE: "Another run of this holder has taken the lease over. Stop using the seat.",
}
_GONE_DETAILS = {
    Code.LEASE_EXPIRED: "The lease ran out before this heartbeat came. Acquire again if a seat is free.",
    Code.RELEASED: "The lease was released. Acquire again if a seat is still needed.",
    Code.EVICTED: "The lease was ended by the administrator. Save the work and acquire again.",
    Code.SUSPENDED: "The licence was suspended and the lease is gone. Ask the administrator of the licence.",
    Code.EXPIRED: "The licence has run out and the lease is gone. Have it renewed.",
}
