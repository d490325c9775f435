"""How everything is printed: a header, tables that never cut a number, JSON documents.

With a terminal: a table without frames whose last column may wrap, or one block per row where the
terminal is too narrow even for that. Without one: plain lines, no boxes, no width. `NO_COLOR`: no
escape codes at all.
"""

import datetime as dt
import functools
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, ParamSpec, TypeVar

import click
import msgspec
from rich.console import Console
from rich.text import Text

from bot.app.core import HomeContext
from bot.app.environment import wants_no_colour
from bot.app.views import worker_view
from bot.cli.entry import Invocation
from bot.kernel.canonical import canonical_bytes, readable_bytes
from bot.kernel.clock import iso_z
from bot.kernel.money import text
from bot.storage.heartbeat import read_heartbeat

P = ParamSpec("P")
R = TypeVar("R")

STALE_HEARTBEAT_S = 10
_NOTHING = "-"
_UNLIMITED = 10_000
"""Width of what no terminal shows: nothing is wrapped or cut."""
_GAP = "  "
_NARROWEST_WRAP = 24
"""A last column of words is wrapped down to this width; below it rows become blocks."""
_WORDS = {
    "sandbox": "SANDBOX (exchange in a box, no real money)",
    "paper": "PAPER (public prices, own fills, no real money)",
    "testnet": "TESTNET (Binance spot testnet, no real money)",
}


class Column(NamedTuple):
    """One column: its title and whether it holds numbers."""

    title: str
    number: bool = False


class Screen:
    """Prints for one call of the program."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        plain = wants_no_colour()
        self.out = _console(sys.stdout, plain=plain)
        self.talk_console = _console(sys.stderr, plain=plain)

    @property
    def is_terminal(self) -> bool:
        """Say whether a person reads standard output."""
        return self.out.is_terminal

    def header(self, context: HomeContext) -> None:
        """Print environment, home, worker and time."""
        if self.as_json:
            return
        now = context.clock.now()
        environment = str(context.settings["environment"])
        parts = (
            _WORDS.get(environment, environment),
            str(context.home.root),
            worker_words(worker_view(read_heartbeat(context.home), now)),
            f"{now:%Y-%m-%d %H:%M:%S}Z",
        )
        self.line(" | ".join(parts), style="dim")

    def line(self, words: str = "", *, style: str = "") -> None:
        """Print one line of the screen; long ones wrap by words on a terminal."""
        self.out.print(Text(words, style=style), soft_wrap=not self.is_terminal)

    def talk(self, words: str) -> None:
        """Say something beside the data, on standard error."""
        self.talk_console.print(Text(words), soft_wrap=True)

    def table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, empty: str = "nothing"
    ) -> None:
        """Print rows; no number is ever cut."""
        if not rows:
            self.line(empty)
            return
        cells = [[show(value) for value in row] for row in rows]
        widths = [max(len(column.title), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
        excess = sum(widths) + len(_GAP) * (len(columns) - 1) - self.out.width
        if self.is_terminal and excess > 0:
            longest_word = max(len(word) for row in cells for word in (*row[-1].split(), ""))
            if columns[-1].number or widths[-1] - excess < max(_NARROWEST_WRAP, longest_word):
                self._blocks(columns, cells)
                return
            widths[-1] -= excess
        self._print_line(_laid_out([column.title for column in columns], columns, widths), style="bold")
        for row in cells:
            first, *rest = textwrap.wrap(row[-1], widths[-1], break_on_hyphens=False) or [""]
            self._print_line(_laid_out([*row[:-1], first], columns, widths))
            for more in rest:
                self._print_line(_laid_out([*[""] * (len(row) - 1), more], columns, widths))

    def pairs(self, pairs: Mapping[str, Any]) -> None:
        """Print names with their values, one a line; without a value none."""
        width = max((len(name) for name in pairs), default=0)
        for name, value in pairs.items():
            if value is not None and value != "":
                self.line(f"{name:<{width}}{_GAP}{show(value)}")

    def document(
        self,
        schema: str,
        data: Any,
        context: HomeContext,
        *,
        warnings: Sequence[str] = (),
        in_stream: bool = False,
    ) -> None:
        """Print one JSON document for programs; on one line where it is one of many."""
        body = {
            "schema": schema,
            "generated_at": iso_z(context.clock.now()),
            "environment": str(context.settings["environment"]),
            "warnings": list(warnings),
            "data": msgspec.to_builtins(data, builtin_types=(Decimal,)),
        }
        sys.stdout.write(
            f"{canonical_bytes(body).decode()}\n" if in_stream else readable_bytes(body).decode()
        )
        sys.stdout.flush()

    def _blocks(self, columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
        width = max(len(column.title) for column in columns)
        for index, row in enumerate(cells):
            if index:
                self.line()
            for column, cell in zip(columns, row, strict=True):
                if cell not in {"", _NOTHING}:
                    self.line(f"{column.title:<{width}}{_GAP}{cell}")

    def _print_line(self, words: str, *, style: str = "") -> None:
        self.out.print(Text(words, style=style), soft_wrap=True)


def json_option(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command `--json` and a `Screen` as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json = bool(kwargs.pop("as_json"))
        return function(Screen(as_json=as_json), *args, **kwargs)  # type: ignore[arg-type]  # the screen is added here

    return wrapped


def invocation() -> Invocation:
    """Return what the global options say."""
    found: Invocation = click.get_current_context().find_root().obj
    return found


def context() -> HomeContext:
    """Return the home of this call: settings and state, nothing heavy."""
    return HomeContext(invocation().home)


def worker_words(worker: Mapping[str, Any] | None) -> str:
    """Return who works in this home, with STALE where its signs of life are old."""
    if worker is None:
        return "no worker running"
    age = worker["age_s"]
    stale = " STALE" if age > STALE_HEARTBEAT_S else ""
    return f"{worker['what']} {worker['pid']}, heartbeat {age:.0f} s ago{stale}"


def show(value: Any) -> str:
    """Return a value as people read it; nothing for what does not apply."""
    if value is None:
        return _NOTHING
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, dt.datetime):
        return iso_z(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _laid_out(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    """Return one line of a table, numbers to the right, nothing behind its last word."""
    parts = (
        f"{cell:>{width}}" if column.number else f"{cell:<{width}}"
        for cell, column, width in zip(cells, columns, widths, strict=True)
    )
    return _GAP.join(parts).rstrip()


def _console(stream: Any, *, plain: bool) -> Console:
    return Console(
        file=stream,
        width=None if stream.isatty() else _UNLIMITED,
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None if plain else "auto",
        no_color=plain,
    )
