"""The page on Google Cloud KMS says what the code says."""

import re

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError, from_grpc_status

from seatwarden.backends.google_kms_model import (
    ALGORITHMS,
    PERMISSIONS,
    KmsLimits,
    KmsMethod,
    KmsVersion,
    VersionState,
)
from seatwarden.backends.google_kms_names import labels_of
from seatwarden.backends.google_kms_refusals import away_sentence, refused_sentence
from seatwarden.backends.root_keys import KeyOwner
from tests.docs.pages import ROOT, Page

PATH = ROOT / "docs" / "keys-in-google-cloud-kms.md"
PAGE = Page(PATH, PATH.read_text())
NEEDED = {permission for permission, _ in PERMISSIONS.values()}


def messages() -> list[list[str]]:
    """Of each message in the table, the parts between what differs from case to case."""
    table = PAGE.prose.split("## What each message means")[1]
    spans = [
        span
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for span in re.findall(r"`(.*?)`", row)
    ]
    return [[part.strip() for part in span.split("…") if part.strip()] for span in spans]


def answered(code: grpc.StatusCode, text: str = "no") -> GoogleAPICallError:
    """What Google's client raises for an answer with that code."""
    error: GoogleAPICallError = from_grpc_status(code, text)  # type: ignore[no-untyped-call]  # not annotated
    return error


def is_explained(sentence: str) -> bool:
    return any(all(part in sentence for part in parts) for parts in messages())


def test_the_role_has_every_permission_that_is_needed_and_no_other() -> None:
    (command,) = (each for each in PAGE.commands() if each.startswith("gcloud iam roles create"))
    assert set(command.split("--permissions=")[1].split(",")) == NEEDED


def test_every_permission_is_explained() -> None:
    assert {span for span in PAGE.spans() if span.startswith("cloudkms.")} == NEEDED
    assert {role for _, role in PERMISSIONS.values()} <= set(PAGE.spans())


def test_every_label_and_algorithm_is_on_the_page() -> None:
    labels = labels_of(KeyOwner(namespace="a", name="b", uid="c"))
    assert {*labels, *ALGORITHMS.values()} <= set(PAGE.spans())


def test_the_times_are_those_of_the_code() -> None:
    limits = KmsLimits()
    assert f"waits up to {limits.looks * limits.look_again_seconds:.0f} seconds" in PAGE.prose
    assert limits.attempts == 4
    assert "four times in all" in PAGE.prose


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
    ],
)
def test_every_refusal_is_explained(code: grpc.StatusCode) -> None:
    assert is_explained(refused_sentence(KmsMethod.ASYMMETRIC_SIGN, "the key", answered(code)))


@pytest.mark.parametrize(
    "error",
    [
        answered(grpc.StatusCode.RESOURCE_EXHAUSTED),
        answered(grpc.StatusCode.DEADLINE_EXCEEDED),
        ValueError("checksum"),
    ],
)
def test_every_absence_that_says_more_than_a_code_is_explained(error: Exception) -> None:
    assert is_explained(away_sentence(KmsMethod.ASYMMETRIC_SIGN, error))


@pytest.mark.parametrize("state", [VersionState.DISABLED, VersionState.DESTROY_SCHEDULED])
def test_every_trouble_is_explained(state: VersionState) -> None:
    trouble = KmsVersion(name="k/1", state=state, algorithm="", ends_at="2026-12-24").trouble
    assert trouble is not None
    assert is_explained(trouble)


def test_every_message_on_the_page_is_one_of_the_code() -> None:
    code = " ".join(
        path.read_text() for path in (ROOT / "operator/seatwarden/backends").glob("google_kms*.py")
    )
    # Long sentences are several strings, one after the other.
    joined = re.sub(r'"\s+f?"', "", code)
    for parts in messages():
        for part in parts:
            assert part in joined, part


def test_googles_text_is_quoted_on_one_line_and_cut() -> None:
    sentence = refused_sentence(
        KmsMethod.ASYMMETRIC_SIGN, "the key", answered(grpc.StatusCode.NOT_FOUND, "two\n lines " + "x" * 5000)
    )
    assert "two lines xxx" in sentence
    assert len(sentence) < 500
