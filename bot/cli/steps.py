"""Steps that take a moment: progress on standard error, and what Ctrl-C does meanwhile (rule 9).

On a terminal a step is a live line; else, or with `NO_COLOR`, one plain line a step. Ctrl-C once lets
the step in hand finish and starts no other; twice stops at once and says what is not known.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

import click
from rich.status import Status

from bot.app.environment import wants_no_colour
from bot.cli.screen import Screen
from bot.kernel.errors import BotError


class Steps:
    """One call's steps, as a context manager; `stop_asked` says that no further one may begin."""

    def __init__(self, screen: Screen) -> None:
        self.stop_asked = False
        self._screen = screen
        self._live: Status | None = None
        self._unknown = "What the step in hand had done is not known."
        self._look = "bot status and bot commands ls tell what was done."
        self._old: signal.Handlers | int | object | None = None

    def say(self, words: str) -> None:
        """Name the step that begins."""
        console = self._screen.talk_console
        if not console.is_terminal or wants_no_colour():
            self._screen.talk(words)
        elif self._live is None:
            self._live = Status(words, console=console)
            self._live.start()
        else:
            self._live.update(words)

    def quiet(self) -> None:
        """Take the live line away: data follows."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def unsure_of(self, unknown: str, look: str) -> None:
        """Say what would not be known if the step were cut off now, and where to look."""
        self._unknown, self._look = unknown, look

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.quiet()
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)  # type: ignore[arg-type]  # what signal() gave back
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            raise BotError(
                "Stopped at once, in the middle of a step.",
                code="stopped_by_person",
                unchanged=self._unknown,
                fix=self._look,
            ) from error

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop_asked:
            raise KeyboardInterrupt
        self.stop_asked = True
        click.echo("\nThis step is finished first; Ctrl-C again stops at once.", err=True)
