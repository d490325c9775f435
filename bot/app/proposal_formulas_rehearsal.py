"""Where each number of a rehearsal comes from; the same kind of table as `proposal_formulas`."""

from bot.app.proposal_formulas import Formula
from bot.proposals.inputs import InputKind

_DAILY = (InputKind.CANDLES_DAILY,)
_H, _V = "rehearsal", "rehearsal.variants.*"
_RESULTS = "result = net proceeds of the sale / price at which the rehearsed holding began - 1, in percent"
_PLAN = (
    "variants.*.stop_loss",
    "policy.variants.*.stop_atr",
    "policy.variants.*.target_atr",
    f"{_H}.horizon_days",
    f"{_H}.fee_bps",
    f"{_H}.spread_bps",
)


def _share(of: str) -> Formula:
    return Formula(f"{of} / sample size x 100", (f".{of}", ".sample_size"), unit="%")


def _result(words: str) -> Formula:
    return Formula(f"{words}; {_RESULTS}", (".sample_size", *_PLAN[1:]), _DAILY, "%")


REHEARSAL = {
    f"{_H}.bars": Formula("closed candles that were replayed", (), _DAILY, "days"),
    f"{_H}.warm_up_bars": Formula(
        "oldest candles that only feed the averages", ("policy.rehearsal.warm_up_bars",), unit="days"
    ),
    f"{_H}.horizon_days": Formula(
        "days after which a plan that touched nothing is sold",
        ("policy.rehearsal.horizon_days",),
        unit="days",
    ),
    f"{_H}.fee_bps": Formula("taken from every sale", ("policy.rehearsal.fee_bps",), unit="bps"),
    f"{_H}.spread_bps": Formula(
        "today's spread; a sale loses half of it", ("market_context.spread_pct",), unit="bps"
    ),
    f"{_H}.minimum_notional_quote": Formula(
        "the exchange's smallest order", ("market_rules.min_notional",), unit="USDT"
    ),
    f"{_H}.current_regime_pct": Formula(
        "share of the rehearsed days that had today's regime", ("market_context.regime",), _DAILY, "%"
    ),
    f"{_V}.sample_size": Formula(
        "days on which the plan was begun: each day after the warm-up whose end could be seen",
        (f"{_H}.bars", f"{_H}.warm_up_bars", f"{_H}.horizon_days"),
        _DAILY,
        "days",
    ),
    f"{_V}.independent_samples": Formula(
        "what the overlapping samples are worth: each day's share of the samples that live on it, summed",
        (".sample_size", ".median_days_held"),
        _DAILY,
    ),
    f"{_V}.stop_hits": Formula(
        "plans that ended at the stop; the stop counts first where one day touches both", _PLAN[1:], _DAILY
    ),
    f"{_V}.target_hits": Formula("plans that ended at the target", _PLAN[1:], _DAILY),
    f"{_V}.neither": Formula("plans that were sold at the horizon's last close", _PLAN[1:], _DAILY),
    f"{_V}.stop_hit_pct": _share("stop_hits"),
    f"{_V}.target_hit_pct": _share("target_hits"),
    f"{_V}.neither_pct": _share("neither"),
    f"{_V}.stop_gaps": Formula("stops that were filled below, at a day's open", (".stop_hits",), _DAILY),
    f"{_V}.refused_exits": Formula(
        "sales worth less than the exchange's minimum: not sold",
        (f"{_H}.minimum_notional_quote", "variants.*.quantity"),
        _DAILY,
    ),
    f"{_V}.median_result_pct": _result("the middle result"),
    f"{_V}.mean_result_pct": _result("the mean result"),
    f"{_V}.worst_result_pct": _result("the worst result"),
    f"{_V}.best_result_pct": _result("the best result"),
    f"{_V}.losing_pct": Formula("share of results below zero", (".sample_size",), _DAILY, "%"),
    f"{_V}.median_days_held": Formula("the middle number of days until the exit", _PLAN[1:], _DAILY, "days"),
    f"{_V}.distribution.*.from_pct": Formula("lower end of this bin of results, included", (), (), "%"),
    f"{_V}.distribution.*.to_pct": Formula("upper end of this bin of results, excluded", (), (), "%"),
    f"{_V}.distribution.*.count": Formula("results in this bin", (".sample_size",), _DAILY),
}
