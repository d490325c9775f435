"""Where each number of a proposal comes from: formula, what enters it, unit. A table, and nothing else.

`*` stands for the name of a part (a variant, a part of the confidence, a correlated market). In `enters`
a leading point means the same part: `.stop_loss` of the same variant. `policy.…` and `market_rules.…`
are values of the kept inputs of that name.
"""

from typing import NamedTuple

from bot.proposals.inputs import InputKind


class Formula(NamedTuple):
    """How one number is made."""

    words: str
    enters: tuple[str, ...] = ()
    """Paths of other numbers."""
    sources: tuple[InputKind, ...] = ()
    """Inputs that it is read from directly."""
    unit: str = ""


_BOOK, _DAILY = (InputKind.ORDER_BOOK,), (InputKind.CANDLES_DAILY,)
_TICKER, _WALLET = (InputKind.TICKER,), (InputKind.WALLET,)
_ACCOUNT, _RULES = (InputKind.ACCOUNT,), (InputKind.MARKET_RULES,)
_POSITIONS = (InputKind.CANDLES_DAILY, InputKind.OPEN_POSITIONS)
_ENTRY = (InputKind.TICKER, InputKind.CANDLES_HOURLY, InputKind.OWN_TRADES)

_M, _R, _V, _C = "market_context", "risk_recommendation", "variants.*", "context_warnings"
_REF, _ATR = "risk_recommendation.reference_price", "market_context.atr_14d"
_BASIS, _CONF, _LIMITS = f"{_M}.regime_basis", "confidence.parts", f"{_R}.limits"
_PARTS = ("history", "liquidity", "regime", "reward_to_risk", "calm")

_REQUEST = {
    "request.quantity": Formula("asked for by the operator", unit="coins"),
    "request.synthetic_entry_value": Formula("given by the operator", unit="USDT"),
    "wallet.quantity": Formula("free + used", ("wallet.free", "wallet.used"), _WALLET, "coins"),
    "wallet.free": Formula("not locked in orders", (), _WALLET, "coins"),
    "wallet.used": Formula("locked in open orders", (), _WALLET, "coins"),
    "requested_quantity": Formula(
        "the smaller of what was asked for (all, where nothing was) and what the wallet holds",
        ("request.quantity", "wallet.quantity"),
        unit="coins",
    ),
    "position_value_usdt": Formula(
        "requested quantity x current price", ("requested_quantity", f"{_M}.current_price"), unit="USDT"
    ),
    "proposal_version": Formula("one more than the coin's proposals that were there"),
}

