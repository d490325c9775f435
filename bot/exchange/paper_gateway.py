"""Paper trading: real public data, own fills, own ledger; no order leaves the process.

1. The data come from any `MarketData`; only its reading methods are ever called.
2. A market order, and a limit order that the book can serve at once, take from the live order book
   level by level. A resting limit order fills in full, at its own price, when the ticker crosses it; a
   stop triggers on the last price and then takes from the book. Both are looked at on every read.
3. Refusals follow the market's own filters and carry the same reasons as the exchange's.
4. The ledger is saved before an outcome is told. When the data source does not answer, a submit is
   `Unknown` and a look-up finds nothing, as with a request that never arrived.
"""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from bot.exchange import paper_ledger as ledgers
from bot.exchange import paper_matching as matching
from bot.exchange.gateway import Capabilities, MarketData
from bot.exchange.paper_ledger import PaperLedger, PaperLedgerStore, PaperOrder
from bot.execution.orders import (
    Accepted,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Submission,
    Unknown,
)
from bot.holdings.wallet import AccountRights, WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError, ExchangeRefusedError
from bot.kernel.market import BookLevel, Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.kernel.money import plain
from bot.risk.verdict import Approved

_BOOK_DEPTH = 1_000


class MarketDataSource(MarketData, Protocol):
    """Public data whose connections can be released."""

    def close(self) -> None:
        """Release connections."""
        ...


