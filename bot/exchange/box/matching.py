"""The matching engine: takes orders, fills them against the market, triggers stops.

Rules:
1. A taker walks the generated book from the best price on, never past its limit.
2. What the account itself has resting there expires first (self-trade prevention EXPIRE_MAKER).
3. A market order's remainder, and an IOC's, is EXPIRED; a FOK fills whole or not at all.
4. Whatever an order may give is locked when it is taken and released when it ends.
5. As the market moves, events happen in the order in which the path meets them: stops trigger on
   the last price, resting orders fill at their own price in price-time priority.
6. A resting order that the price goes beyond, or jumps onto, is filled whole; one that is only
   touched shares what is traded there, so it may fill in parts.
7. The fee is taken from what is received, rounded down to eight decimals.
"""

from decimal import ROUND_DOWN, Decimal

from bot.exchange.box import errors
from bot.exchange.box.accounts import Accounts
from bot.exchange.box.bars import Segment
from bot.exchange.box.filters import Surroundings, check_filters, locked_for
from bot.exchange.box.ledger import Ledger
from bot.exchange.box.liquidity import Level, Liquidity
from bot.exchange.box.market_view import MarketView
from bot.exchange.box.order_book import OrderBook, priority
from bot.exchange.box.orders import Kind, Lifetime, NewOrder, Order, Side, Status, Trade
from bot.exchange.box.universe import Coin
from bot.kernel.money import ZERO, floor_to_step

_UNIT = Decimal("0.00000001")
_BASIS = Decimal(10_000)
_MAKER_SHARE = Decimal("0.25")


