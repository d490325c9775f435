"""A proposal as one HTML page that needs nothing else: no network, no script, no second file.

The same proposal and the same kept inputs give the same bytes. Every number of the document that the page
shows carries its path (`data-path`) and its exact value, so that page and document can be compared.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from bot.app.proposal_figures import all_notes, figures, share, variants_in
from bot.app.proposal_paths import leaves_of
from bot.app.report_price_chart import price_chart
from bot.app.report_small_charts import depth_chart, histogram
from bot.kernel.clock import from_iso
from bot.kernel.market import Candle, OrderBook
from bot.proposals.facts import closed_candles

_PAGE, _STYLE = "proposal.html", "proposal.css"
_ENVIRONMENTS = {
    "sandbox": "SANDBOX: an exchange in a box, no real money",
    "paper": "PAPER: public prices, own fills, no real money",
    "testnet": "TESTNET: an exchange's test system, no real money",
}


class Histogram(NamedTuple):
    """One variant's drawing."""

    variant: str
    drawing: Markup


def render_report(
    document: Mapping[str, Any], *, daily: tuple[Candle, ...] | None, book: OrderBook | None
) -> str:
    """Return the page.

    Args:
        document: The proposal.
        daily: The kept daily candles, oldest first; None where they are not there, which the page says.
        book: The kept order book, likewise.
    """
    templates = _templates()
    style, _, _ = templates.get_loader().get_source(templates, _STYLE)
    rehearsal = document.get("rehearsal")
    return templates.get_template(_PAGE).render(
        doc=document,
        style=Markup(style),  # noqa: S704 - our own file, no word of it comes from elsewhere
        environment=_ENVIRONMENTS.get(document["environment"], document["environment"]),
        leaves=leaves_of(document),
        says=figures(document),
        notes=all_notes(document),
        variants=variants_in(document),
        share_of_portfolio=share(
            document["position_value_usdt"],
            document["risk_recommendation"]["limits"]["portfolio_value_usdt"],
        ),
        price_chart=_chart(document, daily),
        depth_chart=_depth(document, book),
        rehearsal=rehearsal,
        histograms=[
            Histogram(one["variant"], histogram(one))
            for one in (rehearsal or {}).get("variants", ())
            if one["distribution"]
        ],
    )


def _chart(document: Mapping[str, Any], daily: tuple[Candle, ...] | None) -> Markup | None:
    """Return the chart of the candles that the engine counted: those that had closed."""
    seen_at = from_iso(str(document["market_context"]["observed_at"]))
    closed = closed_candles(daily or (), "1d", seen_at)
    return price_chart(document, closed) if closed else None


def _depth(document: Mapping[str, Any], book: OrderBook | None) -> Markup | None:
    if book is None or not book.bids or not book.asks:
        return None
    return depth_chart(book, quantity=Decimal(document["requested_quantity"]), asset=document["asset"])


class _Templates(jinja2.Environment):
    """Escapes everything, and fails at whatever is not there."""

    def __init__(self) -> None:
        super().__init__(
            loader=jinja2.PackageLoader("bot.app", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
        )

    def get_loader(self) -> jinja2.BaseLoader:
        """Return the loader that was set up."""
        if self.loader is None:
            raise TypeError("no loader")
        return self.loader


@cache
def _templates() -> _Templates:
    return _Templates()
