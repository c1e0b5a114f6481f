"""Logs on standard error: for people or for machines."""

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from qrmiddleware.config.settings import LogSettings

_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Ends of lines, terminals' commands, and what turns the direction of writing."""


def make_log(settings: LogSettings) -> Any:  # noqa: ANN401 structlog's loggers are untyped
    """Set logging up, and return the proxy's log."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            *([] if settings.format == "json" else [_in_its_line]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    log = structlog.get_logger("qrmiddleware")
    for name in ("uvicorn", "asyncio", "aiohttp"):
        theirs = logging.getLogger(name)
        theirs.handlers, theirs.propagate = [_Forwarder(log)], False
    warnings.showwarning = _warning_writer(log)
    return log


def _in_its_line(_log: object, _method: str, event: MutableMapping[str, Any]) -> Any:  # noqa: ANN401
    """Keep what clients and engines say from ending a line, or from steering a terminal.

    A traceback keeps its lines; each is indented, so that none looks like an entry of the log.
    """
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n  ".join(_CONTROLS.sub(_escaped, line) for line in lines)
    return event


def _escaped(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode()


_UNWRITABLE: Final = (OSError, ValueError)
"""What a full disk, a pipe without a reader, and a closed file raise."""


class _Unfailing:
    """Writes to a file what can be written; a line that cannot costs no search."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write, or drop it."""
        with contextlib.suppress(*_UNWRITABLE):
            self._file.write(text)

    def flush(self) -> None:
        """Have it written, as far as that can be."""
        with contextlib.suppress(*_UNWRITABLE):
            self._file.flush()


def _warning_writer(log: Any) -> Callable[..., None]:  # noqa: ANN401 structlog's loggers are untyped
    """Return what writes Python's warnings, such as a student's that finds no GPU, to our log."""

    def write(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
    ) -> None:
        log.warning(str(message), category=category.__name__, source=f"{filename}:{lineno}")

    return write


class _Forwarder(logging.Handler):
    """Writes what libraries log in the form of our own log."""

    def __init__(self, log: Any) -> None:  # noqa: ANN401 structlog's loggers are untyped
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        event = record.getMessage().strip()
        self._log.log(record.levelno, event, logger=record.name, exc_info=record.exc_info)
