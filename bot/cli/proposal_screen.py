"""A proposal on one screen: what is offered, what it can cost, what speaks against it."""

from decimal import Decimal
from typing import Any

from bot.cli.screen import Column, Screen, show
from bot.kernel.money import HUNDRED

_VARIANTS = (
    Column("variant"),
    Column("quantity", number=True),
    Column("stop", number=True),
    Column("target", number=True),
    Column("R:R", number=True),
    Column("loss at stop", number=True),
    Column("allocation", number=True),
)


def print_proposal(screen: Screen, document: dict[str, Any], standing: str) -> None:
    """Print a proposal so that a person understands it in twenty seconds."""
    asset, market = document["asset"], document["market_context"]
    wallet, advice = document["wallet"], document["risk_recommendation"]
    screen.line(f"Proposal for {asset}: {standing}, until {document['expires_at']}", style="bold")
    screen.line(
        f"  id {document['proposal_id']}, digest {document['digest'][:8]}, version"
        f" {document['proposal_version']}, model {document['risk_model_version']}",
        style="dim",
    )
    screen.line()
    share = _share(document["position_value_usdt"], advice["limits"]["portfolio_value_usdt"])
    screen.line(
        f"You hold   {show(wallet['quantity'])} {asset} worth {_money(document['position_value_usdt'])} USDT"
        f" ({share} of the portfolio)"
    )
    screen.line(
        f"Market     {show(market['current_price'])} USDT, moves {show(market['atr_14d'])} a day"
        f" ({_share(market['atr_14d'], market['current_price'])}), {market['regime']}"
        f" ({_share(market['regime_confidence'], Decimal(1))} sure),"
        f" liquidity {show(market['liquidity_score'])}"
    )
    screen.line(
        f"Levels     support {show(market['support_level'])}, resistance {show(market['resistance_level'])},"
        f" spread {show(market['spread_pct'])} %"
    )
    screen.line(
        f"Entry      {show(advice['synthetic_entry_value'])} USDT ({advice['synthetic_entry_method']});"
        f" strategy {document['strategy_recommendation']['strategy_group']}"
    )
    screen.line()
    variants = [advice, *document["alternative_proposals"]]
    screen.table(_VARIANTS, [_row(terms) for terms in variants])
    screen.line()
    screen.line(
        "At the stop or the target the bot sells the quantity at market, never more; the rest stays yours."
    )
    _print_warnings(screen, document["context_warnings"], variants)
    confidence = document["confidence"]
    screen.line(f"Confidence {show(confidence['overall_score'])}: {confidence['explanation']}")


def _row(terms: dict[str, Any]) -> list[object]:
    return [
        terms["variant"] if terms["allowed"] else f"{terms['variant']} (not allowed)",
        terms["quantity"],
        f"{show(terms['stop_loss'])} (-{show(terms['stop_loss_pct'])} %)",
        f"{show(terms['take_profit'])} (+{show(terms['take_profit_pct'])} %)",
        terms["rr_ratio"],
        _money(terms["loss_at_stop_usdt"]),
        _money(terms["max_allocation_usdt"]),
    ]


def _print_warnings(screen: Screen, warnings: dict[str, Any], variants: list[dict[str, Any]]) -> None:
    sentences = [note["sentence"] for note in warnings["notes"]]
    sentences += [
        f"{terms['variant']}: {terms['not_allowed']['sentence']}"
        for terms in variants
        if not terms["allowed"]
    ]
    for sentence in sentences:
        screen.line(f"! {sentence}")


def _share(part: Decimal | int, whole: Decimal | int) -> str:
    whole = Decimal(whole)
    return f"{Decimal(part) / whole * HUNDRED:.1f} %" if whole else "-"


def _money(value: Decimal | int) -> str:
    return f"{Decimal(value):,.2f}"
