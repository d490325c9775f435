"""The report's chart of the coin: daily candles, levels around the price, every plan's stop and target."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from markupsafe import Markup

from bot.app.proposal_figures import variants_in
from bot.app.report_svg import Box, Scale, kept_apart, line, picture, tag, words
from bot.kernel.market import Candle
from bot.kernel.money import text

CANDLES_SHOWN = 120
_WIDTH, _HEIGHT = 860, 400
_PLOT = Box(left=62, top=12, right=640, bottom=372)
_LABEL_X, _LABEL_GAP = 652, 14
_MONTHS_APART = 60
"""Pixels below which the next month's name is left out."""


class Level(NamedTuple):
    """A horizontal line with what stands at its end."""

    price: Decimal
    label: str
    kind: str
    """CSS class: `reference`, `stop`, `target` or `swing`."""


def levels_of(document: Mapping[str, Any]) -> list[Level]:
    """Return every level of a proposal, the highest first."""
    market, advice = document["market_context"], document["risk_recommendation"]
    found = [Level(Decimal(advice["reference_price"]), "reference", "reference")]
    for name, kind in (("support_level", "support"), ("resistance_level", "resistance")):
        if market[name] is not None:
            found.append(Level(Decimal(market[name]), kind, "swing"))
    for terms in variants_in(document):
        found.append(Level(Decimal(terms["take_profit"]), f"target {terms['variant']}", "target"))
        found.append(Level(Decimal(terms["stop_loss"]), f"stop {terms['variant']}", "stop"))
    return sorted(found, key=lambda level: level.price, reverse=True)


def price_chart(document: Mapping[str, Any], daily: Sequence[Candle]) -> Markup:
    """Return the drawing of the newest candles with all levels."""
    candles = daily[-CANDLES_SHOWN:]
    levels = levels_of(document)
    prices = [level.price for level in levels]
    lowest = min([*prices, *(candle.low for candle in candles)])
    highest = max([*prices, *(candle.high for candle in candles)])
    margin = (highest - lowest) / 40
    scale = Scale(lowest - margin, highest + margin, _PLOT.bottom, _PLOT.top)
    return picture(
        _WIDTH,
        _HEIGHT,
        f"{document['symbol']}, {len(candles)} daily candles with the levels of each plan",
        [*_grid(scale), *_months(candles), *_bodies(candles, scale), *_levels(levels, scale)],
    )


def _grid(scale: Scale) -> list[Markup]:
    parts = []
    for value in scale.ticks(6):
        place = scale.at(value)
        parts.append(line(_PLOT.left, place, _PLOT.right, place, "grid"))
        parts.append(words(_PLOT.left - 6, place + 4, text(value), class_="axis", anchor="end"))
    return parts


def _middle(number: int, count: int) -> Decimal:
    wide = Decimal(_PLOT.right - _PLOT.left) / max(count, 1)
    return (_PLOT.left + wide * number + wide / 2).quantize(Decimal("0.1"))


def _months(candles: Sequence[Candle]) -> list[Markup]:
    parts: list[Markup] = []
    last = Decimal(-_MONTHS_APART)
    for number, candle in enumerate(candles):
        place = _middle(number, len(candles))
        if candle.opened_at.day == 1 and place - last >= _MONTHS_APART:
            parts.append(line(place, _PLOT.top, place, _PLOT.bottom, "grid"))
            parts.append(
                words(place, _PLOT.bottom + 18, f"{candle.opened_at:%Y-%m}", class_="axis", anchor="middle")
            )
            last = place
    return parts


def _bodies(candles: Sequence[Candle], scale: Scale) -> list[Markup]:
    wide = max(Decimal(1), (Decimal(_PLOT.right - _PLOT.left) / max(len(candles), 1) * Decimal("0.66")))
    wide = wide.quantize(Decimal("0.1"))
    parts = []
    for number, candle in enumerate(candles):
        middle = _middle(number, len(candles))
        kind = "up" if candle.close >= candle.open else "down"
        top, bottom = scale.at(max(candle.open, candle.close)), scale.at(min(candle.open, candle.close))
        parts.append(line(middle, scale.at(candle.high), middle, scale.at(candle.low), kind))
        parts.append(
            tag(
                "rect",
                x=middle - wide / 2,
                y=top,
                width=wide,
                height=max(Decimal(1), bottom - top),
                class_=kind,
            )
        )
    return parts


def _levels(levels: Sequence[Level], scale: Scale) -> list[Markup]:
    places = [scale.at(level.price) for level in levels]
    labels = kept_apart(places, gap=_LABEL_GAP, top=_PLOT.top + 4, bottom=_PLOT.bottom)
    parts = []
    for level, place, label in zip(levels, places, labels, strict=True):
        parts.append(line(_PLOT.left, place, _PLOT.right, place, f"level {level.kind}"))
        parts.append(line(_PLOT.right, place, _LABEL_X - 2, label, f"leader {level.kind}"))
        parts.append(words(_LABEL_X, label + 4, f"{text(level.price)} {level.label}", class_=level.kind))
    return parts
