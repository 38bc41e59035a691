"""Structured logs: an event name and fields, one JSON object a line; what they must never contain is dropped by name and type.

Codes, tokens, keys, passwords, addresses and the text of GraphQL documents or variables never belong in a log. `Secret`
values print as `***` by type; the field names below are a second net for the day somebody forgets.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

FORBIDDEN_FIELDS = frozenset(
    {
        "authorization", "body", "code", "codes", "contact", "cookie", "document", "dsn", "email", "key", "lines", "password",
        "phone", "pin", "plaintext", "query", "secret", "token", "url", "variables",
    }
)  # fmt: skip


def _drop_forbidden(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in FORBIDDEN_FIELDS & event.keys():
        event[name] = "***"
    return event


def _format_error(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keeps where an error was raised and its class, not its text: a driver's text may quote a row."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        frames: list[str] = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["error"] = type(error).__name__
        event["sqlstate"] = getattr(error, "sqlstate", None)
        event["constraint"] = getattr(error, "constraint_name", None)
        event["trace"] = frames[-12:]
    return event


def configure(level: str = "INFO") -> None:
    """Sends every log of this process to stderr as JSON; call once, at the door."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_forbidden,
            _format_error,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format='{"logger": "%(name)s", "event": "%(message)s"}'
    )


def get_logger(name: str) -> Any:
    """A logger whose lines carry the module's name."""
    return structlog.get_logger(name, area=name)
