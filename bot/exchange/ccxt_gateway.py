"""The gateway through ccxt: Binance Spot's testnet, or the exchange in a box, by configuration alone.

1. ccxt signs, paces and sends; the request's texts and the answer's fields are ours, so that no
   quantity is rounded on the way and no number passes a float.
2. A client order id is always the intent's own, and a market order never carries a price: ccxt would
   turn it into an order by cost.
3. `submit` sends at most one request that can create an order, whatever happens.
4. Nothing is retried here but a signed read after a wrong clock (`ccxt_calls`).
"""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence

import msgspec

from bot.exchange import ccxt_account_mapping as account
from bot.exchange import ccxt_mapping as mapping
from bot.exchange.ccxt_calls import CallFailedError, CcxtCalls
from bot.exchange.ccxt_client import CheckedBinance, build_client
from bot.exchange.ccxt_errors import read_error, submit_outcome
from bot.exchange.error_taxonomy import POLICIES, Category, OnCancel
from bot.exchange.gateway import Capabilities
from bot.exchange.hosts import policy_for
from bot.exchange.order_shape import shape_problem
from bot.execution.orders import (
    Accepted,
    Fee,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Rejected,
    Submission,
    Unknown,
)
from bot.holdings.wallet import AccountRights, WalletSnapshot
from bot.kernel.clock import Clock, to_millis
from bot.kernel.errors import ExchangeAnswerError, ExchangeError, ExchangeRefusedError
from bot.kernel.market import TIMEFRAME_SECONDS, Candle, MarketRules, OrderBook, OwnTrade, Ticker
from bot.kernel.money import ZERO, text
from bot.risk.verdict import Approved

NO_MARKET = "market_unavailable"
_PAGE = 1_000
_MAX_PAGES = 1_000
_MAX_DEPTH = 5_000
_TYPE = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_LOSS_LIMIT: "STOP_LOSS_LIMIT",
}


