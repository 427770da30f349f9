"""Logs are events with fields, one JSON object a line, never a secret.

    log = structlog.get_logger(__name__)
    log.info("stake_submitted", task=task, digest=digest)

The standard library's loggers (hypercorn, h2, httpx) come out in the same form.
"""

import logging
import sys
from typing import Any, TextIO

import structlog

from walrusd.runtime.redact import redact
from walrusd.settings.model import LogFormat


def configure_logs(level: str, form: LogFormat, stream: TextIO | None = None) -> None:
    """Set up logging for this process; called once, by the composition root.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: JSON for machines, console for people.
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
        final += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # The plain traceback shows no local variables; they could be keys.
        final.append(
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        )
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
