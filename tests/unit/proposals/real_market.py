"""Real candles as facts: a coin's market as it was at noon of any of its days."""

import csv
import datetime as dt
import gzip
import os
from bisect import bisect_right
from decimal import Decimal
from pathlib import Path

import msgspec

from bot.kernel.clock import from_millis
from bot.kernel.market import Candle
from bot.proposals.facts import OpenPosition, ProposalFacts
from tests.unit.proposals.proposal_facts import D, book_around, facts, rules, wallet_of

COINS = ("BTC", "ETH", "SOL", "DOGE", "BNB")
FOLDER = Path(os.environ.get("BOT_TEST_OHLCV", str(Path(__file__).parents[4] / "shared" / "data" / "ohlcv")))
NOON = dt.timedelta(hours=12)


def candle_file(coin: str, timeframe: str = "1d") -> Path:
    """Return where a coin's real candles lie, if anywhere."""
    return FOLDER / f"{coin}USDT-{timeframe}.csv.gz"


def read_candles(path: Path) -> tuple[Candle, ...]:
    """Return the candles of a file, oldest first."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return tuple(
            Candle(
                opened_at=from_millis(int(row["timestamp_ms"])),
                open=D(row["open"]),
                high=D(row["high"]),
                low=D(row["low"]),
                close=D(row["close"]),
                volume=D(row["volume"]),
            )
            for row in csv.DictReader(lines)
        )


def facts_at(
    daily: tuple[Candle, ...],
    at: int,
    *,
    hourly: tuple[Candle, ...] = (),
    other: tuple[Candle, ...] = (),
) -> ProposalFacts:
    """Return facts as they were at noon of that day: its candle runs, all later ones are unknown.

    Args:
        daily: The coin's whole history.
        at: Index of the day.
        hourly: The coin's hours; those of the last weeks before noon become facts.
        other: Daily candles of an open position in another market; the last 120 become facts.
    """
    bar = daily[at]
    now = bar.opened_at + NOON
    tick = Decimal(1).scaleb(bar.open.adjusted() - 4)
    hour_end, other_end = (
        bisect_right(candles, now, key=lambda candle: candle.opened_at) for candles in (hourly, other)
    )
    beside = other[max(0, other_end - 120) : other_end]
    told = facts(
        daily=daily[: at + 1],
        hourly=hourly[max(0, hour_end - 500) : hour_end],
        price=bar.open,
        rules=rules(tick_size=tick, min_price=tick, max_price=None),
        book=book_around(bar.open, levels=20, size=D(1_000), tick=tick),
        wallet=wallet_of(D(2_000) / bar.open),
        open_positions=(OpenPosition(symbol="OTHER/USDT", quantity=D(1), daily=beside),) if beside else (),
    )
    return msgspec.structs.replace(told, ticker=msgspec.structs.replace(told.ticker, observed_at=now))
