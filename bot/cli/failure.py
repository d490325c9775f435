"""An error as the one JSON document of a call that failed."""

from pathlib import Path

from bot.app.clock import SystemClock
from bot.app.core import HomeContext
from bot.kernel.canonical import readable_bytes
from bot.kernel.clock import iso_z
from bot.kernel.errors import BotError

UNKNOWN = "unknown"
"""The environment where there is no home, or its settings cannot be read."""


def error_document(error: BotError, home: Path) -> str:
    """Return the document, shaped as that of a call that worked, with `error` in place of `data`."""
    body = {
        "schema": "bot-error-1",
        "generated_at": iso_z(SystemClock().now()),
        "environment": _environment(home),
        "warnings": [],
        "error": {**error_fields(error), "exit_code": int(error.exit_code)},
    }
    return readable_bytes(body).decode().rstrip()


def error_fields(error: BotError) -> dict[str, str]:
    """Return the four lines and the code by name."""
    return {
        "code": error.code,
        "what": error.what,
        "why": error.why,
        "unchanged": error.unchanged,
        "fix": error.fix,
    }


def _environment(home: Path) -> str:
    context = HomeContext(home)
    if not context.home.settings_file.is_file():
        return UNKNOWN
    try:
        return str(context.settings["environment"])
    except BotError:
        return UNKNOWN
