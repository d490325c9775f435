"""A home with many managed coins and an exchange in memory that counts what it is asked."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, cast

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.exchange.gateway import Capabilities, Gateway
from bot.execution.orders import OrderReport
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.ids import IdSource
from bot.kernel.market import Candle, MarketRules, OwnTrade, Ticker
from bot.lifecycle.documents import Exits, ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.trading.cycle import LoopSettings, TradingLoop
from bot.trading.report import CycleReport

_DAYS = 120
_PRICE = Decimal(100)


class MemoryExchange:
    """Coins at one price for ever, ten of each in the wallet; the market day is the clock's."""

    capabilities = Capabilities(
        name="memory", quote="USDT", timeframes=("1d",), resting_stop=False, real_money=False
    )

    def __init__(self, assets: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._rules = {f"{asset}/USDT": _rules(asset) for asset in assets}
        self._balances = {
            asset: Balance(free=Decimal(10), used=Decimal(0), total=Decimal(10)) for asset in assets
        }
        self.counted: Counter[str] = Counter()

    def markets(self) -> Mapping[str, MarketRules]:
        """Return every market; kept, so no request."""
        return self._rules

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        """Return the prices in one request."""
        self.counted["tickers"] += 1
        return {symbol: _ticker(symbol, self._clock.now()) for symbol in symbols}

    def wallet(self) -> WalletSnapshot:
        """Return the balances in one request."""
        self.counted["wallet"] += 1
        return WalletSnapshot(balances=self._balances, observed_at=self._clock.now(), complete=True)

    def open_orders(self) -> tuple[OrderReport, ...]:
        """Return nothing: no order rests here."""
        self.counted["open_orders"] += 1
        return ()

    def own_trades(self, _symbol: str, **_since: dt.datetime | None) -> tuple[OwnTrade, ...]:
        """Return nothing: the account never traded."""
        self.counted["own_trades"] += 1
        return ()

    def candles(self, _symbol: str, _timeframe: str, *, limit: int) -> tuple[Candle, ...]:
        """Return days that rise slowly."""
        self.counted["candles"] += 1
        today = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        days = range(min(limit, _DAYS), -1, -1)
        return tuple(_candle(today - dt.timedelta(days=day), 200 - day) for day in days)


class Fleet(NamedTuple):
    """The home's loop and its exchange."""

    app: App
    gateway: MemoryExchange
    loop: TradingLoop

    def cycle(self) -> CycleReport:
        """Run one cycle."""
        return self.loop.run_once(self.app.clock.now())


def fleet(root: Path, coins: int, *, clock: Clock, ids: IdSource, regime_reads: int = 2) -> Fleet:
    """Make a home whose coins all are in the bot's hands, and let its first cycle take them over."""
    assets = [f"C{number:04}" for number in range(coins)]
    initialise_home(root, environment="sandbox")
    app = App(root, environ={}, clock=clock, ids=ids)
    content = ManagedStateContent(managed_assets={asset: _entry(asset, clock.now()) for asset in assets})
    with app.store.transaction() as transaction:
        transaction.commit(MANAGED_STATE, content, commands=[], events=[])
    exchange = MemoryExchange(assets, clock)
    gateway = cast("Gateway", cast("Any", exchange))
    settings = LoopSettings(quote="USDT", regime_reads_per_cycle=lambda: regime_reads)
    loop = TradingLoop(app.store, gateway, app.sender, clock=clock, ids=ids, settings=settings)
    made = Fleet(app, exchange, loop)
    made.cycle()
    return made


def _entry(asset: str, now: dt.datetime) -> ManagedAsset:
    return ManagedAsset(
        state=AssetState.MANAGED_ACTIVE,
        exits=Exits.ON,
        current_proposal_id=f"proposal-{asset.lower()}",
        proposal_digest="0" * 64,
        variant="recommended",
        approved_quantity=Decimal(5),
        reference_price=_PRICE,
        reference_regime="BULL",
        atr=Decimal(4),
        synthetic_entry=_PRICE,
        synthetic_entry_method="current_price",
        stop_loss=Decimal(90),
        take_profit=Decimal(130),
        max_allocation_usdt=Decimal(500),
        strategy_group="t1_core",
        promoted_at=now,
        promoted_by_user_id="ann",
    )


def _rules(asset: str) -> MarketRules:
    return MarketRules(
        symbol=f"{asset}/USDT",
        base=asset,
        quote="USDT",
        active=True,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.01"),
        min_notional=Decimal(5),
    )


def _ticker(symbol: str, now: dt.datetime) -> Ticker:
    volume = Decimal(1_000_000)
    return Ticker(
        symbol=symbol, last=_PRICE, bid=_PRICE, ask=_PRICE, quote_volume_24h=volume, observed_at=now
    )


def _candle(opened_at: dt.datetime, close: int) -> Candle:
    price = Decimal(close)
    return Candle(opened_at=opened_at, open=price, high=price, low=price, close=price, volume=Decimal(1))
