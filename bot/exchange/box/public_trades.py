"""The market's own trades: one every few seconds along the price's path, numbered by time.

They are drawn from the path when asked for, so nothing is stored: trade number n happened at the
n-th tick of a five-second clock, at the price that the path had there.
"""

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from bot.exchange.box.market_view import MarketView
from bot.kernel.money import floor_to_step

EVERY_MS = 5_000


class PublicTrade(NamedTuple):
    """One trade between others."""

    number: int
    executed_ms: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool


def newest_number(now_ms: int) -> int:
    """Return the number of the newest trade that has happened."""
    return now_ms // EVERY_MS


def public_trades(view: MarketView, symbol: str, first: int, last: int) -> Iterator[PublicTrade]:
    """Yield the trades with these numbers, both included; none while there is no price."""
    coin = view.coins[symbol]
    for number in range(first, last + 1):
        at_ms = number * EVERY_MS
        price = view.last_price(symbol, at_ms)
        if price is None:
            continue
        noise = hashlib.blake2b(f"{symbol}:{number}".encode(), digest_size=3).digest()
        worth = coin.level_depth_quote * (1 + noise[0]) / 256
        quantity = max(coin.step, floor_to_step(worth / price, coin.step))
        yield PublicTrade(number, at_ms, price, quantity, is_buyer_maker=noise[1] % 2 == 0)
