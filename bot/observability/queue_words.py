"""The bus's figures in one line for people."""

from bot.lifecycle.command_figures import QueueFigures

_MINUTE_S, _HOUR_S = 60, 3_600


def queue_words(figures: QueueFigures) -> str:
    """Return what waits, and how the commands of the window went."""
    waits = waiting_words(figures)
    if figures.times is None:
        return waits
    done = f"{figures.finished} done in {duration(figures.window_s)}"
    failed = sum(line.failed for line in figures.by_type)
    if failed:
        done += f" ({failed} FAILED)"
    times = figures.times
    return f"{waits}; {done}, p50 {duration(times.p50_s)}, p99 {duration(times.p99_s)}"


def waiting_words(figures: QueueFigures) -> str:
    """Return how much waits and for how long."""
    if not figures.waiting:
        return "nothing waits"
    attempts = figures.waiting_attempts_max
    tried = f", tried up to {attempts} times" if attempts else ""
    return f"{figures.waiting} waiting, the oldest for {duration(figures.oldest_waiting_s or 0)}{tried}"


def duration(seconds: float) -> str:
    """Return a duration with one unit, short, for people."""
    if seconds < 1:
        return f"{seconds * 1_000:.1f} ms"
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h"
