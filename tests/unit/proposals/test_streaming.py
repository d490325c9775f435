"""The average true range bar by bar is the one that TA-Lib computes over the whole series."""

import math

import pytest
import talib

from bot.commands.proposal_facts import DAILY_BARS
from bot.proposals.indicators import ATR_WARM_UP_BARS, atr
from bot.proposals.policy import RehearsalPolicy
from bot.proposals.rehearsal_bars import bars_of
from bot.proposals.streaming import WilderAtr
from tests.unit.proposals.proposal_facts import walk


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("start", [0.07, 100.0, 68_000.0])
@pytest.mark.parametrize("period", [2, 14, 50])
def test_every_value_of_the_stream_is_talibs(seed: int, start: float, period: int) -> None:
    bars = bars_of(walk(1_500, seed=seed, start=start))
    batch = talib.ATR(bars.high, bars.low, bars.close, timeperiod=period)
    stream = WilderAtr(period=period)
    compared = 0
    for high, low, close, expected in zip(bars.high, bars.low, bars.close, batch, strict=True):
        stream = stream.after(high=float(high), low=float(low), close=float(close))
        if stream.value is None:
            assert math.isnan(expected)
        else:
            assert stream.value == pytest.approx(float(expected), rel=1e-12, abs=0)
            compared += 1
    assert compared == len(bars.close) - period


def test_the_last_value_is_the_proposals() -> None:
    daily = walk(400)
    stream = WilderAtr()
    for bar in daily:
        stream = stream.after(high=float(bar.high), low=float(bar.low), close=float(bar.close))
    assert stream.value == pytest.approx(atr(daily), rel=1e-12, abs=0)


def test_after_the_warm_up_it_no_longer_matters_where_the_stream_began() -> None:
    daily = walk(3_000, seed=5)
    assert atr(daily[-ATR_WARM_UP_BARS:]) == pytest.approx(atr(daily), rel=1e-7, abs=0)
    assert atr(daily[-20:]) != pytest.approx(atr(daily), rel=1e-4)


@pytest.mark.parametrize(("warm_up", "precision"), [(ATR_WARM_UP_BARS, 1e-7), (2 * ATR_WARM_UP_BARS, 1e-12)])
def test_a_stream_that_began_late_is_the_batch_over_all_after_its_warm_up(
    warm_up: int, precision: float
) -> None:
    assert ATR_WARM_UP_BARS == 250
    bars = bars_of(walk(1_500, seed=6))
    batch = talib.ATR(bars.high, bars.low, bars.close, timeperiod=14)
    for begin in (200, 700, 900):
        stream = WilderAtr()
        for row in range(begin, begin + warm_up):
            stream = stream.after(
                high=float(bars.high[row]), low=float(bars.low[row]), close=float(bars.close[row])
            )
        assert stream.value == pytest.approx(float(batch[begin + warm_up - 1]), rel=precision, abs=0)


def test_a_proposal_fetches_more_bars_than_the_warm_up_needs() -> None:
    assert DAILY_BARS >= 4 * ATR_WARM_UP_BARS


@pytest.mark.parametrize("seed", range(5))
def test_where_the_first_rehearsed_plan_begins_the_average_has_nearly_settled(seed: int) -> None:
    daily, warm_up = walk(600, seed=seed), RehearsalPolicy().warm_up_bars
    assert atr(daily[-warm_up:]) == pytest.approx(atr(daily), rel=0.03)
