"""The bus's figures as people and collectors read them."""

import datetime as dt
import re

import pytest

from bot.lifecycle.command_figures import QueueFigures, Times, TypeFigures
from bot.lifecycle.commands import CommandType
from bot.observability.prometheus import as_prometheus
from bot.observability.queue_words import duration, queue_words

AT = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
TIMES = Times(p50_s=0.0042, p99_s=0.5, max_s=2.0)
BUSY = QueueFigures(
    at=AT,
    window_s=3_600,
    waiting=3,
    waiting_attempts_max=2,
    oldest_waiting_s=75.0,
    failed_kept=4,
    finished=12,
    times=TIMES,
    by_type=(
        TypeFigures(
            type=CommandType.PAUSE_MANAGED_ASSET,
            times=TIMES,
            applied=10,
            precondition_rejected=1,
            failed=1,
            attempts_max=3,
        ),
    ),
)
IDLE = QueueFigures(at=AT, window_s=3_600, waiting=0)


def test_one_line_says_what_waits_and_how_it_went() -> None:
    assert queue_words(IDLE) == "nothing waits"
    assert queue_words(BUSY) == (
        "3 waiting, the oldest for 1 min, tried up to 2 times; "
        "12 done in 1 h (1 FAILED), p50 4.2 ms, p99 500.0 ms"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 ms"), (0.0042, "4.2 ms"), (1, "1.0 s"), (59, "59.0 s"), (60, "1 min"), (7_200, "2 h")],
)
def test_a_duration_has_one_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_every_metric_has_help_a_type_and_lines_that_a_collector_can_read() -> None:
    sample = re.compile(r'^([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? (-?\d+(?:\.\d+)?)$')
    described: list[str] = []
    values: dict[str, str] = {}
    for line in as_prometheus(BUSY).splitlines():
        if line.startswith("# TYPE "):
            described.append(line.split()[2])
        elif not line.startswith("#"):
            found = sample.match(line)
            assert found, line
            assert found[1] == described[-1], "a metric's lines stand together, under its type"
            values[found[1] + (found[2] or "")] = found[3]
    assert len(described) == len(set(described))
    pause = 'type="pause_managed_asset"'
    prefix = "managed_holdings_commands_"
    assert values[f"{prefix}waiting"] == "3"
    assert values[f"{prefix}oldest_waiting_seconds"] == "75.0"
    assert values[f"{prefix}failed_kept"] == "4"
    assert values[f'{prefix}finished_in_window{{{pause},state="applied"}}'] == "10"
    assert values[f'{prefix}seconds{{{pause},quantile="0.99"}}'] == "0.500000"


def test_what_nobody_counted_is_no_metric() -> None:
    assert "failed_kept" not in as_prometheus(IDLE)
    assert "managed_holdings_commands_oldest_waiting_seconds 0.0" in as_prometheus(IDLE)
