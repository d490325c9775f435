"""What an endpoint is: its handler, its weight, who may call it."""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import msgspec

from bot.exchange.box.call import Call


class Security(Enum):
    """How a request must prove who sent it."""

    NONE = auto()
    SIGNED = auto()
    """Key, time window and signature."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint."""

    handler: Callable[[Call], Any]
    """Returns what is answered as JSON, or raises `ApiError`."""
    weight: Callable[[Mapping[str, str]], int]
    """From the parameters: asking for more weighs more."""
    security: Security
    new_orders: int = 0
    """How many orders count towards the order limits."""


def weighs(weight: int, *, without_symbol: int | None = None) -> Callable[[Mapping[str, str]], int]:
    """Return a fixed weight, or a heavier one for a request that names no market."""
    heavier = weight if without_symbol is None else without_symbol
    return lambda params: weight if "symbol" in params else heavier


def signed(
    handler: Callable[[Call], Any], weight: int, *, everywhere: int | None = None, new_orders: int = 0
) -> Route:
    """Return an endpoint of the account; `everywhere` is its weight without a market's name."""
    return Route(
        handler=handler,
        weight=weighs(weight, without_symbol=everywhere),
        security=Security.SIGNED,
        new_orders=new_orders,
    )


def weighs_by_rows(params: Mapping[str, str]) -> int:
    """Return the weight of a book by its depth."""
    wanted = params.get("limit", "")
    rows = int(wanted) if wanted.isdecimal() else 100
    return next((weight for most, weight in _DEPTH_WEIGHTS if rows <= most), _HEAVIEST_DEPTH)


_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1_000, 50))
_HEAVIEST_DEPTH = 250