class Matching:
    """The engine over one account; every time that it is given is market time."""

    def __init__(
        self,
        *,
        view: MarketView,
        liquidity: Liquidity,
        accounts: Accounts,
        ledger: Ledger,
        fee_bps: Decimal,
    ) -> None:
        self._view = view
        self._liquidity = liquidity
        self._accounts = accounts
        self._ledger = ledger
        self._fee_rate = fee_bps / _BASIS
        self.book = OrderBook(ledger.orders.values())
        self.changes = 0
        """How often an order or a balance has changed; what was kept last is older if it differs."""

    def check(self, new: NewOrder, now_ms: int) -> Coin:
        """Let an order pass that the market and its filters would take.

        Raises:
            ApiError: With the reason in Binance's words.
        """
        coin = self._view.coins[new.symbol]
        average = self._view.average(new.symbol, now_ms)
        if average is None:
            raise errors.market_closed()
        open_orders = self.book.open_orders(new.symbol)
        check_filters(new, Surroundings(coin=coin, average_price=average, open_orders=open_orders))
        return coin

    def place(self, new: NewOrder, now_ms: int) -> Order:
        """Take an order and trade what can be traded at once.

        Raises:
            ApiError: When the order is refused; then nothing has changed.
        """
        coin = self.check(new, now_ms)
        last = self._view.last_price(new.symbol, now_ms)
        if last is None:
            raise errors.market_closed()
        if self.book.has_client_id(new.symbol, new.client_order_id):
            raise errors.duplicate_order()
        order = self._order(new, coin, now_ms)
        if order.kind is Kind.MARKET:
            self._place_market(order, coin, last, now_ms)
            return order
        if order.kind.is_conditional and _is_beyond(order, last):
            raise errors.would_trigger()
        if order.kind is Kind.LIMIT_MAKER and self._would_match(order, last, now_ms):
            raise errors.would_match()
        self._lock(order, locked_for(order))
        self._ledger.add_order(order)
        self.book.add(order)
        if not order.is_waiting:
            self._take_up_to_limit(order, last, now_ms)
        return order

    def cancel(self, order: Order, now_ms: int) -> None:
        """End an open order at the client's wish."""
        self._end(order, Status.CANCELED, now_ms)

    def may_meet(self, symbol: str, low: Decimal, high: Decimal) -> bool:
        """Say whether a path within these prices could concern any open order."""
        return any(_meets(order, low, high) for order in self.book.open_orders(symbol))

    def walk(self, symbol: str, segment: Segment) -> None:
        """Let everything happen that this stretch of the price's path causes (rule 5)."""
        coin = self._view.coins[symbol]
        position, end = segment.start * coin.tick, segment.end * coin.tick
        budget = floor_to_step(segment.volume * coin.lot * _MAKER_SHARE, coin.step)
        passed: set[int] = set()
        while (order := self._next_met(symbol, position, end, passed)) is not None:
            if not segment.is_jump:
                position = _meeting_price(order, position)
            at_ms = _time_of(segment, position / coin.tick)
            if order.is_waiting:
                self._trigger(order, end if segment.is_jump else position, at_ms)
                if segment.is_jump:  # it began to work where the jump ended, so the jump met it not
                    passed.add(order.order_id)
                continue
            passed.add(order.order_id)
            is_whole = segment.is_jump or _is_passed(order, position, end)
            quantity = order.remaining if is_whole else min(order.remaining, budget)
            if quantity:
                budget = max(ZERO, budget - quantity)
                self._fill(order, Level(order.price, quantity), at_ms, is_maker=True)

    def _order(self, new: NewOrder, coin: Coin, now_ms: int) -> Order:
        return Order(
            order_id=self._ledger.next_order_id(),
            client_order_id=new.client_order_id,
            symbol=new.symbol,
            base=coin.base,
            quote=coin.quote,
            side=new.side,
            kind=new.kind,
            lifetime=new.lifetime,
            quantity=new.quantity,
            quote_quantity=new.quote_quantity,
            price=new.price,
            stop_price=new.stop_price,
            created_ms=now_ms,
            updated_ms=now_ms,
            working_ms=None if new.kind.is_conditional else now_ms,
        )

    def _place_market(self, order: Order, coin: Coin, last: Decimal, now_ms: int) -> None:
        if order.quote_quantity:
            fills = self._fills_by_quote(order, coin, last, now_ms)
            order.quantity = sum((level.quantity for level in fills), ZERO)
            if not order.quantity:
                raise errors.filter_failure("LOT_SIZE")
        else:
            fills = self._fills(order, last, now_ms)
        self._lock(order, _cost(fills) if order.is_buy else order.quantity)
        self._ledger.add_order(order)
        self._execute(order, fills, now_ms)
        if order.status.is_open:
            self._end(order, Status.EXPIRED, now_ms)

    def _take_up_to_limit(self, order: Order, last: Decimal, now_ms: int) -> None:
        fills = self._fills(order, last, now_ms)
        if order.lifetime is Lifetime.FOK and sum((f.quantity for f in fills), ZERO) < order.remaining:
            fills = []
        self._execute(order, fills, now_ms)
        if order.status.is_open and order.lifetime is not Lifetime.FOK:
            self._expire_own(order, order.price, now_ms)
        if order.status.is_open and order.lifetime is not Lifetime.GTC:
            self._end(order, Status.EXPIRED, now_ms)

    def _trigger(self, order: Order, last: Decimal, at_ms: int) -> None:
        self.changes += 1
        order.working_ms = order.updated_ms = at_ms
        if order.kind.has_limit:
            self._take_up_to_limit(order, last, at_ms)
            return
        fills = self._fills(order, last, at_ms)
        if order.is_buy:
            fills = self._affordable(order, fills)
        self._execute(order, fills, at_ms)
        if order.status.is_open:
            self._end(order, Status.EXPIRED, at_ms)

    def _affordable(self, order: Order, fills: list[Level]) -> list[Level]:
        """Lock what a triggered purchase really costs, and cut it to what the account has free."""
        self._accounts.release(order.quote, order.locked)
        order.locked = ZERO
        step = self._view.coins[order.symbol].step
        money, kept = self._accounts.of(order.quote).free, []
        for level in fills:
            quantity = min(level.quantity, floor_to_step(money / level.price, step))
            if not quantity:
                break
            kept.append(Level(level.price, quantity))
            money -= level.price * quantity
        self._lock(order, _cost(kept))
        return kept

    def _would_match(self, order: Order, last: Decimal, now_ms: int) -> bool:
        other = Side.SELL if order.is_buy else Side.BUY
        own = next(self.book.crossing(order.symbol, other, order.price), None)
        return own is not None or bool(self._fills(order, last, now_ms))

    def _fills(self, order: Order, last: Decimal, at_ms: int) -> list[Level]:
        """Return what the order would take out of the generated book now (rule 1)."""
        other = Side.SELL if order.is_buy else Side.BUY
        wanted, fills = order.remaining, []
        for level in self._liquidity.levels(order.symbol, other, last=last, at_ms=at_ms):
            if order.kind.has_limit and not _is_within_limit(order, level.price):
                break
            quantity = min(wanted, level.quantity)
            fills.append(Level(level.price, quantity))
            wanted -= quantity
            if not wanted:
                break
        return fills

    def _fills_by_quote(self, order: Order, coin: Coin, last: Decimal, at_ms: int) -> list[Level]:
        other = Side.SELL if order.is_buy else Side.BUY
        money, fills = order.quote_quantity, []
        for level in self._liquidity.levels(order.symbol, other, last=last, at_ms=at_ms):
            quantity = min(level.quantity, floor_to_step(money / level.price, coin.step))
            if not quantity:
                break
            fills.append(Level(level.price, quantity))
            money -= level.price * quantity
        return fills

    def _execute(self, order: Order, fills: list[Level], at_ms: int) -> None:
        for level in fills:
            self._expire_own(order, level.price, at_ms)
            self._liquidity.take(order.symbol, level.price, level.quantity, at_ms)
            self._fill(order, level, at_ms, is_maker=False)

    def _expire_own(self, taker: Order, price: Decimal, at_ms: int) -> None:
        """End the account's own orders that a taker would meet up to a price (rule 2)."""
        other = Side.SELL if taker.is_buy else Side.BUY
        for own in list(self.book.crossing(taker.symbol, other, price)):
            self._end(own, Status.EXPIRED_IN_MATCH, at_ms)

    def _fill(self, order: Order, level: Level, at_ms: int, *, is_maker: bool) -> None:
        self.changes += 1
        price, quantity = level
        cost = price * quantity
        given, gained = (cost, quantity) if order.is_buy else (quantity, cost)
        gains = order.base if order.is_buy else order.quote
        fee = (gained * self._fee_rate).quantize(_UNIT, rounding=ROUND_DOWN)
        self._accounts.pay(order.gives, given)
        order.locked -= given
        self._accounts.receive(gains, gained, fee=fee)
        order.executed += quantity
        order.executed_quote += cost
        order.updated_ms = at_ms
        trade = Trade(
            trade_id=self._ledger.next_trade_id(),
            order_id=order.order_id,
            symbol=order.symbol,
            price=price,
            quantity=quantity,
            quote_quantity=cost,
            fee=fee,
            fee_asset=gains,
            executed_ms=at_ms,
            is_buyer=order.is_buy,
            is_maker=is_maker,
        )
        self._ledger.add_trade(trade)
        if order.remaining:
            order.status = Status.PARTIALLY_FILLED
            self._release_surplus(order)
        else:
            self._end(order, Status.FILLED, at_ms)

    def _release_surplus(self, order: Order) -> None:
        """Give back what a purchase below its limit did not need (rule 4)."""
        if order.is_buy and order.kind.has_limit:
            surplus = order.locked - order.price * order.remaining
            self._accounts.release(order.quote, surplus)
            order.locked -= surplus

    def _lock(self, order: Order, amount: Decimal) -> None:
        self._accounts.lock(order.gives, amount)
        order.locked = amount
        self.changes += 1

    def _end(self, order: Order, status: Status, at_ms: int) -> None:
        self.changes += 1
        order.status, order.updated_ms = status, at_ms
        self._accounts.release(order.gives, order.locked)
        order.locked = ZERO
        self.book.remove(order)

    def _next_met(self, symbol: str, start: Decimal, end: Decimal, passed: set[int]) -> Order | None:
        """Return the open order that the path from `start` to `end` meets first."""
        low, high = min(start, end), max(start, end)
        met = [
            order
            for order in self.book.open_orders(symbol)
            if order.order_id not in passed and _meets(order, low, high)
        ]
        return min(met, key=lambda o: (abs(_meeting_price(o, start) - start), priority(o)), default=None)


