import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from seatwarden.runtime.logging import LogFormat, about_object, configure_logging, redact
from tests.endpoint.logging_state import kept_logging

KEY = "LIC-" + "abcdefghijklmnopqrstuvwxyz" + "-" + "2" * 32


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    with kept_logging():
        stream = io.StringIO()
        configure_logging("info", LogFormat.JSON, stream=stream)
        yield stream


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_logger(stream: io.StringIO) -> None:
    structlog.get_logger("seatwarden.test").info("seat granted", seats=3)
    (line,) = _lines(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"event": "seat granted", "level": "info", "logger": "seatwarden.test", "seats": 3}


def test_the_standard_library_comes_out_in_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp").warning("%d requests lost", 2, extra={"peer": "a"})
    (line,) = _lines(stream)
    assert (line["event"], line["level"], line["logger"], line["peer"]) == (
        "2 requests lost",
        "warning",
        "aiohttp",
        "a",
    )


def test_what_a_line_is_about_is_bound_once(stream: io.StringIO) -> None:
    log = structlog.get_logger("x")
    with about_object(kind="SeatPool", namespace="acme", name="dev", uid="u-1"):
        log.info("inside")
        logging.getLogger("y").error("inside too")
    log.info("outside")
    inside, too, outside = _lines(stream)
    for line in (inside, too):
        assert (line["kind"], line["namespace"], line["name"], line["uid"]) == (
            "SeatPool",
            "acme",
            "dev",
            "u-1",
        )
    assert "kind" not in outside


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    structlog.get_logger("x").debug("quiet")
    logging.getLogger("y").debug("quiet")
    assert _lines(stream) == []


def test_an_exception_keeps_its_traceback(stream: io.StringIO) -> None:
    structlog.get_logger("x").error("it failed", exc_info=ValueError("broken"))
    (line,) = _lines(stream)
    assert "ValueError: broken" in str(line["exception"])


def test_secrets_are_blotted_out_wherever_they_stand(stream: io.StringIO) -> None:
    log = structlog.get_logger("x")
    log.info("took it", key=KEY, nested={"key": [KEY]}, url="redis://user:hunter2@redis:6379/0")
    logging.getLogger("y").error("cannot reach %s", "rediss://:p%40ss@redis:6379")
    log.error("failed", exc_info=ConnectionError(f"redis://:hunter2@h:1 for {KEY}"))
    written = stream.getvalue()
    assert KEY not in written
    assert "hunter2" not in written
    assert "p%40ss" not in written
    assert len(_lines(stream)) == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://user:s@cret@host", "rediss://user:***@host"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("http://a:1/x and mail me@x", "http://a:1/x and mail me@x"),
        (KEY, "LIC-abcd***"),
        ("no secrets", "no secrets"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_the_console_form_is_for_people_and_redacts_as_well() -> None:
    with kept_logging():
        stream = io.StringIO()
        configure_logging("debug", LogFormat.CONSOLE, stream=stream)
        structlog.get_logger("x").info("took a seat", key=KEY)
        assert "took a seat" in stream.getvalue()
        assert KEY not in stream.getvalue()


def test_the_console_form_shows_no_values_of_variables_in_a_traceback() -> None:
    def fault(body: str) -> None:
        raise RuntimeError(f"{len(body)} letters")

    with kept_logging():
        stream = io.StringIO()
        configure_logging("info", LogFormat.CONSOLE, stream=stream)
        try:
            fault("person@" + "example.com")
        except RuntimeError:
            structlog.get_logger("x").exception("a fault")
        assert "RuntimeError: 18 letters" in stream.getvalue()
        assert "person@example.com" not in stream.getvalue()


@pytest.mark.parametrize("word", ["whsec_abc123", "sk_live_abc123", "rk_test_abc123"])
def test_secrets_of_stripe_are_blotted_out(word: str) -> None:
    assert redact(f"b'{word}'") == f"b'{word.removesuffix('abc123')}***'"


def test_what_json_cannot_express_is_shown_by_its_repr(stream: io.StringIO) -> None:
    structlog.get_logger("x").info("odd", value=object, number=2**70)
    assert len(_lines(stream)) == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="has to be one of debug, info, warning, error"):
        configure_logging("loud", LogFormat.JSON)
