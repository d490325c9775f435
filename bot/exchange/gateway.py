"""The protocols through which everything else sees an exchange.

Contract, for every implementation (one suite proves it: `tests/contract/gateway_contract.py`):

1. Money is `Decimal` both ways, exact; times are aware UTC.
2. Reads raise `ExchangeUnavailableError` (no answer, rate limit, maintenance: try later),
   `ExchangeRefusedError` (keys, clock, symbol: an operator must act) or `ExchangeAnswerError` (an
   answer that cannot be right). No other error leaves, and no client library's type.
3. `submit` never raises for what the exchange did: it ends as `Accepted`, `Rejected` or `Unknown`.
   It is never retried inside.
4. A balance that was not told is unknown, never zero.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from bot.execution.orders import OrderReport, OrderRequest, Submission
from bot.holdings.wallet import AccountRights, WalletSnapshot
from bot.kernel.market import Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.risk.verdict import Approved


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange can do, as data instead of `if name == ...`."""

    name: str
    """Shown to people, for example `Binance testnet`."""
    quote: str
    timeframes: tuple[str, ...]
    resting_stop: bool
    """Whether a stop order can rest at the exchange."""
    real_money: bool
    streams: bool = False
    """Whether it tells prices and orders as they happen (`streams`); else it is polled."""


class MarketData(Protocol):
    """Public facts about markets; holding only this, nobody can trade or see the account."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what this exchange can do."""
        ...

    def server_time(self) -> dt.datetime:
        """Return the exchange's wall time (for clock skew, not market time)."""
        ...

    def markets(self) -> Mapping[str, MarketRules]:
        """Return every spot market by unified symbol (`SOL/USDT`); fetched once, then kept."""
        ...

    def ticker(self, symbol: str) -> Ticker:
        """Return last, bid, ask and 24 h quote volume; `observed_at` is market time."""
        ...

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return tickers in one request; a symbol that the exchange does not know is absent."""
        ...

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        """Return the best `depth` levels of each side."""
        ...

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        """Return the newest `limit` candles, oldest first, the running one last and included.

        Pages through the exchange's own limit; gaps stay gaps.
        """
        ...


class BalanceProvider(Protocol):
    """The account's balances, read-only: whoever holds only this cannot trade."""

    def wallet(self) -> WalletSnapshot:
        """Fetch all balances now."""
        ...

    def account_rights(self) -> AccountRights:
        """Return what the exchange lets this account do; the bot needs trading, and never withdrawing."""
        ...


class TradeHistory(Protocol):
    """The account's own fills, read-only."""

    def own_trades(self, symbol: str, *, since: dt.datetime | None = None) -> tuple[OwnTrade, ...]:
        """Return the account's fills in a market, oldest first, all pages."""
        ...


class OrderGateway(Protocol):
    """Sends and follows orders."""

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        """Send an order that passed every gate, once.

        `Rejected` means that it surely does not exist; anything less sure is `Unknown`.
        """
        ...

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Return the order under that client id, or None if the exchange says it has none.

        Fees are filled in from the order's trades where the exchange tells them.
        """
        ...

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        """Return resting orders, of one market or of all."""
        ...

    def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Cancel an order; returns its last state, or None if there was nothing to cancel."""
        ...


class Gateway(MarketData, BalanceProvider, TradeHistory, OrderGateway, Protocol):
    """All of one exchange account."""

    def close(self) -> None:
        """Release connections; further calls are an error."""
        ...