_MARKET = {
    f"{_M}.current_price": Formula("price of the last trade", (), _TICKER, "USDT"),
    _ATR: Formula(
        "Wilder's average true range over 14 closed days, six significant digits",
        (),
        _DAILY,
        "USDT a day",
    ),
    f"{_M}.volatility_30d_pct": Formula(
        "standard deviation (n - 1) of the newest 30 daily log returns x 100, not annualised",
        ("policy.volatility_bars",),
        _DAILY,
        "% a day",
    ),
    f"{_M}.volume_24h_usdt": Formula("the exchange's own figure", (), _TICKER, "USDT"),
    f"{_M}.spread_pct": Formula("(best ask - best bid) / mid x 100", (), _BOOK, "%"),
    f"{_M}.liquidity_score": Formula(
        "w x (1 - sell cost / cost at zero) + (1 - w) x (1 - (position value / 24 h volume) / participation"
        " at zero), each part within 0 to 1",
        (
            f"{_M}.sell_cost_bps",
            "position_value_usdt",
            f"{_M}.volume_24h_usdt",
            "policy.liquidity.cost_weight",
            "policy.liquidity.cost_at_zero_bps",
            "policy.liquidity.participation_at_zero",
        ),
        unit="of 1",
    ),
    f"{_M}.sell_cost_bps": Formula(
        "(mid - average price of selling the requested quantity into the bids) / mid x 10,000",
        ("requested_quantity",),
        _BOOK,
        "bps",
    ),
    f"{_M}.depth_1pct_usdt": Formula(
        "worth of the bids within this share below mid", ("policy.liquidity.depth_band",), _BOOK, "USDT"
    ),
    f"{_M}.regime_confidence": Formula(
        "how far the score lies beyond the threshold, less what turbulence takes",
        (f"{_BASIS}.score", "policy.regime.threshold", f"{_BASIS}.volatility_ratio"),
        unit="of 1",
    ),
    f"{_BASIS}.score": Formula(
        "trend weight x trend + momentum weight x momentum - drawdown weight x drawdown / scale",
        (
            f"{_BASIS}.trend",
            f"{_BASIS}.momentum",
            f"{_BASIS}.drawdown_pct",
            "policy.regime.trend_weight",
            "policy.regime.momentum_weight",
            "policy.regime.drawdown_weight",
            "policy.regime.drawdown_scale",
        ),
        unit="-1 to 1",
    ),
    f"{_BASIS}.trend": Formula(
        "(fast average / slow average - 1) / scale, within -1 to 1",
        ("policy.regime.fast_bars", "policy.regime.slow_bars", "policy.regime.trend_scale"),
        _DAILY,
        "-1 to 1",
    ),
    f"{_BASIS}.momentum": Formula(
        "log return over the window / (its daily deviation x root of its days), within -1 to 1",
        ("policy.regime.momentum_bars",),
        _DAILY,
        "-1 to 1",
    ),
    f"{_BASIS}.drawdown_pct": Formula(
        "fall from the window's highest close", ("policy.regime.drawdown_bars",), _DAILY, "%"
    ),
    f"{_BASIS}.volatility_ratio": Formula(
        "volatility of the short window / that of the long one",
        ("policy.regime.volatility_bars", "policy.regime.long_volatility_bars"),
        _DAILY,
        "times",
    ),
    f"{_BASIS}.days_in_regime": Formula("closed days since the regime last changed", (), _DAILY, "days"),
    f"{_M}.support_level": Formula(
        "nearest cluster of swing highs and lows below the price, on the tick",
        (_ATR, "policy.swing_window_bars", "policy.swing_wing_bars", "policy.cluster_width_atr"),
        _DAILY,
        "USDT",
    ),
    f"{_M}.resistance_level": Formula(
        "nearest cluster of swing highs and lows above the price, on the tick",
        (_ATR, "policy.swing_window_bars", "policy.swing_wing_bars", "policy.cluster_width_atr"),
        _DAILY,
        "USDT",
    ),
    f"{_M}.daily_bars": Formula("daily candles that had closed when the price was seen", (), _DAILY, "days"),
}

