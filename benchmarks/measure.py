"""What every benchmark shares: its result, side-by-side timing, the table."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One figure beside the one it is held against."""

    name: str
    value: float
    unit: str
    ratio: float | None
    """Our figure divided by the other's; None where it stands alone."""
    against: str
    bar: str
    """What was promised, in words, for example `at most 2.0 times`; empty where nothing was."""
    holds: bool


def compare(
    name: str,
    *,
    ours: float,
    theirs: float,
    unit: str,
    against: str,
    times: float,
    side: Literal["at most", "at least"] = "at most",
) -> Result:
    """Return the result of holding our figure against another, with a bar on their ratio."""
    ratio = ours / theirs
    return Result(
        name=name,
        value=round(ours, 3),
        unit=unit,
        ratio=round(ratio, 3),
        against=against,
        bar=f"{side} {times} times",
        holds=ratio <= times if side == "at most" else ratio >= times,
    )


def bounded(name: str, *, value: float, unit: str, at_most: float) -> Result:
    """Return the result of holding our figure against a fixed bound."""
    return Result(
        name=name,
        value=round(value, 3),
        unit=unit,
        ratio=None,
        against="",
        bar=f"at most {at_most:g} {unit}",
        holds=value <= at_most,
    )


def told(name: str, *, value: float, unit: str, against: str = "", theirs: float | None = None) -> Result:
    """Return a figure that nothing was promised about."""
    ratio = None if theirs is None else round(value / theirs, 3)
    return Result(
        name=name, value=round(value, 3), unit=unit, ratio=ratio, against=against, bar="", holds=True
    )


def alternating_ms(actions: Sequence[Callable[[], object]], *, rounds: int = 21) -> list[float]:
    """Return each action's median time in milliseconds.

    The actions take turns, so that a slow minute of the machine hits all of them alike; one round
    before the first is not counted.
    """
    took: list[list[float]] = [[] for _ in actions]
    for turn in range(rounds + 1):
        for action, times in zip(actions, took, strict=True):
            start = time.perf_counter()
            action()
            if turn:
                times.append((time.perf_counter() - start) * 1_000)
    return [statistics.median(times) for times in took]


def as_table(results: Sequence[Result]) -> str:
    """Return the results as aligned plain text."""
    head = ("what", "value", "", "ratio", "against", "bar", "")
    rows = [
        (
            r.name,
            f"{r.value:,.3f}",
            r.unit,
            "" if r.ratio is None else f"{r.ratio:.2f}",
            r.against,
            r.bar,
            "" if not r.bar else "holds" if r.holds else "MISSED",
        )
        for r in results
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    right = {1, 3}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    )
