"""The licence document, which programs verify without a network: fetched from the endpoint, and kept in a file.

It is signed, so it may come from anywhere, and whether it counts is for `seatwarden.verify` to say. Here only its form is looked
at, so that the page of a portal never takes its place.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from seatwarden.client.answers import Answer, read_answer, silence
from seatwarden.client.asking import refusal
from seatwarden.client.errors import EndpointUnavailable
from seatwarden.client.files import Name, write_whole

LONGEST_DOCUMENT = 256 * 1024
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MEDIA_TYPE = "application/jose"
_OK = 200


def read_document(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """The answer to `calls.licence_document` in one HTTP response; ``body`` has the ``document`` where it is one."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if status != _OK or media_type != _MEDIA_TYPE:
        return read_answer(status, headers, content)
    text = _document_in(content)
    if text is None:
        return silence("what came is no licence document")
    return Answer(status=status, code="ok", body={"document": text})


def document_of(answer: Answer) -> str:
    """The document in ``answer``.

    Raises:
        SeatRefused: there is none yet, the key is not accepted, or the endpoint did not answer.
    """
    text = answer.body.get("document")
    if answer.good and isinstance(text, str):
        return text
    raise refusal(silence("what came is no licence document") if answer.good else answer)


def kept_document(answer: Answer, file: Name) -> str:
    """The document in ``answer``, written to ``file`` where that has another; without an answer the one of the file.

    Raises:
        SeatRefused: as `document_of`, where the file has none either, or the endpoint refused.
        OSError: the file cannot be written.
    """
    before = _stored(file)
    try:
        text = document_of(answer)
    except EndpointUnavailable:
        if before is None:
            raise
        return before
    if text != before:
        write_whole(file, text)
    return text


def _stored(file: Name) -> str | None:
    try:
        with Path(file).open("rb") as stream:
            return _document_in(stream.read(LONGEST_DOCUMENT + 2))
    except OSError:
        return None


def _document_in(content: bytes) -> str | None:
    text = content.decode("ascii", "replace").strip()
    return text if len(text) <= LONGEST_DOCUMENT and _COMPACT.fullmatch(text) else None
