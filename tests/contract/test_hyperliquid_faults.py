"""Hyperliquid's gateway when its counterpart fails it, and the traps of that exchange."""

import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.exchange.hyperliquid_client import WalletKeys, wallet_keys
from bot.exchange.hyperliquid_gateway import HyperliquidGateway, open_hyperliquid_gateway
from bot.exchange.rate_limit import RateLimitedError
from bot.execution.orders import Accepted, OrderRequest, OrderStatus, OrderType, Rejected, Side, Unknown
from bot.holdings.wallet import AccountRights
from bot.kernel.errors import ExchangeAnswerError, ExchangeRefusedError, ExchangeUnavailableError
from bot.kernel.ids import client_order_id
from bot.risk.verdict import Approved
from tests.fakes.fake_clock import FakeClock
from tests.fakes.hyperliquid_exchange import (
    AGENT_KEY,
    OWNER,
    OWNER_KEY,
    Fault,
    HyperliquidExchange,
)
from tests.fakes.hyperliquid_ledger import FEE

NOW = dt.datetime(2026, 5, 1, 12, 0, 30, tzinfo=dt.UTC)
SYMBOL = "SOL/USDC"
HELD = {"SOL": Decimal(40), "ETH": Decimal(2), "USDC": Decimal(5_000)}
ID = client_order_id(lineage="l", asset="SOL", opened_by="1")
SELL = OrderRequest(
    client_order_id=ID, symbol=SYMBOL, side=Side.SELL, order_type=OrderType.MARKET, quantity=Decimal(2)
)


def approved(**changes: Any) -> Approved[OrderRequest]:
    return Approved(order=msgspec.structs.replace(SELL, **changes), gates=("test",))


def limit(price: str, **changes: Any) -> Approved[OrderRequest]:
    return approved(order_type=OrderType.LIMIT, limit_price=Decimal(price), **changes)


def open_gateway(exchange: HyperliquidExchange, keys: WalletKeys | None = None) -> HyperliquidGateway:
    keys = keys or wallet_keys(OWNER, AGENT_KEY)
    return open_hyperliquid_gateway(clock=FakeClock(NOW), keys=keys, rest_url=exchange.url, timeout_s=1)


@pytest.fixture
def exchange() -> Iterator[HyperliquidExchange]:
    ticks = itertools.count(int(NOW.timestamp() * 1_000), 7)
    with HyperliquidExchange(held=HELD, market_ms=lambda: next(ticks)) as running:
        yield running


@pytest.fixture
def gateway(exchange: HyperliquidExchange) -> Iterator[HyperliquidGateway]:
    opened = open_gateway(exchange)
    yield opened
    opened.close()


def sold(exchange: HyperliquidExchange) -> Decimal:
    return HELD["SOL"] - exchange.ledger.held["SOL"]


# ---- lost answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("order", executed=True),
        Fault("order", executed=True, status=504, body="gateway timeout"),
        Fault("order", executed=True, status=502, body="<html>bad gateway</html>"),
        Fault("order", executed=True, status=500, body="Insufficient spot balance"),
        Fault("order", executed=True, status=429, body="null", headers={"Retry-After": "3"}),
        Fault("order", executed=True, status=200, body='{"status": "ok", "resp'),
        Fault("order", executed=True, status=200, body=""),
        Fault("order", executed=True, status=200, body='{"status": "ok"}', delay_s=1.6),
    ],
)
def test_an_executed_order_whose_answer_was_lost_is_found_by_its_id_and_sold_once(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, fault: Fault
) -> None:
    exchange.faults.append(fault)
    outcome = gateway.submit(approved())
    if isinstance(outcome, Unknown):
        assert isinstance(gateway.submit(approved()), Unknown), "the same id is never sent a second time"
    else:  # an unreadable answer of status 200: looked up at once
        assert isinstance(outcome, Accepted)
    report = gateway.find_order(SYMBOL, ID)
    assert report is not None
    assert (report.status, report.client_order_id) == (OrderStatus.FILLED, ID)
    assert report.filled_quantity == 2
    assert exchange.actions == ["order"]
    assert sold(exchange) == 2


@pytest.mark.parametrize("status", [None, 503, 429])
def test_an_order_that_never_arrived_is_unknown_and_then_nowhere(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, status: int | None
) -> None:
    exchange.faults.append(Fault("order", status=status))
    assert isinstance(gateway.submit(approved()), Unknown)
    assert gateway.find_order(SYMBOL, ID) is None
    assert sold(exchange) == 0


