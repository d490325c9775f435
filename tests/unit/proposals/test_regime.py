"""The rule-based regime on markets whose kind is known."""

import datetime as dt
import math
from itertools import pairwise

import msgspec
import pytest

from bot.kernel.market import Candle
from bot.proposals.policy import RegimePolicy
from bot.proposals.regime import Regime, RegimeName, RuleRegimeDetector
from tests.unit.proposals.proposal_facts import NOW, D, walk


def detect(daily: tuple[Candle, ...]) -> Regime:
    return RuleRegimeDetector(RegimePolicy()).detect(daily)


def flat(bars: int, price: str = "100") -> tuple[Candle, ...]:
    same = D(price)
    return tuple(
        Candle(
            opened_at=NOW + dt.timedelta(days=number), open=same, high=same, low=same, close=same, volume=D(1)
        )
        for number in range(bars)
    )


def test_a_market_that_climbs_is_a_bull_market() -> None:
    regime = detect(walk(300, drift=0.01, sigma=0.01))
    assert regime.name is RegimeName.BULL
    assert regime.score > 0
    assert D("0.5") <= regime.confidence <= D("0.95")


def test_a_market_that_falls_is_a_bear_market_and_tells_its_drawdown() -> None:
    daily = walk(300, drift=-0.01, sigma=0.01)
    regime = detect(daily)
    assert regime.name is RegimeName.BEAR
    top = max(float(candle.close) for candle in daily[-90:])
    assert float(regime.drawdown_pct) == pytest.approx((1 - float(daily[-1].close) / top) * 100, abs=0.01)


def test_a_market_that_does_not_move_is_sideways_without_a_division_by_zero() -> None:
    regime = detect(flat(120))
    assert regime.name is RegimeName.SIDEWAYS
    assert [regime.score, regime.trend, regime.momentum] == [D(0), D(0), D(0)]
    assert regime.volatility_ratio == 1
    assert regime.confidence == D("0.95")


def test_turbulence_takes_confidence_away() -> None:
    calm = walk(300, drift=0.01, sigma=0.01)
    before = detect(calm[:-1])
    shaken = list(calm[:-1])
    for back in range(1, 30, 2):
        bar = shaken[-back]
        shaken[-back] = msgspec.structs.replace(
            bar, close=bar.close * D("1.04"), high=bar.high * D("1.05"), low=bar.low
        )
    after = detect(tuple(shaken))
    assert after.volatility_ratio > before.volatility_ratio
    assert after.confidence < before.confidence


def test_the_same_prices_times_a_thousand_are_the_same_regime() -> None:
    daily = walk(300)
    scaled = tuple(
        msgspec.structs.replace(
            bar, open=bar.open * 1000, high=bar.high * 1000, low=bar.low * 1000, close=bar.close * 1000
        )
        for bar in daily
    )
    assert detect(scaled) == detect(daily)


def test_momentum_counts_in_units_of_its_own_noise() -> None:
    daily = walk(300, seed=21)
    prices = [float(bar.close) for bar in daily]
    returns = [math.log(now / before) for before, now in pairwise(prices)][-30:]
    mean = sum(returns) / 30
    sigma = math.sqrt(sum((value - mean) ** 2 for value in returns) / 29)
    expected = max(-1.0, min(1.0, sum(returns) / (sigma * math.sqrt(30))))
    assert float(detect(daily).momentum) == pytest.approx(expected, abs=5e-4)


def test_too_few_candles_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="49 candles"):
        detect(walk(49))
