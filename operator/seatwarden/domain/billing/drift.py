"""Changes that others made at Stripe: what differs, and what counts.

Three values are compared: what the spec says, what the operator wrote last (`seatwarden.domain.billing.applied`), and what
Stripe has. Where the spec says something else than was written last, a person has changed it in Git, and it is written: Git
is newer than any edit at Stripe that it did not know of. Where it says the same, and Stripe has something else, that is
drift, and the policy decides.

| spec = written | Stripe = written | Stripe = spec | what is done |
| --- | --- | --- | --- |
| yes | yes | yes | nothing |
| yes | no | no | drift: `Heal` writes the spec, `Adopt` and `Report` write nothing |
| no | any | no | the spec is written |
| no | no | yes | that both are the same again is written down, nothing else |
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seatwarden.resources.conditions import ConditionStatus, ConditionType, Finding
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import DriftPolicy

REASONS = {
    DriftPolicy.HEAL: Reason.DRIFT_HEALING,
    DriftPolicy.ADOPT: Reason.DRIFT_ADOPTED,
    DriftPolicy.REPORT: Reason.DRIFT_REPORTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that Stripe has otherwise than the spec says, since somebody changed it there."""

    what: str
    at_stripe: str
    in_spec: str

    def __str__(self) -> str:
        return f"{self.what} is {self.at_stripe} at Stripe and {self.in_spec} in the spec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the spec's value is to be written, and whether somebody changed Stripe's."""

    write: bool = False
    drifted: bool = False


def compare(*, spec: object, written: object, at_stripe: object, policy: DriftPolicy) -> Verdict:
    """What the table above says."""
    if at_stripe == spec:
        return Verdict()
    if spec != written:
        return Verdict(write=True)
    return Verdict(write=policy is DriftPolicy.HEAL, drifted=True)


def drifted(differences: Sequence[Difference], policy: DriftPolicy) -> tuple[Finding, ...]:
    """Has somebody changed the subscription at Stripe? Said only while it is so, with both values."""
    if not differences:
        return ()
    consequence = {
        DriftPolicy.HEAL: "It is set back to the spec.",
        DriftPolicy.ADOPT: "What Stripe has counts until the spec changes.",
        DriftPolicy.REPORT: "Nothing is done about it.",
    }[policy]
    told = "; ".join(str(each) for each in differences)
    return (
        Finding(
            type=ConditionType.DRIFTED,
            status=ConditionStatus.TRUE,
            reason=REASONS[policy],
            message=f"Somebody changed it: {told}. {consequence}",
        ),
    )