def test_a_request_that_is_delayed_beyond_its_life_is_refused_by_the_exchange(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    """What was late can never arrive after it was believed lost."""
    assert gateway.find_order(SYMBOL, ID) is None
    gateway.cancel(SYMBOL, ID)  # the clock is measured by now
    exchange.wall_ahead_ms = 10_001
    assert isinstance(gateway.submit(approved()), Unknown)
    assert sold(exchange) == 0
    assert isinstance(gateway.submit(approved()), Accepted), "the clock was measured anew"


@pytest.mark.parametrize("off_ms", [-86_400_000, 40_000_000])
def test_a_machine_whose_clock_is_far_off_trades_all_the_same(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, off_ms: int
) -> None:
    exchange.wall_ahead_ms = off_ms
    assert isinstance(gateway.submit(approved()), Accepted)


@pytest.mark.parametrize("question", ["orderStatus", "l2Book", "exchangeStatus", "spotMetaAndAssetCtxs"])
def test_nothing_is_sent_when_the_preparation_fails(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, question: str
) -> None:
    exchange.faults.append(Fault(question, status=503))
    outcome = gateway.submit(approved())
    assert isinstance(outcome, Unknown)
    assert exchange.actions == []


def test_an_order_whose_fills_are_not_told_yet_is_unknown_and_exact_later(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    exchange.hidden_fills = 1
    assert isinstance(gateway.submit(approved(quantity=Decimal(20))), Unknown)
    with pytest.raises(ExchangeUnavailableError, match="not told in full"):
        gateway.find_order(SYMBOL, ID)
    exchange.hidden_fills = 0
    report = gateway.find_order(SYMBOL, ID)
    assert report is not None
    fills = exchange.ledger.fills
    assert len(fills) > 1
    assert report.filled_quote == sum(Decimal(f["px"]) * Decimal(f["sz"]) for f in fills)
    assert [fee.amount for fee in report.fees] == [report.filled_quote * FEE]


# ---- the exchange's ways ------------------------------------------------------------------------


def test_a_market_order_stops_at_its_bound_and_the_rest_expires(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    exchange.ledger.market(base="SOL").thin = True
    outcome = gateway.submit(approved(quantity=Decimal(30)))
    assert isinstance(outcome, Accepted)
    report = outcome.report
    (order,) = exchange.ledger.orders
    assert order.tif == "Ioc"
    assert order.price == Decimal("142.5"), "five percent below the best bid of 149.99, rounded up"
    assert report.status is OrderStatus.EXPIRED
    assert 0 < report.filled_quantity < report.quantity == 30
    assert sold(exchange) == report.filled_quantity
    assert gateway.open_orders() == ()
    assert gateway.wallet().free("SOL") == HELD["SOL"] - report.filled_quantity


def test_a_resting_order_is_partly_filled_known_by_its_own_id_and_cancelled(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    exchange.ledger.market(base="SOL").thin = True
    outcome = gateway.submit(limit("149.99", quantity=Decimal(30)))
    assert isinstance(outcome, Accepted)
    assert outcome.report.status is OrderStatus.PARTIALLY_FILLED
    later = open_gateway(exchange)  # a process that never sent it
    assert later.open_orders() == (outcome.report,)
    cancelled = later.cancel(SYMBOL, ID)
    assert cancelled is not None
    assert cancelled.status is OrderStatus.CANCELLED
    assert cancelled.filled_quantity == outcome.report.filled_quantity
    assert later.wallet().free("SOL") == HELD["SOL"] - cancelled.filled_quantity
    later.close()


def test_a_foreign_order_keeps_the_exchange_s_name(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    wire = {"a": 10_001, "b": False, "p": "160", "s": "1", "t": {"limit": {"tif": "Gtc"}}}
    exchange.ledger.place({**wire, "c": "0x" + "ab" * 16})
    bare = exchange.ledger.place(wire)
    assert [report.client_order_id for report in gateway.open_orders()] == ["0x" + "ab" * 16, str(bare.oid)]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (approved(quantity=Decimal("0.05")), "filter_notional"),
        (approved(quantity=Decimal("40.001")), "insufficient_balance"),
        (limit("1000.05"), "filter_price_filter"),
        (approved(symbol="SOL/USDT"), "unknown_symbol"),
    ],
)
def test_a_refusal_has_the_exchange_s_reason(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, order: Approved[OrderRequest], reason: str
) -> None:
    outcome = gateway.submit(order)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
    assert exchange.ledger.held == HELD


def test_an_order_that_matches_nobody_is_rejected_for_want_of_liquidity(
    gateway: HyperliquidGateway,
) -> None:
    outcome = gateway.submit(limit("160", immediate=True))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "no_liquidity"
    report = gateway.find_order(SYMBOL, ID)
    assert report is not None
    assert report.status is OrderStatus.REJECTED, "the exchange remembers what it refused"
    assert isinstance(gateway.submit(approved()), Unknown), "an id is used once"


def test_words_that_prove_nothing_are_unknown(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    for words in ("Something new happened.", "Invalid nonce."):
        exchange.faults.append(
            Fault(
                "order", status=200, body=msgspec.json.encode({"status": "err", "response": words}).decode()
            )
        )
        outcome = gateway.submit(approved())
        assert isinstance(outcome, Unknown)
        assert outcome.text == words


def test_trades_of_one_moment_come_in_pages_each_once_and_their_ids_grow(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    exchange.fill_page = 500
    for place in range(1_150):
        gap = 0 if place % 3 else 5  # three fills share a millisecond
        row = {"px": "150", "sz": "0.1", "side": "A", "fee": "-0.001", "feeToken": "USDC", "oid": 5}
        moment = int(NOW.timestamp() * 1_000) + place // 3 * 10 - gap
        exchange.ledger.fills.append({**row, "coin": "@1", "tid": 2**50 - place, "time": moment})
    exchange.ledger.fills.sort(key=lambda fill: fill["time"])
    trades = gateway.own_trades(SYMBOL)
    assert len({trade.trade_id for trade in trades}) == len(trades) == 1_150
    numbers = [int(trade.trade_id) for trade in trades]
    assert numbers == sorted(numbers)
    assert all(later.executed_at >= first.executed_at for first, later in itertools.pairwise(trades))
    assert {trade.fee for trade in trades} == {Decimal(0)}, "a rebate is not booked"
    assert gateway.own_trades("ETH/USDC") == ()


# ---- the account --------------------------------------------------------------------------------


def test_an_api_wallet_trades_and_cannot_withdraw_the_account_s_own_key_can(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    assert gateway.account_rights() == AccountRights(can_trade=True, can_withdraw=False)
    own = open_gateway(exchange, wallet_keys(OWNER, OWNER_KEY))
    assert own.account_rights() == AccountRights(can_trade=True, can_withdraw=True)
    own.close()


def test_a_key_that_nobody_approved_can_sell_nothing_and_says_so(exchange: HyperliquidExchange) -> None:
    stranger = open_gateway(exchange, wallet_keys(OWNER, "33" * 32))
    assert stranger.account_rights() == AccountRights(can_trade=False, can_withdraw=None)
    outcome = stranger.submit(approved())
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "auth_failed"
    with pytest.raises(ExchangeRefusedError, match="API Wallet"):
        stranger.cancel(SYMBOL, ID)
    stranger.close()


def test_the_wrong_address_is_an_unknown_wallet_and_never_an_empty_one(exchange: HyperliquidExchange) -> None:
    wrong = open_gateway(exchange, wallet_keys("0x" + "44" * 20, AGENT_KEY))
    wallet = wrong.wallet()
    assert not wallet.complete
    assert wallet.total("SOL") is None
    assert wrong.account_rights().can_trade is False
    wrong.close()


def test_without_keys_there_is_public_data_and_nothing_else(exchange: HyperliquidExchange) -> None:
    public = open_hyperliquid_gateway(clock=FakeClock(NOW), keys=None, rest_url=exchange.url)
    assert public.ticker(SYMBOL).last == 150
    with pytest.raises(ExchangeRefusedError, match="credentials_missing"):
        public.wallet()
    assert isinstance(public.submit(approved()), Unknown)
    assert exchange.actions == []
    public.close()


def test_a_rate_limit_tells_when_to_come_back(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    exchange.faults.append(Fault("l2Book", status=429, body="null", headers={"Retry-After": "7"}))
    with pytest.raises(RateLimitedError) as caught:
        gateway.order_book(SYMBOL)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, "", ExchangeUnavailableError),
        (403, "<html>blocked</html>", ExchangeUnavailableError),
        (422, "Failed to deserialize", ExchangeRefusedError),
        (200, "null", ExchangeAnswerError),
        (200, "<html>", ExchangeAnswerError),
        (200, '{"levels": [[], "x"], "coin": "@1"}', ExchangeAnswerError),
        (200, '{"levels": [[{"px": "NaN", "sz": "1"}], []], "coin": "@1", "time": 1}', ExchangeAnswerError),
        (200, '{"levels": [[], []], "coin": "@2", "time": 1}', ExchangeAnswerError),
    ],
)
def test_an_answer_that_cannot_be_used_ends_in_one_of_three_errors(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway, status: int, body: str, kind: type[Exception]
) -> None:
    exchange.faults.append(Fault("l2Book", status=status, body=body))
    with pytest.raises(kind):
        gateway.order_book(SYMBOL)
    assert gateway.order_book(SYMBOL).bids, "and the next one is read as before"


def test_a_balance_that_cannot_be_read_is_unknown_and_never_zero(
    exchange: HyperliquidExchange, gateway: HyperliquidGateway
) -> None:
    rows = [
        {"coin": "USDC", "total": "10", "hold": "0.0"},
        {"coin": "SOL", "total": None, "hold": "0.0"},
        {"coin": "TWICE", "total": "1", "hold": "0.0"},
        {"coin": "TWICE", "total": "2", "hold": "0.0"},
        {"coin": "HELD", "total": "1", "hold": "2"},
    ]
    body = msgspec.json.encode({"balances": rows}).decode()
    exchange.faults.append(Fault("spotClearinghouseState", status=200, body=body))
    wallet = gateway.wallet()
    assert not wallet.complete
    assert wallet.total("USDC") == 10
    assert [wallet.total(name) for name in ("SOL", "TWICE", "HELD", "ETH")] == [None] * 4
