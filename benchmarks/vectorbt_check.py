"""The rehearsal's plans against vectorbt: the same starts, stops and fills must give the same trades.

By hand, in an environment that has `benchmarks/requirements.txt` beside the bot's own dependencies:
`python -m benchmarks.vectorbt_check`. Prints one line per variant and exits 1 if a trade differs.

vectorbt takes one path per column, so each start is a column of its own, with the plan's stop and target as
shares of the entry. It looks at stops from the bar after the entry on, so a bar that stands still at the
entry's price is put before the first one. It does not know a horizon: a position that is open at the end is
compared by its last close.
"""

import importlib
import sys
from typing import Any

import numpy as np

from bot.proposals.policy import ProposalPolicy
from bot.proposals.rehearsal_bars import Bars, PlanColumns, bars_of, plan_columns, shape_of, starts_of
from bot.proposals.rehearsal_replay import NEITHER, Costs, Outcomes, replay
from tests.unit.proposals.proposal_facts import walk
from tests.unit.proposals.real_market import COINS, candle_file, read_candles

WARM_UP, HORIZON, FEE_BPS = 50, 30, 10.0
POLICY = ProposalPolicy()
COSTS = Costs(fee_bps=FEE_BPS, spread_bps=0.0, minimum_notional=0.0, value=100.0)


def main() -> int:
    """Compare every variant on every market at hand, and on a synthetic one."""
    markets = {coin: read_candles(candle_file(coin)) for coin in COINS if candle_file(coin).exists()}
    markets["synthetic"] = walk(1_500, seed=8, sigma=0.06)
    wrong = 0
    for name, daily in markets.items():
        bars = bars_of(daily)
        starts = starts_of(bars, warm_up=WARM_UP, horizon=HORIZON, policy=POLICY)
        for variant in POLICY.variants:
            plans = plan_columns(starts, shape_of(variant, POLICY))
            ours = replay(bars, plans, trailing=False, horizon=HORIZON, costs=COSTS)
            differing = differences(bars, plans, ours)
            wrong += differing
            print(f"{name:>9} {variant.name:<12} {len(ours.rows):>5} trades, {differing} differ")
    return 1 if wrong else 0


def differences(bars: Bars, plans: PlanColumns, ours: Outcomes) -> int:
    """Return how many plans end on another bar, at another price or with another result."""
    window = plans.rows[None, :] + np.arange(HORIZON)[:, None]
    opened, high, low, close = (np.vstack((plans.reference, column[window])) for column in bars)
    entries = np.zeros_like(opened, dtype=bool)
    entries[0] = True
    vbt: Any = importlib.import_module("vectorbt")  # not a dependency of the bot: known here alone
    portfolio = vbt.Portfolio.from_signals(
        close,
        entries=entries,
        exits=False,
        price=opened,
        open=opened,
        high=high,
        low=low,
        size=1.0,
        init_cash=1e12,
        fees=0.0,
        sl_stop=np.broadcast_to((plans.reference - plans.stop) / plans.reference, opened.shape),
        tp_stop=np.broadcast_to((plans.target - plans.reference) / plans.reference, opened.shape),
        stop_entry_price="fillprice",
        stop_exit_price="stoplimit",
        freq="1D",
    )
    trades = portfolio.trades.records
    order = np.argsort(trades["col"], kind="stable")
    closed = trades["status"][order] == 1
    price = np.where(closed, trades["exit_price"][order], close[-1])
    days = np.where(closed, trades["exit_idx"][order], HORIZON)
    result = price * COSTS.kept / plans.reference - 1.0
    same = (
        (days == ours.days)
        & (closed == (ours.ends != NEITHER))
        & np.isclose(price, ours.price, rtol=1e-9, atol=0)
        & np.isclose(result, ours.result, rtol=0, atol=1e-9)
    )
    return int((~same).sum())


if __name__ == "__main__":
    sys.exit(main())