def _waits_above(order: Order) -> bool:
    """Say whether a rising price reaches the order: sales above the market, stops of purchases."""
    return order.triggers_upwards if order.is_waiting else not order.is_buy


def _level_of(order: Order) -> Decimal:
    return order.stop_price if order.is_waiting else order.price


def _meets(order: Order, low: Decimal, high: Decimal) -> bool:
    return _level_of(order) <= high if _waits_above(order) else _level_of(order) >= low


def _is_passed(order: Order, position: Decimal, end: Decimal) -> bool:
    """Say whether the path goes beyond a resting order's price, not only up to it."""
    return min(position, end) < order.price if order.is_buy else max(position, end) > order.price


def _meeting_price(order: Order, position: Decimal) -> Decimal:
    """Return where a path that is at `position` meets the order; at once if it is beyond already."""
    level = _level_of(order)
    return max(level, position) if _waits_above(order) else min(level, position)


def _is_beyond(order: Order, last: Decimal) -> bool:
    return _meets(order, last, last)


def _is_within_limit(order: Order, price: Decimal) -> bool:
    return price <= order.price if order.is_buy else price >= order.price


def _cost(fills: list[Level]) -> Decimal:
    return sum((level.price * level.quantity for level in fills), ZERO)


def _time_of(segment: Segment, ticks: Decimal) -> int:
    """Return when the path is at a price, in proportion along the straight line."""
    distance = abs(segment.end - segment.start)
    if not distance:
        return segment.ended_ms
    gone = int(abs(ticks - segment.start))
    return segment.started_ms + (segment.ended_ms - segment.started_ms) * gone // distance
