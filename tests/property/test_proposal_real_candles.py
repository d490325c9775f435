"""The engine on real daily candles, and on a synthetic twin that always runs."""

import csv
import datetime as dt
import gzip
import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import jsonschema
import msgspec
import pytest

from bot.kernel.clock import from_millis
from bot.kernel.market import Candle
from bot.proposals.document import Proposal, to_document, variants_of
from bot.proposals.facts import ProposalFacts
from tests.unit.proposals.proposal_facts import D, book_around, facts, propose, rules, walk, wallet_of

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BOT_TEST_OHLCV", str(ROOT.parent / "shared" / "data" / "ohlcv")))
SCHEMA = json.loads((ROOT / "schemas" / "risk_proposal.schema.json").read_bytes())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
COINS = ("BTC", "ETH", "SOL", "DOGE", "BNB")
EVERY = 21
"""Days between two proposals of the sweep."""


def real_daily(coin: str) -> tuple[Candle, ...]:
    path = FOLDER / f"{coin}USDT-1d.csv.gz"
    if not path.exists():
        pytest.skip(f"no real candles at {path}; set BOT_TEST_OHLCV to their folder")
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


def facts_at(daily: tuple[Candle, ...], at: int) -> ProposalFacts:
    """Return facts as they were at noon of that day: its candle runs, all later ones are unknown."""
    bar = daily[at]
    now = bar.opened_at + dt.timedelta(hours=12)
    tick = Decimal(1).scaleb(bar.open.adjusted() - 4)
    told = facts(
        daily=daily[: at + 1],
        hourly=(),
        price=bar.open,
        rules=rules(tick_size=tick, min_price=tick, max_price=None),
        book=book_around(bar.open, levels=20, size=D(1_000), tick=tick),
        wallet=wallet_of(D(2_000) / bar.open),
    )
    return msgspec.structs.replace(told, ticker=msgspec.structs.replace(told.ticker, observed_at=now))


def sweep(daily: tuple[Candle, ...]) -> Counter[str]:
    """Propose every three weeks; count the outcomes, and hold every document to its schema."""
    outcomes: Counter[str] = Counter()
    for at in range(10, len(daily), EVERY):
        result = propose(facts_at(daily, at))
        if not isinstance(result, Proposal):
            outcomes[result.code] += 1
            continue
        VALIDATOR.validate(to_document(result))
        outcomes["proposed"] += 1
        outcomes["recommended allowed"] += result.risk_recommendation.allowed
        reference = result.risk_recommendation.reference_price
        for terms in variants_of(result):
            assert terms.stop_loss < reference < terms.take_profit
    return outcomes


@pytest.mark.real_data
@pytest.mark.parametrize("coin", COINS)
def test_real_history_gives_proposals_or_too_little_history_and_nothing_else(coin: str) -> None:
    outcomes = sweep(real_daily(coin))
    assert set(outcomes) == {"proposed", "recommended allowed", "not_enough_history"}
    assert outcomes["not_enough_history"] == 3
    assert outcomes["recommended allowed"] == outcomes["proposed"] > 20


def test_a_synthetic_history_gives_the_same_outcomes() -> None:
    outcomes = sweep(walk(800, seed=12, sigma=0.05, start=30.0))
    assert set(outcomes) == {"proposed", "recommended allowed", "not_enough_history"}
    assert outcomes["not_enough_history"] == 3
    assert outcomes["recommended allowed"] == outcomes["proposed"] > 20
