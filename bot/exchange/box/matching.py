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
8. Of an order list one order holds the coins for both; as soon as one of them trades or triggers it
   takes them over and the other ends, and when one ends otherwise, so does the other.
"""

from decimal import ROUND_DOWN, Decimal

from bot.exchange.box import errors, meeting
from bot.exchange.box.account_events import AccountEvents
from bot.exchange.box.accounts import Accounts
from bot.exchange.box.bars import Segment
from bot.exchange.box.filters import Surroundings, check_filters, locked_for
from bot.exchange.box.ledger import Ledger
from bot.exchange.box.liquidity import Level, Liquidity
from bot.exchange.box.market_view import MarketView
from bot.exchange.box.order_book import OrderBook, priority
from bot.exchange.box.orders import (
    Kind,
    Lifetime,
    NewOrder,
    Order,
    OrderList,
    Side,
    Status,
    Trade,
)
from bot.exchange.box.taking import Taking, affordable, cost
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
        self.taking = Taking(liquidity)
        self._accounts = accounts
        self._ledger = ledger
        self._fee_rate = fee_bps / _BASIS
        self.book = OrderBook(ledger.orders.values())
        self.events = AccountEvents()
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
        last = self.last(new.symbol, now_ms)
        if self.book.has_client_id(new.symbol, new.client_order_id):
            raise errors.duplicate_order()
        order = self.draft(new, last, now_ms)
        if order.kind is Kind.MARKET:
            self._place_market(order, coin, last, now_ms)
        else:
            self.check_against_market(order, last, now_ms)
            self._lock(order, locked_for(order, meeting.trigger_price(order, coin.tick)))
            self._admit(order)
            if not order.is_waiting:
                self._take_up_to_limit(order, last, now_ms)
        self.events.settled(self._accounts, now_ms)
        return order

    def admit_list(self, order_list: OrderList, orders: tuple[Order, Order], amount: Decimal) -> None:
        """Take two orders as a list, locking once for both; a limit order holds, else the second.

        Raises:
            ApiError: When less is free; then nothing has changed.
        """
        self._lock(orders[1] if orders[0].is_waiting else orders[0], amount)
        for order in orders:
            self._admit(order)
        self._ledger.add_list(order_list)
        self.events.listed(order_list, orders)
        self.events.settled(self._accounts, order_list.updated_ms)

    def cancel(self, order: Order, now_ms: int, cancel_id: str | None = None) -> None:
        """End an open order at the client's wish; of an order list both end."""
        self._end(order, Status.CANCELED, now_ms, cancel_id)
        self.events.settled(self._accounts, now_ms)

    def may_meet(self, symbol: str, low: Decimal, high: Decimal) -> bool:
        """Say whether a path within these prices could concern any open order."""
        tick = self._view.coins[symbol].tick
        return any(
            meeting.meets(order, tick, low, high) or meeting.would_follow(order, low, high)
            for order in self.book.open_orders(symbol)
        )

    def fill_resting(self, order: Order, quantity: Decimal, now_ms: int) -> None:
        """Let others trade with a resting order at its own price, as much as is left at most."""
        self._fill(order, Level(order.price, min(quantity, order.remaining)), now_ms, is_maker=True)
        self.events.settled(self._accounts, now_ms)

    def walk(self, symbol: str, segment: Segment) -> None:
        """Let everything happen that this stretch of the price's path causes (rule 5)."""
        coin = self._view.coins[symbol]
        position, end = segment.start * coin.tick, segment.end * coin.tick
        budget = floor_to_step(segment.volume * coin.lot * _MAKER_SHARE, coin.step)
        passed: set[int] = set()
        while (order := self._next_met(symbol, position, end, passed)) is not None:
            if not segment.is_jump:
                position = meeting.meeting_price(order, coin.tick, position)
            at_ms = meeting.time_of(segment, position / coin.tick)
            if order.is_waiting:
                reached = end if segment.is_jump else position
                if order.trailing_bps and not order.is_trailing:
                    self._set_off(order, reached, at_ms)
                else:
                    self._trigger(order, reached, at_ms)
                if segment.is_jump:  # what begins where the jump ended was not met by the jump
                    passed.add(order.order_id)
                continue
            passed.add(order.order_id)
            is_whole = segment.is_jump or meeting.is_passed(order, position, end)
            quantity = order.remaining if is_whole else min(order.remaining, budget)
            if quantity:
                budget = max(ZERO, budget - quantity)
                self._fill(order, Level(order.price, quantity), at_ms, is_maker=True)
                self.events.settled(self._accounts, at_ms)
        for order in self.book.trailing(symbol):
            meeting.follow(order, end)

    def last(self, symbol: str, now_ms: int) -> Decimal:
        """Return a market's last price.

        Raises:
            ApiError: Before its first bar.
        """
        last = self._view.last_price(symbol, now_ms)
        if last is None:
            raise errors.market_closed()
        return last

    def draft(self, new: NewOrder, last: Decimal, now_ms: int) -> Order:
        """Return the order as it would be taken; nothing has changed yet."""
        coin = self._view.coins[new.symbol]
        follows_at_once = bool(new.trailing_bps) and not new.stop_price
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
            trailing_bps=new.trailing_bps,
            trailing_ms=now_ms if follows_at_once else None,
            extreme=last if follows_at_once else None,
            created_ms=now_ms,
            updated_ms=now_ms,
            working_ms=None if new.kind.is_conditional else now_ms,
        )

    def check_against_market(self, order: Order, last: Decimal, now_ms: int) -> None:
        """Let an order pass that neither triggers nor, if it must not, trades at once.

        Raises:
            ApiError: -2010 otherwise.
        """
        tick = self._view.coins[order.symbol].tick
        if order.kind.is_conditional and meeting.meets(order, tick, last, last):
            raise errors.would_trigger()
        if order.kind is Kind.LIMIT_MAKER and self._would_match(order, last, now_ms):
            raise errors.would_match()

    def _admit(self, order: Order) -> None:
        self._ledger.add_order(order)
        self.book.add(order)
        self.events.accepted(order, order.created_ms)

    def _place_market(self, order: Order, coin: Coin, last: Decimal, now_ms: int) -> None:
        if order.quote_quantity:
            fills = self.taking.fills_by_quote(order, step=coin.step, last=last, at_ms=now_ms)
            order.quantity = sum((level.quantity for level in fills), ZERO)
            if not order.quantity:
                raise errors.filter_failure("LOT_SIZE")
        else:
            fills = self._fills(order, last, now_ms)
        self._lock(order, cost(fills) if order.is_buy else order.quantity)
        self._ledger.add_order(order)
        self.events.accepted(order, now_ms)
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

    def _set_off(self, order: Order, price: Decimal, at_ms: int) -> None:
        """Let a trailing stop whose stop price was reached begin to follow the price."""
        self.changes += 1
        order.extreme, order.trailing_ms, order.updated_ms = price, at_ms, at_ms

    def _trigger(self, order: Order, last: Decimal, at_ms: int) -> None:
        self.changes += 1
        order.working_ms = order.updated_ms = at_ms
        self._decide_list(order, at_ms)
        self.events.accepted(order, at_ms)
        if order.kind.has_limit:
            self._release_surplus(order)
            self._take_up_to_limit(order, last, at_ms)
        else:
            fills = self._fills(order, last, at_ms)
            if order.is_buy:
                fills = self._affordable(order, fills)
            self._execute(order, fills, at_ms)
            if order.status.is_open:
                self._end(order, Status.EXPIRED, at_ms)
        self.events.settled(self._accounts, at_ms)

    def _affordable(self, order: Order, fills: list[Level]) -> list[Level]:
        """Lock what a triggered purchase really costs, and cut it to what the account has free."""
        self._accounts.release(order.quote, order.locked)
        order.locked = ZERO
        step = self._view.coins[order.symbol].step
        kept = affordable(fills, self._accounts.of(order.quote).free, step)
        self._lock(order, cost(kept))
        return kept

    def _would_match(self, order: Order, last: Decimal, now_ms: int) -> bool:
        other = Side.SELL if order.is_buy else Side.BUY
        own = next(self.book.crossing(order.symbol, other, order.price), None)
        return own is not None or bool(self._fills(order, last, now_ms))

    def _fills(self, order: Order, last: Decimal, at_ms: int) -> list[Level]:
        step = self._view.coins[order.symbol].step
        return self.taking.fills(order, step=step, last=last, at_ms=at_ms)

    def _execute(self, order: Order, fills: list[Level], at_ms: int) -> None:
        for level in fills:
            self._expire_own(order, level.price, at_ms)
            self.taking.take(order, level, at_ms)
            self._fill(order, level, at_ms, is_maker=False)

    def _expire_own(self, taker: Order, price: Decimal, at_ms: int) -> None:
        """End the account's own orders that a taker would meet up to a price (rule 2)."""
        other = Side.SELL if taker.is_buy else Side.BUY
        for own in list(self.book.crossing(taker.symbol, other, price)):
            self._end(own, Status.EXPIRED_IN_MATCH, at_ms)

    def _fill(self, order: Order, level: Level, at_ms: int, *, is_maker: bool) -> None:
        self.changes += 1
        self._decide_list(order, at_ms)
        price, quantity = level
        worth = price * quantity
        given, gained = (worth, quantity) if order.is_buy else (quantity, worth)
        gains = order.base if order.is_buy else order.quote
        fee = (gained * self._fee_rate).quantize(_UNIT, rounding=ROUND_DOWN)
        self._accounts.pay(order.gives, given)
        order.locked -= given
        self._accounts.receive(gains, gained, fee=fee)
        order.executed += quantity
        order.executed_quote += worth
        order.updated_ms = at_ms
        trade = Trade(
            trade_id=self._ledger.next_trade_id(),
            order_id=order.order_id,
            list_id=order.list_id,
            symbol=order.symbol,
            price=price,
            quantity=quantity,
            quote_quantity=worth,
            fee=fee,
            fee_asset=gains,
            executed_ms=at_ms,
            is_buyer=order.is_buy,
            is_maker=is_maker,
        )
        self._ledger.add_trade(trade)
        order.status = Status.PARTIALLY_FILLED if order.remaining else Status.FILLED
        self.events.filled(order, trade, at_ms)
        if order.remaining:
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

    def _end(self, order: Order, status: Status, at_ms: int, cancel_id: str | None = None) -> None:
        self.changes += 1
        order.status, order.updated_ms = status, at_ms
        self._accounts.release(order.gives, order.locked)
        order.locked = ZERO
        self.book.remove(order)
        if status is not Status.FILLED:
            self.events.ended(order, at_ms, cancel_id)
        order_list = self._ledger.lists.get(order.list_id)
        if order_list is None or order_list.is_done:
            return
        for other in self._others(order):
            if other.status.is_open:
                self._end(other, status, at_ms, cancel_id)
        if not order_list.is_done:
            order_list.is_done, order_list.updated_ms = True, at_ms
            self.events.listed(order_list, self._ledger.orders_in(order_list))

    def _decide_list(self, order: Order, at_ms: int) -> None:
        """Let the first order of a list that trades or triggers take over, and end the other (rule 8)."""
        for other in self._others(order):
            if other.status.is_open:
                order.locked, other.locked = order.locked + other.locked, ZERO
                other.status, other.updated_ms = Status.EXPIRED, at_ms
                self.book.remove(other)
                self.events.ended(other, at_ms, None)

    def _others(self, order: Order) -> list[Order]:
        order_list = self._ledger.lists.get(order.list_id)
        if order_list is None:
            return []
        return [other for other in self._ledger.orders_in(order_list) if other is not order]

    def _next_met(self, symbol: str, start: Decimal, end: Decimal, passed: set[int]) -> Order | None:
        """Return the open order that the path from `start` to `end` meets first."""
        tick, low, high = self._view.coins[symbol].tick, min(start, end), max(start, end)
        met = [
            order
            for order in self.book.open_orders(symbol)
            if order.order_id not in passed and meeting.meets(order, tick, low, high)
        ]
        return min(
            met, key=lambda o: (abs(meeting.meeting_price(o, tick, start) - start), priority(o)), default=None
        )
