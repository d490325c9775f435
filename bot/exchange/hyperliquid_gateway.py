"""The gateway to Hyperliquid's spot testnet; the contract stands in `bot/exchange/gateway.py`.

1. ccxt signs, paces and sends; the actions' texts and the answers' fields are ours, so that no quantity is
   rounded on the way and no number passes a float.
2. `submit` sends at most one request that can create an order. Before it, the exchange is asked for the
   client id: an order that stands under it, or stood, is never sent a second time.
3. What an order did is told by its fills alone; an answer without them is not booked but looked up.
4. No stop order rests here: the exchange's protection of spot orders is not known well enough.
"""

import datetime as dt

import msgspec

from bot.exchange import hyperliquid_account_mapping as account
from bot.exchange import hyperliquid_rules as rules
from bot.exchange.error_taxonomy import Category
from bot.exchange.hyperliquid_account_mapping import OrderFacts
from bot.exchange.hyperliquid_calls import HyperliquidCalls
from bot.exchange.hyperliquid_client import (
    HyperliquidClient,
    WalletKeys,
    build_hyperliquid_client,
    signer_of,
)
from bot.exchange.hyperliquid_errors import (
    CallFailedError,
    categorised,
    explain,
    first_status,
    read_error,
    refusal_in,
    refused_action,
    refused_order,
)
from bot.exchange.hyperliquid_markets import NO_MARKET, HyperliquidMarkets
from bot.exchange.hyperliquid_rules import SpotMarket
from bot.exchange.order_shape import shape_problem
from bot.execution.orders import (
    Accepted,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Rejected,
    Submission,
    Unknown,
)
from bot.holdings.wallet import AccountRights, WalletSnapshot
from bot.kernel.clock import Clock, to_millis
from bot.kernel.errors import ExchangeAnswerError, ExchangeError, ExchangeUnavailableError
from bot.kernel.market import OwnTrade
from bot.risk.verdict import Approved

_FILL_PAGE = 500
_MAX_PAGES = 1_000
_FILLS_SETTLE = dt.timedelta(seconds=30)
"""So long the fills of an order may come later than the order's own figures."""
_BEFORE = dt.timedelta(seconds=1)