_PLAN: dict[str, Formula] = {
    _REF: Formula("the current price; every level hangs on it", (f"{_M}.current_price",), unit="USDT"),
    f"{_R}.synthetic_entry_value": Formula(
        "the price that profit and loss are counted from, by the method that was asked for; rounded up",
        ("market_rules.tick_size",),
        _ENTRY,
        "USDT",
    ),
    f"{_R}.entry_price_source.rows": Formula(
        "trades or candles that the entry was computed from", (), _ENTRY
    ),
    f"{_R}.entry_price_source.covered_quantity": Formula(
        "coins that own trades account for", (), _ENTRY, "coins"
    ),
    f"{_R}.entry_price_source.unpriced_quantity": Formula(
        "coins that came in without a trade", (), _ENTRY, "coins"
    ),
    f"{_R}.entry_price_source.fees_not_counted.*.amount": Formula(
        "fees in a coin without a price", (), _ENTRY, "coins"
    ),
    f"{_LIMITS}.portfolio_value_usdt": Formula(
        "every coin with a price, and the quote coin", (), _ACCOUNT, "USDT"
    ),
    f"{_LIMITS}.risk_budget_usdt": Formula(
        "portfolio value x risk per trade; the most that any variant may lose at its stop (M1)",
        (f"{_LIMITS}.portfolio_value_usdt", "policy.risk_per_trade_share"),
        unit="USDT",
    ),
    f"{_LIMITS}.concentration_cap_usdt": Formula(
        "portfolio value x largest share of one coin",
        (f"{_LIMITS}.portfolio_value_usdt", "policy.concentration_cap_share"),
        unit="USDT",
    ),
    f"{_LIMITS}.investable_capital_usdt": Formula(
        "setting risk.investable_capital_usdt; caps buys only", (), _ACCOUNT, "USDT"
    ),
    f"{_V}.stop_loss": Formula(
        "reference - k x ATR; just below support where that lies within half an ATR; rounded up to the tick",
        (_REF, _ATR, "policy.variants.*.stop_atr", f"{_M}.support_level", "market_rules.tick_size"),
        _RULES,
        "USDT",
    ),
    f"{_V}.take_profit": Formula(
        "reference + m x ATR; just below resistance where that lies within half an ATR; rounded down",
        (_REF, _ATR, "policy.variants.*.target_atr", f"{_M}.resistance_level", "market_rules.tick_size"),
        _RULES,
        "USDT",
    ),
    f"{_V}.stop_loss_pct": Formula("(reference - stop) / reference x 100", (_REF, ".stop_loss"), unit="%"),
    f"{_V}.take_profit_pct": Formula(
        "(target - reference) / reference x 100", (_REF, ".take_profit"), unit="%"
    ),
    f"{_V}.rr_ratio": Formula(
        "(target - reference) / (reference - stop)", (_REF, ".take_profit", ".stop_loss"), unit="times"
    ),
    f"{_V}.quantity": Formula(
        "the smaller of requested quantity and allocation / reference, down to the step",
        ("requested_quantity", ".max_allocation_usdt", _REF, "market_rules.step_size"),
        unit="coins",
    ),
    f"{_V}.max_allocation_usdt": Formula(
        "the smallest of position value, concentration cap, risk budget x reference / (reference - stop),"
        " and the variant's share of the recommended allocation",
        (
            "position_value_usdt",
            f"{_LIMITS}.concentration_cap_usdt",
            f"{_LIMITS}.risk_budget_usdt",
            _REF,
            ".stop_loss",
            "policy.variants.*.share",
            "variants.recommended.stop_loss",
        ),
        unit="USDT",
    ),
    f"{_V}.max_allocation_pct_of_portfolio": Formula(
        "allocation / portfolio value x 100, rounded down",
        (".max_allocation_usdt", f"{_LIMITS}.portfolio_value_usdt"),
        unit="%",
    ),
    f"{_V}.loss_at_stop_usdt": Formula(
        "quantity x (reference - stop), rounded up; before fees and slippage",
        (".quantity", _REF, ".stop_loss"),
        unit="USDT",
    ),
}

_JUDGEMENT = {
    f"{_C}.concentration_pct": Formula(
        "worth of all that the wallet holds of it / portfolio value x 100",
        ("wallet.quantity", _REF, f"{_LIMITS}.portfolio_value_usdt"),
        unit="%",
    ),
    f"{_C}.correlation_with_existing_positions.*.rho": Formula(
        "Pearson's rho of daily log returns", (".days", "policy.correlation_bars"), _POSITIONS, "-1 to 1"
    ),
    f"{_C}.correlation_with_existing_positions.*.days": Formula(
        "days that both have", (), _POSITIONS, "days"
    ),
    "confidence.overall_score": Formula(
        "mean of the parts, each by its weight",
        tuple(f"{_CONF}.{name}.{what}" for name in _PARTS for what in ("score", "weight")),
        unit="of 1",
    ),
    f"{_CONF}.*.weight": Formula("weight of this part", (), (InputKind.POLICY,)),
    f"{_CONF}.history.score": Formula(
        "closed days / days after which indicators have settled, 1 at most",
        (f"{_M}.daily_bars", "policy.full_history_bars"),
        unit="of 1",
    ),
    f"{_CONF}.liquidity.score": Formula("the liquidity score", (f"{_M}.liquidity_score",), unit="of 1"),
    f"{_CONF}.regime.score": Formula(
        "the regime's confidence, times 1, 0.6 or 0.3 as the strategy's fit is ok, caution or poor",
        (f"{_M}.regime_confidence", f"{_C}.regime_compatibility"),
        unit="of 1",
    ),
    f"{_CONF}.reward_to_risk.score": Formula(
        "the recommended variant's reward over risk, full at 2",
        ("variants.recommended.rr_ratio",),
        unit="of 1",
    ),
    f"{_CONF}.calm.score": Formula(
        "1 at a daily volatility of 2 % or less, 0 at 12 % or more",
        (f"{_M}.volatility_30d_pct",),
        unit="of 1",
    ),
}

FORMULAS: dict[str, Formula] = _REQUEST | _MARKET | _PLAN | _JUDGEMENT
