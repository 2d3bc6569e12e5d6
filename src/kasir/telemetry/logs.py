"""The log of the commands: one line for each event, as JSON, or readable on a terminal.

Lines of the standard library's `logging` (uvicorn, the job engine, asyncio) take the same path as
those of Kasir. Only commands call `configure`: a library leaves logging to its application.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO
from urllib.parse import unquote, urlsplit

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

#: How the names of settings with secrets begin and end.
_SECRET_SETTING: Final = re.compile(r"(ADYEN|KASIR)_\w*(KEY|SECRET|PASSWORD|PREFIX)")
_DATABASE: Final = "KASIR_DATABASE_URL"
#: A shorter text may be a part of any word, and nobody's secret.
_LETTERS_MIN: Final = 6
#: An e-mail address, also the end of a URL's password; and a phone number.
_PERSONAL: Final = re.compile(
    r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:(?<![\w.:+-])|(?<=\x1b\[\d\dm))"  # Not within a word, but after a terminal's colour.
    r"(?:\+\d{9,15}|08\d{8,11})(?![\w.])"
)
_MASK: Final = "***"

#: The secrets of the settings and of the accounts, which no line may show.
_hidden: set[str] = set()


def configure(environ: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Write all log lines of this process to a stream, and none of the environment's secrets.

    Args:
        environ: The settings.
        stream: Where to write; None for stdout. The lines are JSON unless it is a terminal.
    """
    output = stream or sys.stdout
    hide_secrets(environ)
    structlog.configure(
        processors=[*_for_each_line(), ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_for_each_line(),
            processors=[ProcessorFormatter.remove_processors_meta, *_rendering(output)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("kasir").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def hide_secrets(settings: Mapping[str, str]) -> None:
    """Mask the secrets among these settings in all later lines."""
    for secret in _secrets_in(settings):
        _hidden.update({secret, json.dumps(secret)[1:-1]})  # As it is, and as JSON has it.


def _secrets_in(settings: Mapping[str, str]) -> Iterable[str]:
    for name, text in settings.items():
        if _SECRET_SETTING.fullmatch(name):
            yield from (part.strip() for part in text.split(",") if _is_long(part.strip()))
        elif name == _DATABASE:
            password = urlsplit(text).password or ""
            yield from (part for part in {password, unquote(password)} if _is_long(part))


def _is_long(secret: str) -> bool:
    return len(secret) >= _LETTERS_MIN


def _for_each_line() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendering(output: TextIO) -> list[Processor]:
    if output.isatty():
        # Tracebacks without the values of variables, which may be secret.
        plain = structlog.dev.plain_traceback
        return [_Masked(structlog.dev.ConsoleRenderer(exception_formatter=plain))]
    return [
        structlog.processors.format_exc_info,
        _Masked(structlog.processors.JSONRenderer(default=str)),
    ]


class _Masked:
    """Renders a line, without secrets, e-mail addresses and phone numbers."""

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> str:
        """Render a line."""
        line = str(self._renderer(logger, method, event_dict))
        for secret in _hidden:
            line = line.replace(secret, _MASK)
        return _PERSONAL.sub(_MASK, line)
