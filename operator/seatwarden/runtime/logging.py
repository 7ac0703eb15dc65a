"""Logs: one JSON object a line on stderr for all commands; stdlib loggers come out in the same form.

What a line is about is bound once with `about_object` and rides along in context variables through all that is
awaited inside. Last, each line is searched for licence keys and for passwords in URLs: code must not log
them, and this makes sure of it.
"""

import json
import logging
import re
import sys
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


class LogFormat(StrEnum):
    """How a line looks: `JSON` for machines, `CONSOLE` for a person at a terminal."""

    JSON = "json"
    CONSOLE = "console"


LEVELS = ("debug", "info", "warning", "error")

_LICENCE_KEY = re.compile(r"LIC-([a-z2-7]{4})[a-z2-7]{22}-[a-z2-7]{32}")
_STRIPE_SECRET = re.compile(r"\b(whsec|[rs]k_live|[rs]k_test)_[A-Za-z0-9+/=]+")
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*):[^\s/\"']*@")


def configure_logging(level: str, log_format: LogFormat, *, stream: TextIO | None = None) -> None:
    """Send the logs of this process to ``stream`` (stderr), from ``level`` (one of `LEVELS`) on.

    Raises:
        ValueError: ``level`` is none of `LEVELS`.
    """
    if level not in LEVELS:
        raise ValueError(f"the log level has to be one of {', '.join(LEVELS)}, not {level!r}")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(log_format),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


def about_object(*, kind: str, namespace: str, name: str, uid: str) -> AbstractContextManager[Any]:
    """Within the block each log line says which custom resource it is about."""
    return structlog.contextvars.bound_contextvars(kind=kind, namespace=namespace, name=name, uid=uid)


def redact(text: str) -> str:
    """``text`` with licence keys, Stripe's secrets and the passwords in URLs blotted out."""
    text = _STRIPE_SECRET.sub(r"\1_***", _LICENCE_KEY.sub(r"LIC-\1***", text))
    return _URL_PASSWORD.sub(r"\1:***@", text)


def _renderers(log_format: LogFormat) -> list[Processor]:
    match log_format:
        case LogFormat.JSON:
            return [structlog.processors.format_exc_info, _render_json]
        case LogFormat.CONSOLE:
            console = structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # Its own shows the values of variables: bodies, and keys that `redact` does not know.
                exception_formatter=structlog.dev.plain_traceback,
            )
            return [lambda logger, method, event: redact(str(console(logger, method, event)))]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        line = orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # such as a number of more than 64 bits: slower, but no line is lost
        line = json.dumps(event, default=repr, skipkeys=True)
    return redact(line)
