"""The engine on real daily candles, and on a synthetic twin that always runs."""

import json
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from bot.kernel.market import Candle
from bot.proposals.document import Proposal, to_document, variants_of
from tests.unit.proposals.proposal_facts import propose, walk
from tests.unit.proposals.real_market import COINS, candle_file, facts_at, read_candles

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "risk_proposal.schema.json").read_bytes())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EVERY = 21
"""Days between two proposals of the sweep."""


def real_daily(coin: str) -> tuple[Candle, ...]:
    path = candle_file(coin)
    if not path.exists():
        pytest.skip(f"no real candles at {path}; set BOT_TEST_OHLCV to their folder")
    return read_candles(path)


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
        assert result.rehearsal is not None
        outcomes["rehearsed"] += len(result.rehearsal.variants) == len(variants_of(result))
        for terms in variants_of(result):
            assert terms.stop_loss < reference < terms.take_profit
    return outcomes


@pytest.mark.real_data
@pytest.mark.parametrize("coin", COINS)
def test_real_history_gives_proposals_or_too_little_history_and_nothing_else(coin: str) -> None:
    outcomes = sweep(real_daily(coin))
    assert set(outcomes) == {"proposed", "recommended allowed", "rehearsed", "not_enough_history"}
    assert outcomes["not_enough_history"] == 3
    assert outcomes["recommended allowed"] == outcomes["proposed"] > 20
    assert outcomes["rehearsed"] >= outcomes["proposed"] - 1, "a history of 80 days is the shortest"


def test_a_synthetic_history_gives_the_same_outcomes() -> None:
    outcomes = sweep(walk(800, seed=12, sigma=0.05, start=30.0))
    assert set(outcomes) == {"proposed", "recommended allowed", "rehearsed", "not_enough_history"}
    assert outcomes["not_enough_history"] == 3
    assert outcomes["recommended allowed"] == outcomes["proposed"] > 20
    assert outcomes["rehearsed"] >= outcomes["proposed"] - 1, "a history of 80 days is the shortest"
