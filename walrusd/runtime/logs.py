"""Logs: events with fields, one JSON object a line, without secrets or control characters.

    log = structlog.get_logger(__name__)
    log.info("stake_submitted", task=task, digest=digest)

The standard library's loggers (hypercorn, h2, httpx) are written in the same form. Texts may come
from strangers, and a log is read on a terminal: as the last step, they are made printable.
"""

import io
import logging
import sys
from typing import Any, TextIO

import structlog

from walrusd.runtime.redact import redact
from walrusd.settings.model import LogFormat
from walrusd.text import make_printable

MAX_TEXT = 8192
"""The most characters of one text in a log."""
MAX_TRACEBACK = 65_536
"""The most characters of a traceback, which may quote any text."""
_TRACEBACKS = frozenset({"exception", "stack"})


def configure_logs(level: str, form: LogFormat, stream: TextIO | None = None) -> None:
    """Configure logging for this process; called once, by the composition root.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``json`` for machines, ``console`` for people.
        stream: where to write; standard error if not given (standard output is for results).
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event]
    if form is LogFormat.JSON:
        renderer: Any = structlog.processors.JSONRenderer()
        final += [structlog.processors.format_exc_info, _clean_event, renderer]
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=_write_traceback
        )
        final += [_clean_event, renderer]
    final.append(_redact_text)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # httpx logs every full URL at INFO, hpack every header at DEBUG, hypercorn "CTRL + C to quit".
    for noisy in ("httpx", "httpcore", "hpack", "h2", "hypercorn.error"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _redact_event(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    exc_info = event.pop("exc_info", None)
    cleaned: dict[str, Any] = redact(event)
    if exc_info is not None:
        cleaned["exc_info"] = exc_info
    return cleaned


def _redact_text(_logger: Any, _method: str, line: str) -> str:
    """Catch what tracebacks quote."""
    cleaned: str = redact(line)
    return cleaned


def _clean_event(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Make every text of an event printable; the renderers quote some texts and others not."""
    exc_info = event.pop("exc_info", None)
    cleaned = {
        _clean_text(key): _clean_traceback(value) if key in _TRACEBACKS else _clean(value)
        for key, value in event.items()
    }
    if exc_info is not None:
        cleaned["exc_info"] = exc_info
    return cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # An exception or a path: the renderers would write its repr, which may be any text.
    return _clean_text(value if isinstance(value, str) else repr(value))


def _clean_text(text: str) -> str:
    return make_printable(text, MAX_TEXT)


def _clean_traceback(value: Any) -> str:
    return make_printable(str(value), MAX_TRACEBACK, lines=True)


def _write_traceback(stream: TextIO, exc_info: Any) -> None:
    """Write a traceback without local variables, which could be keys."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(_clean_traceback(text.getvalue()))
