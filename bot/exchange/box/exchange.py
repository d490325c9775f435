"""One exchange: market, account, orders and clocks, brought up to the present before each request.

Nothing here runs by itself. `sync` walks the market from the time that was seen last to market
time now, so what happened meanwhile (fills, triggered stops) has happened with its own times.
"""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from bot.exchange.box.accounts import Accounts, Balance
from bot.exchange.box.bars import Segment
from bot.exchange.box.books import Books
from bot.exchange.box.clock import AuthClock, MarketClock, NanosecondSource
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.ledger import Ledger, LedgerSnapshot
from bot.exchange.box.limits import RateLimits
from bot.exchange.box.liquidity import Liquidity, Taken
from bot.exchange.box.market_generated import GeneratedMarket
from bot.exchange.box.market_replay import ReplayMarket
from bot.exchange.box.market_source import MarketSource
from bot.exchange.box.market_view import MarketView, Shift
from bot.exchange.box.matching import Matching
from bot.exchange.box.order_lists import OrderLists
from bot.exchange.box.public_trades import PublicTrades
from bot.exchange.box.universe import COIN_BY_SYMBOL, extra_coins
from bot.kernel.clock import to_millis
from bot.kernel.errors import SettingsError

_HOUR_MS = 3_600_000


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What clients and the operator of the box must know."""

    api_key: str
    secret: str
    control_token: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that makes an exchange go on where it was, as plain data."""

    version: int = 1
    config: BoxConfig
    credentials: Credentials
    start_ms: int
    market_ms: int
    speed: float
    skew_ms: int
    balances: dict[str, Balance]
    ledger: LedgerSnapshot
    shifts: dict[str, list[Shift]]
    taken: dict[str, Taken]
    client_ids: int


class Exchange:
    """The box's core, free of HTTP; used by one thread."""

    def __init__(self, snapshot: Snapshot, *, time_source: NanosecondSource) -> None:
        config = snapshot.config
        self._origin = snapshot
        self.config = config
        self.credentials = snapshot.credentials
        self.auth_clock = AuthClock(time_source)
        self.auth_clock.skew_ms = snapshot.skew_ms
        self.market_clock = MarketClock(start_ms=snapshot.market_ms, speed=snapshot.speed, source=time_source)
        self.view = MarketView(_market(config, snapshot.start_ms))
        self.view.shifts.update(snapshot.shifts)
        self.accounts = Accounts(snapshot.balances)
        self.ledger = Ledger(snapshot.ledger)
        self.liquidity = Liquidity(
            self.view, seed=config.seed, factor=config.liquidity, levels=config.book_levels
        )
        self.liquidity.taken.update(snapshot.taken)
        self.matching = Matching(
            view=self.view,
            liquidity=self.liquidity,
            accounts=self.accounts,
            ledger=self.ledger,
            fee_bps=config.fee_bps,
        )
        limits = config.limits
        if config.weight_limit_per_minute is not None:
            limits = msgspec.structs.replace(limits, weight_per_minute=config.weight_limit_per_minute)
        self.rates = RateLimits(limits)
        self.lists = OrderLists(self.matching, self.ledger)
        self.books = Books(self.view, self.liquidity, self.matching)
        self.trades = PublicTrades(self.view, self.ledger)
        self.now_ms = snapshot.market_ms
        """Market time up to which everything has happened."""
        self._client_ids = snapshot.client_ids

    def sync(self) -> int:
        """Let everything happen until market time now, and return that time."""
        target = self.market_clock.now_ms()
        while self.now_ms < target:
            symbols = self.matching.book.symbols()
            if not symbols:
                self.now_ms = target
                break
            until = min(target, self.now_ms - self.now_ms % _HOUR_MS + _HOUR_MS)
            for symbol in symbols:
                self._walk(symbol, self.now_ms, until)
            self.now_ms = until
        return self.now_ms

    def force_price(self, symbol: str, ticks: int) -> None:
        """Move the market to a price at once; orders between the old and the new one are met."""
        now = self.sync()
        old = self.view.last(symbol, now)
        if old is None:
            return
        self.view.force(symbol, ticks, now)
        self.matching.walk(symbol, Segment(now, now, old, ticks, 0, is_jump=True))

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Take coins in from outside."""
        now_ms = self.sync()
        self.accounts.deposit(asset, amount)
        self.matching.events.moved(asset, amount, self.accounts, now_ms)

    def withdraw(self, asset: str, amount: Decimal) -> None:
        """Let free coins leave to the outside.

        Raises:
            ApiError: When less is free.
        """
        now_ms = self.sync()
        self.accounts.withdraw(asset, amount)
        self.matching.events.moved(asset, -amount, self.accounts, now_ms)

    def wipe(self) -> None:
        """Forget orders, trades and balances and grant the wallet anew, as a testnet does; keys stay."""
        self.sync()
        self.accounts.balances = _opening_balances(self.config.wallet)
        self.ledger.forget()
        self.matching.book.clear()
        self.matching.changes += 1

    def new_client_order_id(self) -> str:
        """Return a client order id for who sent none."""
        self._client_ids += 1
        return f"box{self._client_ids:019d}"

    def snapshot(self) -> Snapshot:
        """Return everything as plain data."""
        return msgspec.structs.replace(
            self._origin,
            market_ms=self.now_ms,
            speed=self.market_clock.speed,
            skew_ms=self.auth_clock.skew_ms,
            balances=self.accounts.balances,
            ledger=self.ledger.snapshot(),
            shifts=self.view.shifts,
            taken=self.liquidity.taken,
            client_ids=self._client_ids,
        )

    def _walk(self, symbol: str, from_ms: int, to_ms: int) -> None:
        """Walk one market's path; an hour that no order can meet is not looked at closely."""
        if not self._may_meet(symbol, from_ms, to_ms):
            return
        for segment in self.view.path(symbol, from_ms, to_ms):
            self.matching.walk(symbol, segment)

    def _may_meet(self, symbol: str, from_ms: int, to_ms: int) -> bool:
        coin = self.view.coins[symbol]
        prices = [self.view.last(symbol, from_ms), self.view.last(symbol, to_ms)]
        window = self.view.window(symbol, from_ms, to_ms)
        seen = [price for price in prices if price is not None]
        if window is not None:
            seen += [window.low, window.high]
        if not seen:
            return False
        return self.matching.may_meet(symbol, min(seen) * coin.tick, max(seen) * coin.tick)


