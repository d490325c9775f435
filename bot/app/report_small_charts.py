"""The report's smaller drawings: how deep the book is, and how each plan's rehearsed results are spread."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from bot.app.report_svg import Box, Scale, line, picture, tag, words
from bot.kernel.market import BookLevel, OrderBook
from bot.kernel.money import ZERO, text

_DEPTH_WIDTH, _DEPTH_HEIGHT = 860, 220
_DEPTH = Box(left=62, top=14, right=830, bottom=186)
_BAND = Decimal("0.015")
"""How far from mid the book is drawn, as a share of mid."""
_HISTOGRAM_WIDTH, _HISTOGRAM_HEIGHT = 290, 170
_HISTOGRAM = Box(left=30, top=24, right=284, bottom=142)


def depth_chart(book: OrderBook, *, quantity: Decimal, asset: str) -> Markup:
    """Return the drawing of what rests in the book around mid, summed up, and the quantity to sell."""
    mid = (book.bids[0].price + book.asks[0].price) / 2
    furthest = min(_BAND * mid, max(mid - book.bids[-1].price, book.asks[-1].price - mid))
    across = Scale(mid - furthest, mid + furthest, _DEPTH.left, _DEPTH.right)
    bids = _summed([level for level in book.bids if level.price >= across.low])
    asks = _summed([level for level in book.asks if level.price <= across.high])
    most = max([quantity, *(total for _, total in (*bids, *asks))])
    up = Scale(ZERO, most * Decimal("1.05"), _DEPTH.bottom, _DEPTH.top)
    place = up.at(quantity)
    parts: list[Markup] = []
    for value in up.ticks(4):
        parts.append(line(_DEPTH.left, up.at(value), _DEPTH.right, up.at(value), "grid"))
        parts.append(words(_DEPTH.left - 6, up.at(value) + 4, text(value), class_="axis", anchor="end"))
    parts.extend(
        words(across.at(value), _DEPTH.bottom + 18, text(value), class_="axis", anchor="middle")
        for value in across.ticks(6)
    )
    parts += [_steps(bids, mid, across, up, "bids"), _steps(asks, mid, across, up, "asks")]
    parts.append(line(across.at(mid), _DEPTH.top, across.at(mid), _DEPTH.bottom, "level reference"))
    parts.append(line(_DEPTH.left, place, _DEPTH.right, place, "level stop"))
    parts.append(words(_DEPTH.left + 6, place - 5, f"{text(quantity)} {asset} to hand over", class_="stop"))
    parts.append(words(across.at(mid) - 8, _DEPTH.top + 12, "bids", class_="bids", anchor="end"))
    parts.append(words(across.at(mid) + 8, _DEPTH.top + 12, "asks", class_="asks"))
    title = f"Order book of {book.symbol}: {asset} that rest in it, summed up from the middle"
    return picture(_DEPTH_WIDTH, _DEPTH_HEIGHT, title, parts)


def histogram(rehearsed: Mapping[str, Any]) -> Markup:
    """Return the drawing of one variant's results: how many plans ended in which percent."""
    bins = rehearsed["distribution"]
    low = min(Decimal(one["from_pct"]) for one in bins)
    high = max(Decimal(one["to_pct"]) for one in bins)
    across = Scale(low, high, _HISTOGRAM.left, _HISTOGRAM.right)
    most = max(int(one["count"]) for one in bins)
    up = Scale(ZERO, Decimal(most), _HISTOGRAM.bottom, _HISTOGRAM.top)
    parts = [
        words(across.at(value), _HISTOGRAM.bottom + 18, f"{text(value)} %", class_="axis", anchor="middle")
        for value in across.ticks(5)
    ]
    for one in bins:
        left, right = across.at(one["from_pct"]), across.at(one["to_pct"])
        top = up.at(one["count"])
        kind = "loss" if Decimal(one["to_pct"]) <= ZERO else "gain"
        parts.append(
            tag(
                "rect",
                x=left,
                y=top,
                width=max(Decimal(1), right - left - 1),
                height=_HISTOGRAM.bottom - top,
                class_=kind,
            )
        )
    parts.append(line(_HISTOGRAM.left, _HISTOGRAM.bottom, _HISTOGRAM.right, _HISTOGRAM.bottom, "frame"))
    median = across.at(rehearsed["median_result_pct"])
    parts.append(line(median, _HISTOGRAM.top - 6, median, _HISTOGRAM.bottom, "level reference"))
    anchor = "end" if median > Decimal(_HISTOGRAM.left + _HISTOGRAM.right) / 2 else "start"
    label = f"median {text(Decimal(rehearsed['median_result_pct']))} %"
    side = -5 if anchor == "end" else 5
    parts.append(words(median + side, _HISTOGRAM.top - 8, label, class_="reference", anchor=anchor))
    parts.append(words(_HISTOGRAM.left - 4, _HISTOGRAM.top + 4, str(most), class_="axis", anchor="end"))
    title = f"Results of the {rehearsed['variant']} plan in the past, {rehearsed['sample_size']} samples"
    return picture(_HISTOGRAM_WIDTH, _HISTOGRAM_HEIGHT, title, parts)


def _summed(levels: Sequence[BookLevel]) -> list[tuple[Decimal, Decimal]]:
    totals = accumulate(level.quantity for level in levels)
    return [(level.price, total) for level, total in zip(levels, totals, strict=True)]


def _steps(
    levels: Sequence[tuple[Decimal, Decimal]], mid: Decimal, across: Scale, up: Scale, kind: str
) -> Markup:
    """Return the area under a staircase that begins at mid."""
    points = [(across.at(mid), up.at(ZERO))]
    for price, total in levels:
        points += [(across.at(price), points[-1][1]), (across.at(price), up.at(total))]
    end = across.at(across.low if kind == "bids" else across.high)
    points += [(end, points[-1][1]), (end, up.at(ZERO))]
    return tag("polygon", points=" ".join(f"{x},{y}" for x, y in points), class_=kind)
