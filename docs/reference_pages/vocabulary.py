"""The pages about words that programs decide by: reasons of conditions, codes of the endpoint, and its calls."""

from typing import Any

from docs.reference_pages.markdown import code, codes, document, table
from seatwarden.endpoint.codes import CODES
from seatwarden.endpoint.operations import Operation
from seatwarden.endpoint.route_table import OPERATIONS
from seatwarden.resources.health import health_of
from seatwarden.resources.reasons import Outlook, Reason

_OUTLOOKS = {
    Outlook.SETTLED: "Nothing happens, and nothing needs to.",
    Outlook.RETRYING: "The operator is at it, or tries again by itself with growing pauses. "
    "`Reconciling` is `True` meanwhile.",
    Outlook.WAITING: "Another object must change. The operator goes on when it does.",
    Outlook.TERMINAL: "A person must act: trying again does not help. `Stalled` is `True` meanwhile.",
}


def reasons_page() -> str:
    """Every reason that a condition or an Event can carry."""
    outlooks = table(
        ["Outlook", "What happens next by itself"],
        ([code(outlook.value), _OUTLOOKS[outlook]] for outlook in Outlook),
    )
    reasons = table(
        ["Reason", "Outlook", "In Argo CD", "What it means", "What to do"],
        (
            [
                code(reason.value),
                code(reason.outlook.value),
                code(health_of(reason).value),
                reason.meaning,
                reason.remedy,
            ]
            for reason in Reason
        ),
    )
    return document(
        "Reasons",
        "The `reason` of every condition and Event is one of these words. Programs may rely on them. "
        "The message beside a reason is for people and may change.",
        "## Outlooks",
        outlooks,
        "## All reasons",
        "What Argo CD shows for a resource that is not `Ready` for the reason, or says it beside `Ready`: "
        "see [GitOps](../gitops.md#what-the-colours-mean).",
        reasons,
    )


def codes_page() -> str:
    """Every stable code that the endpoint answers with."""
    rows = (
        [code(str(word)), codes(entry.statuses), entry.title, entry.meaning, entry.advice]
        for word, entry in CODES.items()
    )
    return document(
        "Codes of the seat endpoint",
        "Every answer about seats has a `code`. Decide by the code; the HTTP status only tells what kind of "
        "answer it is. The first status is the usual one. A code never changes its meaning.",
        table(["Code", "Status", "Title", "What it means", "What to do"], rows),
    )


def calls_page() -> str:
    """Every call that the endpoint serves."""
    return document(
        "Calls of the seat endpoint",
        "A running endpoint has the same as OpenAPI 3.1 at `/openapi.json`, with the schemas of all bodies, and for "
        "people at `/docs`. [Codes](codes.md) explains the codes.",
        *(_call(operation) for operation in OPERATIONS),
    )


def _call(operation: Operation[Any]) -> str:
    answers = [[code(str(answer.status)), answer.description] for answer in operation.answers]
    by_status: dict[int, list[str]] = {}
    for status, word in operation.all_refusals():
        by_status.setdefault(status, []).append(str(word))
    refusals = [[code(str(status)), codes(words)] for status, words in sorted(by_status.items())]
    summary = operation.summary if operation.summary.endswith("?") else f"{operation.summary}."
    return "\n\n".join(
        [
            f"## {operation.method} {operation.path}",
            f"{summary} {operation.description}".strip(),
            f"Needs a licence key: {'yes' if operation.needs_key else 'no'}.",
            table(["Status", "Answer or codes"], [*answers, *refusals]),
        ]
    )
