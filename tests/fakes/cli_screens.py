"""A screen as a terminal of a certain width shows it, in this process and at a time of the test's own."""

import contextlib
import io
from pathlib import Path

import pytest

from bot.cli.entry import run
from bot.kernel.clock import Clock


class TerminalText(io.StringIO):
    """Text that says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


def screen_at(home: Path, *words: str, columns: int | None, clock: Clock) -> str:
    """Return what a command shows on standard output, without colours.

    Args:
        home: The home.
        words: The command.
        columns: The terminal's width; None for no terminal at all.
        clock: Where the call's time comes from.
    """
    out = io.StringIO() if columns is None else TerminalText()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", str(columns or 80))
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("HOME", str(home.parent))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            run(["--home", str(home), *words], clock=clock)
    return out.getvalue()