class CcxtGateway:
    """`Gateway` over one ccxt client; the contract stands in `bot/exchange/gateway.py`."""

    def __init__(self, client: CheckedBinance, clock: Clock, *, name: str, quote: str = "USDT") -> None:
        self._client = client
        self._clock = clock
        self._capabilities = Capabilities(
            name=name,
            quote=quote,
            timeframes=tuple(TIMEFRAME_SECONDS),
            resting_stop=True,
            real_money=False,
            streams=True,
        )
        self._markets: dict[str, tuple[str, MarketRules]] | None = None
        self._calls = CcxtCalls(client)
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """Return what this exchange can do."""
        return self._capabilities

    # ---- public data ------------------------------------------------------------------------------

    def server_time(self) -> dt.datetime:
        """Return the exchange's wall time."""
        return mapping.server_time(
            self._calls.read("The exchange's time could not be read.", self._client.public_get_time)
        )

    def markets(self) -> Mapping[str, MarketRules]:
        """Return every spot market; asked once, then kept."""
        return {symbol: rules for symbol, (_, rules) in self._known_markets().items()}

    def market_ids(self) -> Mapping[str, str]:
        """Return the exchange's own name of every market (kept), for whoever subscribes to its streams."""
        return {symbol: market_id for symbol, (market_id, _) in self._known_markets().items()}

    def clock_ahead_ms(self) -> int:
        """Measure how far this machine's clock is ahead of the exchange's, for what is signed elsewhere."""
        return self._calls.clock_ahead_ms()

    def ticker(self, symbol: str) -> Ticker:
        """Return last, bid, ask and volume of one market."""
        market_id = self._id_of(symbol)
        what = f"The ticker of {symbol} could not be read."
        answer = self._calls.read(what, self._client.public_get_ticker_24hr, {"symbol": market_id})
        return mapping.ticker(answer, symbol=symbol, market_id=market_id)

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return tickers in one request; unknown markets and markets without prices are absent."""
        known = self._known_markets()
        by_id = {known[symbol][0]: symbol for symbol in symbols if symbol in known}
        if not by_id:
            return {}
        wanted = msgspec.json.encode(list(by_id)).decode()
        answer = self._calls.read(
            "The tickers could not be read.", self._client.public_get_ticker_24hr, {"symbols": wanted}
        )
        return mapping.tickers(answer, symbols_by_id=by_id)

    def order_book(self, symbol: str, *, depth: int = 100) -> OrderBook:
        """Return the best levels of each side, observed when the answer came."""
        limit = max(1, min(depth, _MAX_DEPTH))
        what = f"The order book of {symbol} could not be read."
        answer = self._calls.read(
            what, self._client.public_get_depth, {"symbol": self._id_of(symbol), "limit": limit}
        )
        return mapping.order_book(answer, symbol=symbol, observed_at=self._clock.now())

    def candles(self, symbol: str, timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        """Return the newest candles, oldest first, paging backwards from the running one."""
        if timeframe not in TIMEFRAME_SECONDS:
            raise ExchangeRefusedError(
                f"There are no {timeframe!r} candles.", why=f"expected one of {', '.join(TIMEFRAME_SECONDS)}"
            )
        request: dict[str, object] = {"symbol": self._id_of(symbol), "interval": timeframe}
        bars: tuple[Candle, ...] = ()
        while len(bars) < limit:
            wanted = min(limit - len(bars), _PAGE)
            what = f"The {timeframe} candles of {symbol} could not be read."
            answer = self._calls.read(what, self._client.public_get_klines, {**request, "limit": wanted})
            page = mapping.candles(answer, symbol=symbol)
            if page and bars and page[-1].opened_at >= bars[0].opened_at:
                raise ExchangeAnswerError(what, why="a page of candles overlaps the one after it")
            bars = page + bars
            if len(page) < wanted:
                break
            request["endTime"] = to_millis(bars[0].opened_at) - 1
        return bars[-limit:] if limit > 0 else ()

    # ---- the account ------------------------------------------------------------------------------

    def wallet(self) -> WalletSnapshot:
        """Fetch all balances now."""
        answer = self._calls.read_signed("The balances could not be read.", self._client.private_get_account)
        return account.wallet(answer, observed_at=self._clock.now())

    def account_rights(self) -> AccountRights:
        """Return what the account may do, as the flags of `GET account` tell."""
        what = "The account's rights could not be read."
        return account.rights(self._calls.read_signed(what, self._client.private_get_account))

    def own_trades(self, symbol: str, *, since: dt.datetime | None = None) -> tuple[OwnTrade, ...]:
        """Return the account's fills in a market, oldest first, all pages."""
        market_id = self._id_of(symbol)
        place: dict[str, object] = {"fromId": 0} if since is None else {"startTime": to_millis(since)}
        trades: list[OwnTrade] = []
        what = f"The own trades in {symbol} could not be read."
        for _ in range(_MAX_PAGES):
            answer = self._calls.read_signed(
                what, self._client.private_get_mytrades, {"symbol": market_id, "limit": _PAGE, **place}
            )
            page = account.own_trades(answer, symbol=symbol, market_id=market_id)
            if page and trades and int(page[0].trade_id) <= int(trades[-1].trade_id):
                raise ExchangeAnswerError(what, why="a page of trades overlaps the one before it")
            trades.extend(page)
            if len(page) < _PAGE:
                break
            place = {"fromId": int(trades[-1].trade_id) + 1}
        return tuple(trade for trade in trades if since is None or trade.executed_at >= since)

    # ---- orders -----------------------------------------------------------------------------------

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        """Send an approved order once; see the contract for the three outcomes."""
        order = approved.order
        problem = shape_problem(order)
        if problem is not None:
            return Rejected(client_order_id=order.client_order_id, reason="order_malformed", text=problem)
        try:
            market_id = self._id_of(order.symbol)
            self._calls.measure_clock()
        except ExchangeError as error:
            if error.code == NO_MARKET:
                return Rejected(
                    client_order_id=order.client_order_id, reason="unknown_symbol", text=str(error)
                )
            # Nothing was sent, but what the exchange holds under this id is not known either.
            return Unknown(client_order_id=order.client_order_id, text=str(error))
        try:
            answer = self._calls.once(self._client.private_post_order, _order_parameters(order, market_id))
        except CallFailedError as error:
            if error.failure.category is Category.CLOCK_SKEW:
                self._calls.distrust_clock()
            return submit_outcome(order.client_order_id, error.failure)
        return self._submitted(order, market_id, answer)

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Return the order under that client id with its fees, or None if the exchange has none."""
        market_id = self._id_of(symbol)
        what = f"The order {client_order_id} in {symbol} could not be looked up."
        try:
            answer = self._calls.repeatable(
                self._client.private_get_order, {"symbol": market_id, "origClientOrderId": client_order_id}
            )
        except CallFailedError as error:
            if error.failure.says_no_such_order:
                return None
            raise read_error(what, error.failure) from error.__cause__
        return self._with_fees(self._own_report(answer, symbol, market_id, client_order_id))

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        """Return resting orders, of one market or of all."""
        by_id = {market_id: name for name, (market_id, _) in self._known_markets().items()}
        request = {} if symbol is None else {"symbol": self._id_of(symbol)}
        answer = self._calls.read_signed(
            "The open orders could not be read.", self._client.private_get_openorders, request
        )
        return account.open_orders(answer, symbols_by_id=by_id)

    def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Cancel an order; an order that ended before is reported as it ended."""
        market_id = self._id_of(symbol)
        what = f"The order {client_order_id} in {symbol} could not be cancelled."
        try:
            answer = self._calls.repeatable(
                self._client.private_delete_order, {"symbol": market_id, "origClientOrderId": client_order_id}
            )
        except CallFailedError as error:
            if POLICIES[error.failure.category].cancel is OnCancel.LOOK_UP:
                return self.find_order(symbol, client_order_id)
            raise read_error(what, error.failure) from error.__cause__
        return self._with_fees(self._own_report(answer, symbol, market_id, client_order_id))

    def close(self) -> None:
        """Release the connections."""
        self._calls.close()

    # ---- inside -----------------------------------------------------------------------------------

    def _submitted(self, order: OrderRequest, market_id: str, answer: object) -> Submission:
        """Read the answer to an order that went through: unreadable means unknown, not failed.

        A refused order with fills is booked as accepted, whatever the status says: its coins are gone.
        """
        try:
            report = self._own_report(answer, order.symbol, market_id, order.client_order_id)
        except ExchangeAnswerError as error:
            return Unknown(client_order_id=order.client_order_id, text=str(error))
        if report.side is not order.side or report.quantity != order.quantity:
            words = f"the answer tells of another order: {report.side} {report.quantity}"
            return Unknown(client_order_id=order.client_order_id, text=words)
        if report.status is OrderStatus.REJECTED and not report.filled_quantity:
            return Rejected(
                client_order_id=order.client_order_id, reason="order_rejected", text="status REJECTED"
            )
        return Accepted(report=report)

    def _own_report(self, answer: object, symbol: str, market_id: str, client_order_id: str) -> OrderReport:
        report = account.order_report(answer, symbol=symbol, market_id=market_id)
        if report.client_order_id != client_order_id:
            raise ExchangeAnswerError(
                f"The exchange answered with another order in {symbol}.",
                why=f"found {report.client_order_id}, expected {client_order_id}",
            )
        return report

    def _with_fees(self, report: OrderReport) -> OrderReport:
        """Add the fees from the order's trades, once these account for every fill."""
        if not report.filled_quantity or report.fees or report.fills:
            return report
        market_id = self._id_of(report.symbol)
        answer = self._calls.read_signed(
            f"The trades of the order {report.client_order_id} could not be read.",
            self._client.private_get_mytrades,
            {"symbol": market_id, "orderId": report.exchange_order_id, "limit": _PAGE},
        )
        trades = account.own_trades(answer, symbol=report.symbol, market_id=market_id)
        if sum((trade.quantity for trade in trades), ZERO) != report.filled_quantity:
            return report
        fees = account.fees_of(Fee(asset=trade.fee_asset, amount=trade.fee) for trade in trades)
        return msgspec.structs.replace(report, fees=fees, fills=tuple(map(account.fill_of, trades)))

    def _known_markets(self) -> dict[str, tuple[str, MarketRules]]:
        with self._lock:
            if self._markets is None:
                answer = self._calls.read(
                    "The list of markets could not be read.", self._client.public_get_exchangeinfo
                )
                self._markets = mapping.markets(answer)
            return self._markets

    def _id_of(self, symbol: str) -> str:
        market = self._known_markets().get(symbol)
        if market is None:
            raise ExchangeRefusedError(
                f"The exchange has no market {symbol}.",
                why="the symbol is not in its list",
                code=NO_MARKET,
            )
        return market[0]


