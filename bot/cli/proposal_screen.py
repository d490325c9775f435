"""A proposal on one screen: what is offered, what it can cost, how it fared before, what speaks against."""

from decimal import Decimal
from typing import Any

from bot.app.proposal_figures import all_notes, figures, share, variants_in
from bot.cli.screen import Column, Screen

_VARIANTS = (
    Column("variant"),
    Column("quantity", number=True),
    Column("stop", number=True),
    Column("target", number=True),
    Column("R:R", number=True),
    Column("loss at stop", number=True),
    Column("allocation", number=True),
)
_REHEARSAL = (
    Column("rehearsed"),
    Column("stop", number=True),
    Column("target", number=True),
    Column("neither", number=True),
    Column("median", number=True),
    Column("worst", number=True),
    Column("days held", number=True),
    Column("samples (independent)", number=True),
)


def print_proposal(screen: Screen, document: dict[str, Any], standing: str) -> None:
    """Print a proposal so that a person understands it in twenty seconds."""
    says, asset = figures(document), document["asset"]
    screen.line(f"Proposal for {asset}: {standing}, until {document['expires_at']}", style="bold")
    screen.line(
        f"  id {document['proposal_id']}, digest {document['digest'][:8]}, version"
        f" {document['proposal_version']}, model {document['risk_model_version']}",
        style="dim",
    )
    screen.line()
    _print_market(screen, document, says)
    screen.line()
    variants = variants_in(document)
    screen.table(_VARIANTS, [_row(terms, says) for terms in variants])
    screen.line()
    screen.line(
        "At the stop or the target the bot sells the quantity at market, never more; the rest stays yours."
    )
    if "rehearsal" in document:
        screen.line()
        _print_rehearsal(screen, document["rehearsal"], says, asset)
    for sentence in all_notes(document):
        screen.line(f"! {sentence}")
    screen.line(f"Confidence {says['confidence.overall_score']}: {document['confidence']['explanation']}")


def _print_market(screen: Screen, document: dict[str, Any], says: dict[str, str]) -> None:
    market, advice = document["market_context"], document["risk_recommendation"]
    of_portfolio = share(document["position_value_usdt"], advice["limits"]["portfolio_value_usdt"])
    asked = (
        ""
        if document["requested_quantity"] == document["wallet"]["quantity"]
        else f", {says['requested_quantity']} of it asked for,"
    )
    screen.line(
        f"You hold   {says['wallet.quantity']} {document['asset']}{asked} worth"
        f" {says['position_value_usdt']} USDT ({of_portfolio} of the portfolio)"
    )
    screen.line(
        f"Market     {says['market_context.current_price']} USDT,"
        f" moves {says['market_context.atr_14d']} a day"
        f" ({share(market['atr_14d'], market['current_price'])}), {says['market_context.regime']}"
        f" ({share(market['regime_confidence'], Decimal(1))} sure),"
        f" liquidity {says['market_context.liquidity_score']}"
    )
    screen.line(
        f"Levels     support {_level(market, says, 'support')},"
        f" resistance {_level(market, says, 'resistance')},"
        f" spread {says['market_context.spread_pct']} %"
    )
    screen.line(
        f"Entry      {says['risk_recommendation.synthetic_entry_value']} USDT"
        f" ({advice['synthetic_entry_method']});"
        f" strategy {document['strategy_recommendation']['strategy_group']}"
    )


def _level(market: dict[str, Any], says: dict[str, str], name: str) -> str:
    """Return a level, and why where there is none."""
    reason = market.get(f"{name}_reason")
    return says[f"market_context.{name}_level"] + (f" ({reason})" if reason else "")


def _row(terms: dict[str, Any], says: dict[str, str]) -> list[object]:
    name = terms["variant"]
    own = {key: says[f"variants.{name}.{key}"] for key in terms if f"variants.{name}.{key}" in says}
    return [
        name if terms["allowed"] else f"{name} (not allowed)",
        own["quantity"],
        f"{own['stop_loss']} (-{own['stop_loss_pct']} %)",
        f"{own['take_profit']} (+{own['take_profit_pct']} %)",
        own["rr_ratio"],
        own["loss_at_stop_usdt"],
        own["max_allocation_usdt"],
    ]


def _print_rehearsal(screen: Screen, rehearsal: dict[str, Any], says: dict[str, str], asset: str) -> None:
    screen.table(
        _REHEARSAL,
        [_rehearsed(f"rehearsal.variants.{one['variant']}", says) for one in rehearsal["variants"]],
        empty="Nothing could be rehearsed: the history is too short.",
    )
    screen.line(
        f"Each plan begun on every day of {asset}'s own past, {rehearsal['first_at'][:10]} to"
        f" {rehearsal['last_at'][:10]}, sold after {says['rehearsal.horizon_days']} days at the latest;"
        f" fee {says['rehearsal.fee_bps']} bps and half the spread taken off. The past promises nothing."
    )


def _rehearsed(path: str, says: dict[str, str]) -> list[object]:
    return [
        says[f"{path}.variant"],
        f"{says[f'{path}.stop_hit_pct']} %",
        f"{says[f'{path}.target_hit_pct']} %",
        f"{says[f'{path}.neither_pct']} %",
        f"{says[f'{path}.median_result_pct']} %",
        f"{says[f'{path}.worst_result_pct']} %",
        says[f"{path}.median_days_held"],
        f"{says[f'{path}.sample_size']} ({says[f'{path}.independent_samples']})",
    ]
