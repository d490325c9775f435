"""The little of SVG that the report draws with: escaped elements, a scale, round ticks, labels kept apart.

Places on the page are exact decimals like the prices that they stand for, cut to a tenth of a pixel.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from markupsafe import Markup

from bot.kernel.money import ONE, ZERO, ceil_to_step, text

_TENTH = Decimal("0.1")
_ROUND_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))

Number = Decimal | int


class Box(NamedTuple):
    """A part of the page, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


class Scale(NamedTuple):
    """Maps values onto pixels, straight."""

    low: Decimal
    high: Decimal
    first_px: int
    """Where the low value lies."""
    last_px: int

    def at(self, value: Number) -> Decimal:
        """Return where a value lies; beyond the ends it stays at the end."""
        span = self.high - self.low
        part = (min(max(Decimal(value), self.low), self.high) - self.low) / span if span else ZERO
        return (self.first_px + part * (self.last_px - self.first_px)).quantize(_TENTH)

    def ticks(self, about: int) -> tuple[Decimal, ...]:
        """Return round values inside the scale, roughly that many."""
        span = self.high - self.low
        if span <= ZERO:
            return ()
        rough = span / about
        power = ONE.scaleb(rough.adjusted())
        step = next(power * size for size in _ROUND_STEPS if power * size >= rough)
        first = ceil_to_step(self.low, step)
        count = int((self.high - first) / step) + 1
        return tuple(first + step * number for number in range(count))


def tag(name: str, *content: str, **attributes: str | Number) -> Markup:
    """Return one element, escaped; a trailing `_` of an attribute is dropped, `_` inside becomes `-`."""
    words = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _shown(value))
        for key, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(name, words, Markup("").join(content), name)


def picture(width: int, height: int, title: str, content: Iterable[Markup]) -> Markup:
    """Return a whole drawing with its title, which is read aloud in its place."""
    return tag(
        "svg",
        tag("title", title),
        *content,
        viewBox=f"0 0 {width} {height}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def words(at_x: Number, at_y: Number, said: str, *, class_: str = "", anchor: str = "start") -> Markup:
    """Return a line of text."""
    return tag("text", said, x=at_x, y=at_y, class_=class_, text_anchor=anchor)


def line(x1: Number, y1: Number, x2: Number, y2: Number, class_: str) -> Markup:
    """Return a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def kept_apart(places: Sequence[Decimal], *, gap: int, top: int, bottom: int) -> list[Decimal]:
    """Return places for labels, in the given order of rising places, none closer than the gap."""
    moved: list[Decimal] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else max(place, Decimal(top)))
    limit = Decimal(bottom)
    for number in range(len(moved) - 1, -1, -1):
        moved[number] = min(moved[number], limit)
        limit = moved[number] - gap
    return moved


def _shown(value: str | Number) -> str:
    return value if isinstance(value, str) else text(Decimal(value))
