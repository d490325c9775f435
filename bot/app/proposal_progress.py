"""How far engines are, for screens: which step of how many, and for how long already."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from bot.storage.engine_progress import read_progress
from bot.storage.home import Home


def engines_at_work(home: Home, now: dt.datetime) -> dict[str, dict[str, Any]]:
    """Return what each living engine does, by coin: `step`, `number`, `of`, `step_s` and `total_s`."""
    return {
        asset: {
            "step": progress.step,
            "number": progress.number,
            "of": progress.of,
            "step_s": _seconds(progress.at, now),
            "total_s": _seconds(progress.began_at, now),
        }
        for asset, progress in read_progress(home).items()
    }


def engine_words(engine: Mapping[str, Any] | None) -> str:
    """Return what follows "is being made" on a screen; nothing where no engine is at work."""
    if engine is None:
        return ", no engine is at work on it now"
    return (
        f": step {engine['number']} of {engine['of']}, {engine['step']},"
        f" {engine['step_s']:.0f} s of {engine['total_s']:.0f} s"
    )


def _seconds(since: dt.datetime, now: dt.datetime) -> float:
    return round(max(0.0, (now - since).total_seconds()), 1)