class HyperliquidGateway(HyperliquidMarkets):
    """`Gateway` over one client of Hyperliquid's."""

    def __init__(
        self, client: HyperliquidClient, clock: Clock, *, name: str, quote: str, send_within_s: float
    ) -> None:
        super().__init__(HyperliquidCalls(client), clock, name=name, quote=quote)
        self._client = client
        self._send_within_s = send_within_s
        self._sent: dict[str, str] = {}

    # ---- the account ------------------------------------------------------------------------------

    def wallet(self) -> WalletSnapshot:
        """Fetch all spot balances now."""
        what = "The balances could not be read."
        answer = self._calls.info(what, "spotClearinghouseState", user=self._calls.user(what))
        return account.wallet(answer, observed_at=self._clock.now())

    def account_rights(self) -> AccountRights:
        """Return what the key may do, by the role of its address."""
        what = "The account's rights could not be read."
        owner, signer = self._calls.user(what), signer_of(self._client)
        answer = self._calls.info(what, "userRole", user=signer)
        return account.rights(answer, wallet_address=owner, signer=signer)

    def own_trades(self, symbol: str, *, since: dt.datetime | None = None) -> tuple[OwnTrade, ...]:
        """Return the account's fills in a market, oldest first; the exchange keeps the newest 10,000."""
        market = self._market(symbol)
        trades = self._trades(market, dt.datetime.fromtimestamp(0, dt.UTC) if since is None else since)
        return tuple(trade for trade in trades if since is None or trade.executed_at >= since)

    # ---- orders -----------------------------------------------------------------------------------

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        """Send an approved order once; see the contract for the three outcomes."""
        order = approved.order
        name = order.client_order_id
        try:
            prepared = self._prepared(order)
        except ExchangeError as error:
            if error.code == NO_MARKET:
                return Rejected(client_order_id=name, reason="unknown_symbol", text=str(error))
            # Nothing was sent, but what the exchange holds under this id is not known either.
            return Unknown(client_order_id=name, text=str(error))
        return self._send(order, prepared) if isinstance(prepared, dict) else prepared

    def find_order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Return the order under that client id with its fees, or None if the exchange has none."""
        found = self._order_facts(symbol, client_order_id)
        if found is None:
            return None
        self._sent[rules.cloid_of(client_order_id)] = client_order_id
        return self._report(found, self._market(symbol))

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        """Return resting orders, of one market or of all spot markets."""
        what = "The open orders could not be read."
        by_coin = {market.coin: market for market in self._known_markets().values()}
        wanted = None if symbol is None else self._market(symbol).coin
        answer = self._calls.info(what, "frontendOpenOrders", user=self._calls.user(what))
        return tuple(
            self._report(order, by_coin[order.coin])
            for order in account.open_orders(answer)
            if order.coin in by_coin and wanted in {None, order.coin}
        )

    def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Cancel an order; an order that ended before is reported as it ended."""
        market = self._market(symbol)
        what = f"The order {client_order_id} in {symbol} could not be cancelled."
        action = rules.cancel_action(client_order_id, market)
        refused = self._cancelled(what, action)
        if refused is not None and categorised(refused)[0] is Category.CLOCK_SKEW:
            refused = self._cancelled(what, action)
        if refused is not None:
            raise refused_action(what, refused)
        return self.find_order(symbol, client_order_id)

    def close(self) -> None:
        """Release the connections."""
        self._calls.close()

    # ---- inside -----------------------------------------------------------------------------------

    def _prepared(self, order: OrderRequest) -> dict[str, object] | Rejected | Unknown:
        """Return the action that places the order, or how it ended before anything was sent."""
        name, began = order.client_order_id, self._clock.monotonic()
        problem = shape_problem(order)
        if problem is not None:
            return Rejected(client_order_id=name, reason="order_malformed", text=problem)
        market = self._market(order.symbol)
        refused = rules.refusal(order, market)
        if refused is not None:
            return refused
        standing = self._order_facts(order.symbol, name)
        if standing is not None:
            return Unknown(client_order_id=name, text=f"an order stands under this id: {standing.status}")
        bound = order.limit_price or rules.protected_price(order.side, self._book(market), market)
        if bound is None:
            return Rejected(client_order_id=name, reason="no_liquidity", text="the other side is empty")
        self._calls.measure_clock()
        if self._clock.monotonic() - began > self._send_within_s:
            return Unknown(client_order_id=name, text="the preparation took too long: nothing was sent")
        return rules.order_action(order, market, bound)

    def _cancelled(self, what: str, action: dict[str, object]) -> str | None:
        """Send a cancellation; return the words that refuse the whole of it, or None."""
        self._calls.measure_clock()
        try:
            refused = refusal_in(self._calls.act(action))
        except CallFailedError as error:
            raise read_error(what, error.failure) from error.__cause__
        if refused is not None:
            self._calls.distrust_clock()
        return refused

    def _send(self, order: OrderRequest, action: dict[str, object]) -> Submission:
        name = order.client_order_id
        self._sent[rules.cloid_of(name)] = name
        try:
            answer = self._calls.act(action)
        except CallFailedError as error:
            return Unknown(client_order_id=name, text=explain(error.failure))
        refused = refusal_in(answer)
        if refused is not None:
            self._calls.distrust_clock()
            return refused_order(name, refused)
        status = first_status(answer)
        if isinstance(status, dict) and isinstance(status.get("error"), str):
            return refused_order(name, status["error"])
        return self._sent_and_told(order, account.told_order_id(status))

    def _sent_and_told(self, order: OrderRequest, order_id: str | None) -> Submission:
        """Look up what was taken: the answer's own average price is rounded, the fills are exact."""
        name = order.client_order_id
        try:
            report = self.find_order(order.symbol, name)
        except ExchangeError as error:
            return Unknown(client_order_id=name, text=str(error))
        if report is None:
            return Unknown(
                client_order_id=name, text="the exchange answered, and does not know the order yet"
            )
        same_order = order_id in {None, report.exchange_order_id}
        if not same_order or report.side is not order.side or report.quantity != order.quantity:
            words = f"the exchange tells of another order: {report.side} {report.quantity}"
            return Unknown(client_order_id=name, text=words)
        if report.status is OrderStatus.REJECTED:
            return Rejected(client_order_id=name, reason="order_rejected", text="status rejected")
        return Accepted(report=report)

    def _order_facts(self, symbol: str, client_order_id: str) -> OrderFacts | None:
        market, cloid = self._market(symbol), rules.cloid_of(client_order_id)
        what = f"The order {client_order_id} in {symbol} could not be looked up."
        answer = self._calls.info(what, "orderStatus", user=self._calls.user(what), oid=cloid)
        found = account.order_status(answer)
        if found is not None and (found.cloid, found.coin) != (cloid, market.coin):
            raise ExchangeAnswerError(what, why=f"found the order {found.cloid} in {found.coin}")
        return found

    def _report(self, order: OrderFacts, market: SpotMarket) -> OrderReport:
        """Return an order with its fills; while these are not told in full, it is looked up later."""
        trades: tuple[OwnTrade, ...] = ()
        if order.filled_at_least or not (order.is_live or order.is_rejected):
            trades = self._trades(market, order.placed_at - _BEFORE)
        report = account.order_report(order, trades, market)
        is_short = report.filled_quantity < order.filled_at_least
        if is_short and abs(self._clock.now() - order.updated_at) < _FILLS_SETTLE:
            raise ExchangeUnavailableError(
                f"The fills of the order {report.client_order_id} are not told in full yet.",
                why=f"found {report.filled_quantity} of {order.filled_at_least}",
            )
        own_name = self._sent.get(order.cloid or "", report.client_order_id)
        return msgspec.structs.replace(report, client_order_id=own_name)

    def _trades(self, market: SpotMarket, since: dt.datetime) -> tuple[OwnTrade, ...]:
        what = f"The own trades in {market.symbol} could not be read."
        user, start_ms = self._calls.user(what), to_millis(since)
        found: dict[tuple[str, str], tuple[str, OwnTrade]] = {}
        for _ in range(_MAX_PAGES):
            answer = self._calls.info(what, "userFillsByTime", user=user, startTime=start_ms)
            page = account.fills(answer)
            new = {(trade.trade_id, trade.order_id): (coin, trade) for coin, trade in page}
            if new.keys() <= found.keys():
                break
            found |= new
            start_ms = to_millis(page[-1][1].executed_at)
            if len(page) < _FILL_PAGE:
                break
        pairs = sorted(found.values(), key=lambda pair: int(pair[1].trade_id))
        return account.in_market(pairs, market)


def open_hyperliquid_gateway(
    *,
    clock: Clock,
    keys: WalletKeys | None,
    rest_url: str | None = None,
    timeout_s: float = 10.0,
    quote: str = "USDC",
) -> HyperliquidGateway:
    """Build the gateway to the testnet; nothing is sent yet.

    Args:
        clock: Gives the time of answers that carry none.
        keys: The account and the key that signs; None for public data only.
        rest_url: A counterpart on loopback; None is Hyperliquid's testnet.
        timeout_s: How long one request may take, and the preparation of an order.
        quote: The coin that prices are in.

    Raises:
        BotError: `host_not_allowed` for an address outside of loopback.
    """
    client = build_hyperliquid_client(keys=keys, rest_url=rest_url, timeout_s=timeout_s)
    name = "Hyperliquid testnet" if rest_url is None else "Hyperliquid counterpart"
    return HyperliquidGateway(client, clock, name=name, quote=quote, send_within_s=timeout_s)
