"""How everything is printed: a header, tables that never cut a number, JSON documents.

With a terminal: a table without frames whose last column may wrap, or a few lines per row where the
terminal is too narrow even for that. Without one: plain lines, no boxes, no width. `NO_COLOR`: no
escape codes at all. Words wrap at words, with a hanging indent; numbers are never cut.
"""

import datetime as dt
import functools
import re
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
from bot.app.environment import shown_path, wants_no_colour
from bot.app.views import worker_view
from bot.cli.ages import aged
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
_BETWEEN = " · "
_NO_BREAK = "\N{NO-BREAK SPACE}"
_UNIT = re.compile(r"(?<=\d) ((?:%|bps|ATR|USDT|[A-Z]{2,6}|s|min|h|d)\b|%)")
_NARROWEST_WRAP = 18
"""A last column of words is wrapped down to this width; below it rows become blocks."""
_WORDS = {
    ("sandbox", "binance"): "SANDBOX (exchange in a box, no real money)",
    ("paper", "binance"): "PAPER (public prices, own fills, no real money)",
    ("testnet", "binance"): "TESTNET (Binance spot testnet, no real money)",
    ("testnet", "hyperliquid"): "TESTNET (Hyperliquid spot testnet, no real money)",
}
"""By environment and venue."""


class Column(NamedTuple):
    """One column: its title, whether it holds numbers, whether it names the row."""

    title: str
    number: bool = False
    leads: bool = False
    """Stands on the first line, without its title, where a row takes several lines."""


class Screen:
    """Prints for one call of the program."""

    def __init__(self, *, as_json: bool, zone: dt.tzinfo | None = None) -> None:
        self.as_json = as_json
        self.zone = zone
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
        environment, venue = (str(context.settings[name]) for name in ("environment", "exchange.venue"))
        parts = (
            _WORDS.get((environment, venue), environment),
            shown_path(context.home.root),
            worker_words(worker_view(read_heartbeat(context.home), now)),
            f"{now:%Y-%m-%d %H:%M:%S}Z" + local_words(now, self.zone),
        )
        for words in packed(parts, self.out.width, between=" | "):
            self.line(words, style="dim")

    def when(self, moment: dt.datetime) -> str:
        """Return a time to the second for people: UTC, with the local time of `--tz` behind it."""
        return iso_z(moment.replace(microsecond=0)) + local_words(moment, self.zone)

    def line(self, words: str = "", *, style: str = "", hanging: int | None = None) -> None:
        """Print one line of the screen; long ones wrap by words on a terminal, `hanging` columns in."""
        _print_wrapped(self.out, words, style, None if hanging is None else " " * hanging)

    def talk(self, words: str) -> None:
        """Say something beside the data, on standard error."""
        for line in words.split("\n"):
            _print_wrapped(self.talk_console, line, "")

    def table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, empty: str = "nothing"
    ) -> None:
        """Print rows; no number is ever cut."""
        if not rows:
            self.line(empty)
            return
        cells = [[self._shown(value) for value in row] for row in rows]
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

    def row(self, cells: Sequence[Any]) -> None:
        """Print one row of a list that grows; what does not apply is left out."""
        self.line(_GAP.join(shown for cell in cells if (shown := self._shown(cell)) not in {"", _NOTHING}))

    def pairs(self, pairs: Mapping[str, Any]) -> None:
        """Print names with their values, one a line; without a value none."""
        width = max((len(name) for name in pairs), default=0)
        for name, value in pairs.items():
            if value is not None and value != "":
                hanging = " " * (width + len(_GAP))
                _print_wrapped(self.out, f"{name:<{width}}{_GAP}{self._shown(value)}", "", hanging)

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
        """Print each row as a heading with what names it, and its other cells by title below."""
        heads = {index for index, column in enumerate(columns) if column.leads} or {0}
        for number, row in enumerate(cells):
            if number:
                self.line()
            self.line(_GAP.join(row[index] for index in sorted(heads)), style="bold")
            told = [
                f"{column.title} {cell}"
                for index, (column, cell) in enumerate(zip(columns, row, strict=True))
                if index not in heads and cell not in {"", _NOTHING}
            ]
            for words in packed(told, self.out.width - len(_GAP), between=_BETWEEN):
                self.line(f"{_GAP}{words}")

    def _shown(self, value: Any) -> str:
        return self.when(value) if isinstance(value, dt.datetime) else show(value)

    def _print_line(self, words: str, *, style: str = "") -> None:
        self.out.print(Text(words, style=style), soft_wrap=True)


def json_option(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command `--json` and a `Screen` as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json = bool(kwargs.pop("as_json"))
        return function(Screen(as_json=as_json, zone=invocation().zone), *args, **kwargs)  # type: ignore[arg-type]  # the screen is added here

    return wrapped


def invocation() -> Invocation:
    """Return what the global options say."""
    found: Invocation = click.get_current_context().find_root().obj
    return found


def context() -> HomeContext:
    """Return the home of this call: settings and state, nothing heavy."""
    return HomeContext(invocation().home, clock=invocation().clock)


def worker_words(worker: Mapping[str, Any] | None) -> str:
    """Return who works in this home, with STALE where its signs of life are old."""
    if worker is None:
        return "no worker running"
    return f"{worker['what']} {worker['pid']}, heartbeat {aged(worker['age_s'], STALE_HEARTBEAT_S)}"


def local_words(moment: dt.datetime, zone: dt.tzinfo | None) -> str:
    """Return the local time in brackets, or nothing where no zone was asked for."""
    return f" ({moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z})" if zone is not None else ""


def packed(parts: Sequence[str], width: int, *, between: str) -> list[str]:
    """Return the parts on as few lines as fit; a part stays whole, so no number is cut."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(between) + len(part) <= width:
            lines[-1] += between + part
        else:
            lines.append(part)
    return lines


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


def _print_wrapped(console: Console, words: str, style: str, hanging: str | None = None) -> None:
    """Print a line; on a terminal what is too long goes on below it, indented a little further."""
    lines = [words]
    if console.is_terminal and len(words) > console.width:
        indent = words[: len(words) - len(words.lstrip())]
        below = f"{indent}{_GAP}" if hanging is None else hanging
        together = _UNIT.sub(f"{_NO_BREAK}\\1", words)  # a number is not parted from its unit
        lines = textwrap.wrap(
            together, console.width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
        )
    for line in lines:
        console.print(Text(line.replace(_NO_BREAK, " "), style=style), soft_wrap=True)


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
