"""The bus's figures in Prometheus' text form, for a collector that reads text files."""

from collections.abc import Iterator

from bot.lifecycle.command_figures import QueueFigures, Times

_PREFIX = "managed_holdings_"


def as_prometheus(figures: QueueFigures) -> str:
    """Return the figures as exposition text, every metric with help and type, seconds as seconds."""
    return "".join(f"{line}\n" for line in _lines(figures))


def _lines(figures: QueueFigures) -> Iterator[str]:
    yield from _gauge("commands_waiting", "Commands that wait.", figures.waiting)
    yield from _gauge(
        "commands_oldest_waiting_seconds",
        "Age of the command that has waited longest; 0 where none waits.",
        figures.oldest_waiting_s or 0.0,
    )
    yield from _gauge(
        "commands_waiting_attempts_max",
        "Most attempts among the commands that wait.",
        figures.waiting_attempts_max,
    )
    if figures.failed_kept is not None:
        yield from _gauge(
            "commands_failed_kept", "Failed commands among the rows that are kept.", figures.failed_kept
        )
    yield from _gauge(
        "commands_window_seconds", "How far back finished commands are counted.", figures.window_s
    )
    yield from _head("commands_finished_in_window", "Commands finished in the window.")
    for line in figures.by_type:
        for state in ("applied", "precondition_rejected", "failed"):
            labels = f'type="{line.type}",state="{state}"'
            yield f"{_PREFIX}commands_finished_in_window{{{labels}}} {getattr(line, state)}"
    yield from _head("commands_seconds", "From being asked for to the outcome, in the window.")
    for line in figures.by_type:
        yield from _times(line.type, line.times)


def _times(name: str, times: Times) -> Iterator[str]:
    for share, seconds in (("0.5", times.p50_s), ("0.99", times.p99_s), ("1", times.max_s)):
        yield f'{_PREFIX}commands_seconds{{type="{name}",quantile="{share}"}} {seconds:.6f}'


def _gauge(name: str, meaning: str, value: float) -> Iterator[str]:
    yield from _head(name, meaning)
    yield f"{_PREFIX}{name} {value}"


def _head(name: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {meaning}"
    yield f"# TYPE {_PREFIX}{name} gauge"
