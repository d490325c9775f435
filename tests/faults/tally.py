"""How much is tried, and the count of it: short in every test run, long by `make faults`."""

import json
import os
from pathlib import Path
from typing import NamedTuple

IS_LONG = os.environ.get("FAULTS_SIZE") == "long"
REPORT = os.environ.get("FAULTS_REPORT")


def sized(short: int, long: int) -> int:
    """Return the figure of this run's size."""
    return long if IS_LONG else short


class Row(NamedTuple):
    """One line of the table."""

    kind: str
    tried: int
    losses: int


class Tally:
    """What one run tried, by kind of fault."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def add(self, kind: str, tried: int, bad: list[str] | None = None) -> None:
        """Count faults of a kind.

        Raises:
            AssertionError: Nothing was tried, or something was lost; the first ones are named.
        """
        losses = bad or []
        before = self._rows.get(kind, Row(kind, 0, 0))
        self._rows[kind] = Row(kind, before.tried + tried, before.losses + len(losses))
        assert tried, f"{kind}: nothing was tried"
        assert not losses, f"{kind}: {len(losses)} of {tried} lost something:\n" + "\n".join(losses[:5])

    def save(self) -> None:
        """Write the rows where the table's maker asked for them."""
        if REPORT is not None:
            rows = [row._asdict() for row in self._rows.values()]
            Path(REPORT).write_text(json.dumps(rows, indent=1), encoding="utf-8")