def _order_parameters(order: OrderRequest, market_id: str) -> dict[str, object]:
    parameters: dict[str, object] = {
        "symbol": market_id,
        "side": order.side.value.upper(),
        "type": _TYPE[order.order_type],
        "quantity": text(order.quantity),
        "newClientOrderId": order.client_order_id,
        "newOrderRespType": "FULL",
    }
    if order.limit_price is not None:
        parameters |= {"price": text(order.limit_price), "timeInForce": "IOC" if order.immediate else "GTC"}
    if order.stop_price is not None:
        parameters["stopPrice"] = text(order.stop_price)
    return parameters


def open_ccxt_gateway(
    *,
    environment: str,
    clock: Clock,
    api_key: str = "",
    secret: str = "",
    rest_url: str | None = None,
    ws_url: str | None = None,
    timeout_s: float = 10.0,
    data_source: str = "sandbox",
) -> CcxtGateway:
    """Build the gateway of an environment; nothing is sent yet.

    Args:
        environment: `sandbox` (needs `rest_url` on loopback), `testnet`, or `paper` for its public data.
        clock: Gives the time of answers that carry none.
        api_key: Empty for public data only.
        secret: Belongs to the key.
        rest_url: The box's address, ending in `/api/v3`; None is Binance's spot testnet.
        ws_url: The box's WebSocket origin.
        timeout_s: How long one request may take.
        data_source: For `paper`: `sandbox` or `testnet`.

    Raises:
        BotError: `environment_refused` for mainnet, `host_not_allowed` for a foreign address.
    """
    policy = policy_for(environment, data_source=data_source)
    client = build_client(
        policy=policy, api_key=api_key, secret=secret, rest_url=rest_url, ws_url=ws_url, timeout_s=timeout_s
    )
    name = "Binance testnet" if rest_url is None else "Exchange in a box"
    return CcxtGateway(client, clock, name=name)