class PaperGateway:
    """`Gateway` with paper fills; the contract stands in `bot/exchange/gateway.py`."""

    def __init__(
        self,
        market: MarketDataSource,
        store: PaperLedgerStore,
        clock: Clock,
        *,
        opening: Mapping[str, Decimal],
        fee_bps: Decimal = Decimal(10),
    ) -> None:
        """Open the account.

        Args:
            market: Where public data come from.
            store: Keeps the ledger.
            clock: Dates balances; orders and trades carry the market's time, as at an exchange.
            opening: Holdings of a new account; not used when the store has one.
            fee_bps: Taken from what each fill receives, in hundredths of a percent.
        """
        self._market = market
        self._store = store
        self._clock = clock
        self._fee_bps = fee_bps
        # One reader at a time may change the ledger.
        self._lock = threading.RLock()
        kept = store.load()
        if kept is None:
            kept = PaperLedger(holdings={asset: plain(quantity) for asset, quantity in opening.items()})
            store.save(kept)
        self._ledger = kept

    @property
    def capabilities(self) -> Capabilities:
        """Return what the source can do; the money is paper."""
        source = self._market.capabilities
        return msgspec.structs.replace(
            source, name=f"Paper on {source.name}", resting_stop=True, real_money=False
        )

    # ---- public data: the source's ----------------------------------------------------------------

    def server_time(self) -> dt.datetime:
        """Return the source's wall time."""
        return self._market.server_time()

    def markets(self) -> Mapping[str, MarketRules]:
        """Return the source's markets."""
        return self._market.markets()

    def ticker(self, symbol: str) -> Ticker:
        """Return the source's ticker."""
        return self._market.ticker(symbol)

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return the source's tickers."""
        return self._market.tickers(symbols)

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        """Return the source's order book; paper orders are not in it."""
        return self._market.order_book(symbol, depth=depth)

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        """Return the source's candles."""
        return self._market.candles(symbol, timeframe, limit=limit)

    # ---- the account ------------------------------------------------------------------------------

    def wallet(self) -> WalletSnapshot:
        """Return the paper balances now."""
        with self._lock:
            self._follow_market()
            return ledgers.snapshot(self._ledger, observed_at=self._clock.now())

    def account_rights(self) -> AccountRights:
        """Return the paper account's rights: there is nothing to withdraw."""
        return AccountRights(can_trade=True, can_withdraw=False)

    def own_trades(self, symbol: str, *, since: dt.datetime | None = None) -> tuple[OwnTrade, ...]:
        """Return the paper fills in a market, oldest first."""
        with self._lock:
            self._require_market(symbol)
            self._follow_market(symbol)
            return tuple(
                trade
                for trade in self._ledger.trades
                if trade.symbol == symbol and (since is None or trade.executed_at >= since)
            )

    # ---- orders -----------------------------------------------------------------------------------

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        """Take an order as the exchange would: refuse it by the filters, fill it, or let it rest."""
        request = approved.order
        with self._lock:
            try:
                rules = self._market.markets().get(request.symbol)
                if rules is None:
                    return matching.rejected(
                        request, "unknown_symbol", f"there is no market {request.symbol}"
                    )
                return matching.early_refusal(request, rules) or self._take_or_refuse(request, rules)
            except ExchangeError as error:
                return Unknown(client_order_id=request.client_order_id, text=str(error))

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Return the newest order under that client id, or None."""
        with self._lock:
            self._require_market(symbol)
            self._follow_market(symbol)
            order = self._newest(symbol, client_order_id)
            return None if order is None else self._ledger.report_of(order)

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        """Return resting orders, of one market or of all."""
        with self._lock:
            if symbol is not None:
                self._require_market(symbol)
            self._follow_market(symbol)
            return tuple(
                order.report
                for order in self._ledger.open_orders
                if symbol is None or order.request.symbol == symbol
            )

    def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Cancel an order; an order that ended before is reported as it ended."""
        with self._lock:
            self._require_market(symbol)
            self._follow_market(symbol)
            order = self._newest(symbol, client_order_id)
            if order is None:
                return None
            if not order.status.is_final:
                order = self._ended(order, OrderStatus.CANCELLED)
            return self._ledger.report_of(order)

    def close(self) -> None:
        """Release the source's connections."""
        self._market.close()

    # ---- inside -----------------------------------------------------------------------------------

    def _take_or_refuse(self, request: OrderRequest, rules: MarketRules) -> Submission:
        self._follow_market(request.symbol)
        ticker = self._market.ticker(request.symbol)
        book = self._market.order_book(request.symbol, depth=_BOOK_DEPTH)
        refused = matching.refusal(request, rules=rules, ledger=self._ledger, ticker=ticker, book=book)
        if refused is not None:
            return refused
        now = ticker.observed_at
        ledger, order = ledgers.with_order(self._ledger, request, now)
        if request.stop_price is None:
            fills = self._taken(order, book)
            ledger, order = ledgers.filled(ledger, order, fills, fee_bps=self._fee_bps, now=now)
        never_rests = request.order_type is OrderType.MARKET or request.immediate
        if never_rests and not order.status.is_final:
            order = msgspec.structs.replace(order, status=OrderStatus.EXPIRED)
            ledger = ledgers.replaced(ledger, order)
        self._keep(ledger)
        return Accepted(report=ledger.report_of(order))

    def _follow_market(self, symbol: str | None = None) -> None:
        """Trigger stops and fill resting orders that the market reached since the last look."""
        waiting = [
            order for order in self._ledger.open_orders if symbol is None or order.request.symbol == symbol
        ]
        tickers = {name: self._market.ticker(name) for name in {order.request.symbol for order in waiting}}
        for order in waiting:
            ticker = tickers[order.request.symbol]
            if matching.triggers(order, ticker):
                book = self._market.order_book(order.request.symbol, depth=_BOOK_DEPTH)
                live = msgspec.structs.replace(order, triggered=True, updated_at=ticker.observed_at)
                self._fill(live, self._taken(live, book), ticker)
            elif matching.crosses(order, ticker):
                self._fill(order, matching.in_full(order), ticker)

    def _fill(self, order: PaperOrder, fills: tuple[BookLevel, ...], ticker: Ticker) -> None:
        ledger, _ = ledgers.filled(self._ledger, order, fills, fee_bps=self._fee_bps, now=ticker.observed_at)
        self._keep(ledger)

    def _taken(self, order: PaperOrder, book: OrderBook) -> tuple[BookLevel, ...]:
        side = order.request.side
        return matching.walk(
            matching.opposite(book, side), order.remaining, side=side, limit=order.request.limit_price
        )

    def _ended(self, order: PaperOrder, status: OrderStatus) -> PaperOrder:
        ended = msgspec.structs.replace(order, status=status, updated_at=self._clock.now())
        self._keep(ledgers.replaced(self._ledger, ended))
        return ended

    def _newest(self, symbol: str, client_order_id: str) -> PaperOrder | None:
        found = (
            order
            for order in reversed(self._ledger.orders)
            if order.request.symbol == symbol and order.request.client_order_id == client_order_id
        )
        return next(found, None)

    def _require_market(self, symbol: str) -> None:
        if symbol not in self._market.markets():
            raise ExchangeRefusedError(
                f"The exchange has no market {symbol}.",
                why="the symbol is not in its list",
                code="market_unavailable",
            )

    def _keep(self, ledger: PaperLedger) -> None:
        """Save first: what could not be kept is not used."""
        self._store.save(ledger)
        self._ledger = ledger
