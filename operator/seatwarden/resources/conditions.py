"""Conditions in metav1 form, and the one function that turns what is true now into what status should say.

The shape and its limits are those of ``metav1.Condition`` in Kubernetes' apimachinery. ``Ready``,
``Reconciling`` and ``Stalled`` follow kstatus
(https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): ``Ready`` is always there,
the other two are there only while they are true.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from seatwarden.resources.base import Instant, Int64, Model
from seatwarden.resources.reasons import Reason

MESSAGE_MAX_LENGTH = 32_768
_QUALIFIED_NAME = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_REASON = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"


class ConditionType(StrEnum):
    """What is said about a resource."""

    READY = "Ready"
    """All that the spec asks for is so."""
    RECONCILING = "Reconciling"
    """The operator is working on it."""
    STALLED = "Stalled"
    """Trying again cannot help; a person must act."""
    SIGNING_KEY_READY = "SigningKeyReady"
    """A Tenant has a key that can sign."""
    LICENCE_READY = "LicenceReady"
    """A Subscription has a licence document that says what was bought."""
    IDENTITY_READY = "IdentityReady"
    """The keys of all issuers that a Tenant lists are known and fresh."""
    BILLING_READY = "BillingReady"
    """A Tenant is a customer of its payment provider."""
    BILLING_SYNCED = "BillingSynced"
    """The payment provider has of a Subscription what is wanted."""
    DRIFTED = "Drifted"
    """Somebody changed a Subscription at the payment provider, so that it is not as the spec says."""
    PAYMENT_OVERDUE = "PaymentOverdue"
    """A payment for a Subscription should have come, and has not."""
    REDIS_READY = "RedisReady"
    """Redis holds a pool as it should be."""
    OVER_CAPACITY = "OverCapacity"
    """More seats of a pool are held than it has."""
    OVERAGE = "Overage"
    """Seats of a pool are held above its capacity, by permission."""
    DRAINING = "Draining"
    """A pool gives no new seats, so that it runs empty."""
    SHADOW_MODE = "ShadowMode"
    """A pool refuses nothing for want of a seat, and counts what it would have refused."""
    RECOVERING = "Recovering"
    """Only programs that held a seat of the pool before a loss of Redis come back."""
    TRIALING = "Trialing"
    """A Subscription is a trial that goes on."""
    ROTATION_WAITING = "RotationWaiting"
    """A licence key that was asked for is made when an earlier one of the pool dies."""


class ConditionStatus(StrEnum):
    """The answer of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One observation about the state of the resource, in the usual form of Kubernetes."""

    type: Annotated[str, Field(max_length=316, pattern=_QUALIFIED_NAME)]
    """What is observed, for example Ready."""
    status: ConditionStatus
    """True, False or Unknown."""
    observed_generation: Annotated[Int64, Field(ge=0)] | None = None
    """The metadata.generation of which this was observed."""
    last_transition_time: Instant
    """When the status last changed from one value to another."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=_REASON)]
    """Why the status is as it is, as one word for programs. The reference explains each."""
    message: Annotated[str, Field(max_length=MESSAGE_MAX_LENGTH)]
    """Why the status is as it is, as a sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a reconciler found to be true of one condition, not yet compared with what status says."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str


def merge_conditions(
    current: Iterable[Condition], findings: Sequence[Finding], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions that status should have: those of ``findings``, in their order, and no others.

    ``lastTransitionTime`` moves to ``now`` (cut to whole seconds) only where the status flips. So equal
    findings about the same generation give equal conditions, and comparing them tells whether status must
    be written.
    """
    before = {condition.type: condition for condition in current}
    return tuple(
        _merged(before.get(finding.type), finding, generation=generation, now=now) for finding in findings
    )


def find_condition(conditions: Iterable[Condition], wanted: ConditionType) -> Condition | None:
    """The condition of the type ``wanted``, or None where there is none."""
    return next((condition for condition in conditions if condition.type == wanted), None)


def is_true(conditions: Iterable[Condition], wanted: ConditionType) -> bool:
    """Whether the condition of the type ``wanted`` is there and True."""
    found = find_condition(conditions, wanted)
    return found is not None and found.status is ConditionStatus.TRUE


def restated(conditions: Iterable[Condition], wanted: ConditionType, *, unknown: Reason) -> Finding | None:
    """The condition of the type ``wanted`` as it was told, with ``unknown`` for a reason that we do not know; None where there is
    none."""
    told = find_condition(conditions, wanted)
    if told is None:
        return None
    reason = next((it for it in Reason if it == told.reason), unknown)
    return Finding(type=wanted, status=told.status, reason=reason, message=told.message)


def _merged(before: Condition | None, finding: Finding, *, generation: int, now: datetime) -> Condition:
    unflipped = before is not None and before.status is finding.status
    return Condition(
        type=finding.type.value,
        status=finding.status,
        observed_generation=generation,
        last_transition_time=(
            before.last_transition_time
            if before and unflipped
            else now.astimezone(UTC).replace(microsecond=0)
        ),
        reason=finding.reason.value,
        message=finding.message[:MESSAGE_MAX_LENGTH],
    )
