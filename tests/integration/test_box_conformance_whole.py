"""Every test that ships inside the ccxt package is called against the box, or is left out with its reason."""

from collections.abc import Iterable
from pathlib import Path

import ccxt
import pytest

from tests.architecture.source_tree import REPOSITORY
from tests.integration.test_box_conformance import WITH_SYMBOL, WITHOUT_SYMBOL
from tests.integration.test_box_conformance_async import STREAMS

SHIPPED = Path(ccxt.__file__).parent
PAGE = REPOSITORY / "docs" / "reference" / "box.md"
CALLS = {
    "`sapi` endpoints, which a testnet does not have": (
        "fetch_accounts", "fetch_currencies", "fetch_deposit_withdrawals", "fetch_deposits", "fetch_ledger",
        "fetch_ledger_entry", "fetch_status", "fetch_trading_fee", "fetch_trading_fees",
        "fetch_transaction_fees", "fetch_transfers", "fetch_withdrawals",
    ),
    "futures and margin; the box is spot": (
        "fetch_borrow_interest", "fetch_funding_rate_history", "fetch_leverage_tiers", "fetch_liquidations",
        "fetch_margin_mode", "fetch_margin_modes", "fetch_market_leverage_tiers", "fetch_my_liquidations",
        "fetch_open_interest_history", "fetch_positions",
    ),
    "ccxt's own test wants a dictionary where its client returns a list": ("fetch_markets",),
    "ccxt's own test fails in its debug output": ("create_order",),
    "Binance's client does not support them": ("fetch_order_books",),
    "asks a server on the internet through a proxy": ("proxies",),
}  # fmt: skip
STREAMED = {
    "the same streams again": (
        "watch_ohlcv_for_symbols", "watch_order_book_for_symbols", "watch_trades_for_symbols",
    ),
    "futures and margin; the box is spot": (
        "un_watch_positions", "watch_liquidations", "watch_liquidations_for_symbols", "watch_position",
        "watch_positions",
    ),
}  # fmt: skip


def shipped(folder: str) -> set[str]:
    return {path.stem.removeprefix("test_") for path in (SHIPPED / folder).glob("test_*.py")}


def left_out(reasons: dict[str, tuple[str, ...]]) -> set[str]:
    return {name for names in reasons.values() for name in names}


def assert_complete(folder: str, called: Iterable[str], reasons: dict[str, tuple[str, ...]]) -> None:
    assert shipped(folder) == set(called) | left_out(reasons)
    assert not set(called) & left_out(reasons)


@pytest.mark.parametrize("folder", ["sync", "async"])
def test_every_shipped_test_of_a_call_is_called_or_left_out_for_a_reason(folder: str) -> None:
    assert_complete(f"test/exchange/{folder}", [*WITH_SYMBOL, *WITHOUT_SYMBOL], CALLS)


def test_every_shipped_test_of_a_stream_is_called_or_left_out_for_a_reason() -> None:
    assert_complete("pro/test/Exchange", [f"watch_{name}" for name in STREAMS], STREAMED)


@pytest.mark.parametrize("reason", [*CALLS, *STREAMED])
def test_the_page_gives_the_reason(reason: str) -> None:
    assert reason in PAGE.read_text(encoding="utf-8")