def new_snapshot(config: BoxConfig, *, time_source: NanosecondSource) -> Snapshot:
    """Return the first state of an exchange: the wallet deposited, keys drawn, time at its start."""
    machine_ms = AuthClock(time_source).now_ms()
    start_ms = to_millis(config.start) if config.start else machine_ms
    return Snapshot(
        config=config,
        credentials=Credentials(
            api_key=config.api_key or secrets.token_hex(32),
            secret=config.secret or secrets.token_hex(32),
            control_token=config.control_token or secrets.token_urlsafe(24),
        ),
        start_ms=start_ms,
        market_ms=start_ms,
        speed=config.speed,
        skew_ms=0,
        balances=_opening_balances(config.wallet),
        ledger=LedgerSnapshot(),
        shifts={},
        taken={},
        client_ids=0,
    )


def _opening_balances(wallet: Mapping[str, Decimal]) -> dict[str, Balance]:
    accounts = Accounts()
    for asset, amount in wallet.items():
        accounts.deposit(asset, amount)
    return accounts.balances


def _market(config: BoxConfig, start_ms: int) -> MarketSource:
    symbols = tuple(symbol.replace("/", "") for symbol in config.symbols)
    if config.replay_folder is not None:
        folder = Path(config.replay_folder)
        return ReplayMarket(folder=folder, timeframe=config.replay_timeframe, symbols=symbols)
    unknown = sorted(set(symbols) - set(COIN_BY_SYMBOL))
    if unknown:
        raise SettingsError(
            f"The box has no market {', '.join(unknown)}",
            why=f"expected some of {', '.join(COIN_BY_SYMBOL)}",
            unchanged="No exchange was started.",
        )
    coins = {symbol: COIN_BY_SYMBOL[symbol] for symbol in symbols or COIN_BY_SYMBOL}
    coins.update(extra_coins(config.extra_coins))
    return GeneratedMarket(seed=config.seed, coins=coins, start_ms=start_ms)
