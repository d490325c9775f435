"""Pure rules of Hyperliquid's spot markets: client ids of 128 bits, prices of five figures, sizes.

1. A client order id of ours becomes `0x` and 32 hex digits, always the same ones, so that an order whose
   answer was lost is found again. Ids that the bot derives from an intent can be read back from the
   exchange's word and the market's coin, also by a process that never sent them.
2. A price has at most five significant figures and `8 - size decimals` places; a whole price is always
   allowed. So the grid follows the price, and an order is checked on the grid of its own price.
3. Nothing is rounded but the bound of a market order: the exchange knows limit orders only, so a market
   order is one that takes what is there within a bound and ends ("immediate or cancel").

Source: Hyperliquid documentation, "Tick and lot size", "Exchange endpoint", "Error responses".
"""

import hashlib
import re
from decimal import Decimal

import msgspec

from bot.execution.orders import OrderRequest, OrderType, Rejected, Side
from bot.kernel.market import BookLevel, MarketRules, OrderBook
from bot.kernel.money import ONE, ceil_to_step, floor_to_step, is_on_step, text

PRICE_PLACES = 8
MAX_FIGURES = 5
MIN_NOTIONAL = Decimal(10)
"""In quote units."""
PROTECTION = Decimal("0.05")
"""How far from the best price of the other side a market order may trade."""
HEADROOM = Decimal("1.1")
"""The grid that is told also suits prices a tenth higher, where a sixth figure would begin."""
SPOT_ASSETS_FROM = 10_000

_OWN_ID = re.compile(r"mh-[A-Z0-9]{1,8}-([0-9a-f]{24})")
_CLOID = re.compile(r"0x([0-9a-f]{24})([0-9a-f]{8})")
_OWN_ID_COIN = 8


class SpotMarket(msgspec.Struct, frozen=True, kw_only=True):
    """One spot market as the exchange lists it."""

    symbol: str
    coin: str
    """The exchange's own name of the market: `PURR/USDC`, or `@` and a number."""
    number: int
    """Which market orders mean; spot begins at 10,000."""
    base: str
    quote: str
    size_decimals: int
    price: Decimal | None
    """In the middle of the book when the list was read."""

    @property
    def step(self) -> Decimal:
        """Return the grid of quantities."""
        return ONE.scaleb(-self.size_decimals)

    def rules(self, price: Decimal | None) -> MarketRules:
        """Return the market's filters while it stands near this price."""
        return MarketRules(
            symbol=self.symbol,
            base=self.base,
            quote=self.quote,
            active=True,
            tick_size=tick_at((price or Decimal(0)) * HEADROOM, self.size_decimals),
            step_size=self.step,
            min_quantity=self.step,
            min_notional=MIN_NOTIONAL,
        )


def cloid_of(client_order_id: str) -> str:
    """Return the exchange's form of a client order id: `0x` and 32 hex digits, derived alone from it."""
    mark = hashlib.sha256(client_order_id.encode()).hexdigest()
    own = _OWN_ID.fullmatch(client_order_id)
    return f"0x{own[1]}{mark[:8]}" if own is not None else f"0x{mark[:32]}"


def client_order_id_of(cloid: str, *, base: str) -> str:
    """Return the bot's id behind the exchange's form, or that form itself where the bot made none.

    The last eight digits prove that the id is the bot's: of a foreign order's they fit once in 2^32.
    """
    match = _CLOID.fullmatch(cloid)
    if match is not None:
        candidate = f"mh-{base[:_OWN_ID_COIN]}-{match[1]}"
        if cloid_of(candidate) == cloid:
            return candidate
    return cloid


def tick_at(price: Decimal, size_decimals: int) -> Decimal:
    """Return the grid of prices near this price; of no price, the finest one of the market."""
    finest = ONE.scaleb(min(0, size_decimals - PRICE_PLACES))
    if not price:
        return finest
    by_figures = ONE.scaleb(price.adjusted() - MAX_FIGURES + 1)
    return max(finest, min(by_figures, ONE))


def refusal(order: OrderRequest, market: SpotMarket) -> Rejected | None:
    """Return what the exchange would refuse, or would not be asked at all; nothing is rounded."""
    if order.order_type is OrderType.STOP_LOSS_LIMIT:
        return _rejected(order, "order_type_unsupported", "no stop order can rest at this exchange")
    if not is_on_step(order.quantity, market.step):
        return _rejected(
            order, "filter_lot_size", f"{text(order.quantity)} is off the step {text(market.step)}"
        )
    price = order.limit_price
    if price is not None and not is_on_step(price, tick_at(price, market.size_decimals)):
        words = f"{text(price)} is off the grid {text(tick_at(price, market.size_decimals))} of its height"
        return _rejected(order, "filter_price_filter", words)
    return None


def protected_price(side: Side, book: OrderBook, market: SpotMarket) -> Decimal | None:
    """Return the worst price that a market order may trade at, or None where nobody stands opposite.

    It is rounded towards the market: never further away than the protection allows.
    """
    best = _best(book.bids if side is Side.SELL else book.asks)
    if best is None:
        return None
    if side is Side.SELL:
        bound = best * (1 - PROTECTION)
        return ceil_to_step(bound, tick_at(bound, market.size_decimals))
    bound = best * (1 + PROTECTION)
    return floor_to_step(bound, tick_at(bound, market.size_decimals))


def order_action(order: OrderRequest, market: SpotMarket, price: Decimal) -> dict[str, object]:
    """Return the action that places one order; its fields stand in the order that is signed.

    Numbers are texts without trailing zeros: the exchange signs its own spelling of them.
    """
    immediate = order.immediate or order.order_type is OrderType.MARKET
    placed: dict[str, object] = {
        "a": market.number,
        "b": order.side is Side.BUY,
        "p": text(price),
        "s": text(order.quantity),
        "r": False,
        "t": {"limit": {"tif": "Ioc" if immediate else "Gtc"}},
        "c": cloid_of(order.client_order_id),
    }
    return {"type": "order", "orders": [placed], "grouping": "na"}


def cancel_action(client_order_id: str, market: SpotMarket) -> dict[str, object]:
    """Return the action that cancels one order by its client id."""
    return {
        "type": "cancelByCloid",
        "cancels": [{"asset": market.number, "cloid": cloid_of(client_order_id)}],
    }


def _best(levels: tuple[BookLevel, ...]) -> Decimal | None:
    return levels[0].price if levels else None


def _rejected(order: OrderRequest, reason: str, words: str) -> Rejected:
    return Rejected(client_order_id=order.client_order_id, reason=reason, text=words)
