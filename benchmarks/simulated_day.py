"""The bot's own day: 100 managed coins, the real loop, and the exchange in a box, stepped by the minute.

The box moves its markets minute by minute, and every five minutes of market time the loop runs one whole
cycle over HTTP: prices, drift, regimes at the daily close, own trades, and the exits that fall due. Bot time
goes in step with market time.
"""

import datetime as dt
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.box import DAY_BOX, DAY_S, server
from benchmarks.homes import bench_folder
from benchmarks.measure import Result, bounded
from bot.app.clock import RandomIds
from bot.app.connection import BoxConnection, write_box
from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.exchange.box.client import BoxControl
from bot.kernel.clock import from_iso
from bot.kernel.market import MarketRules
from bot.kernel.money import floor_to_step
from bot.lifecycle.documents import Exits, ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.home import Home

_CYCLE_S = 300
_CYCLES = 86_400 // _CYCLE_S
_WORTH = Decimal(500)
_QUOTE = "USDT"


class SteppedClock:
    """Stands still until it is stepped; wall and monotonic time go together."""

    def __init__(self, now: dt.datetime) -> None:
        self._now = now
        self._elapsed_s = 0.0

    def now(self) -> dt.datetime:
        """Return the wall time."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since the start."""
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Step."""
        self._now += dt.timedelta(seconds=seconds)
        self._elapsed_s += seconds


def measure(*, quick: bool = False) -> list[Result]:
    """Return how long a day takes."""
    with (
        bench_folder() as folder,
        server(DAY_BOX) as box,
        BoxControl(box["control_url"], box["control_token"]) as control,
    ):
        return [_day(folder / "home", box, control, 2 if quick else _CYCLES)]


def _day(root: Path, box: dict[str, Any], control: BoxControl, cycles: int) -> Result:
    initialise_home(root, environment="sandbox")
    write_box(Home(root), msgspec.convert(box, BoxConnection))
    clock = SteppedClock(from_iso(control.advance(1)))
    app = App(root, environ={}, clock=clock, ids=RandomIds())
    coins = _hand_over(app, control, clock.now())
    started = time.perf_counter()
    alarms = 0
    for _ in range(cycles):
        control.advance(_CYCLE_S)
        clock.sleep(_CYCLE_S)
        report = app.loop.run_once(clock.now())
        alarms += sum(step.what not in _EXPECTED for step in report.alarms)
    took_s = time.perf_counter() - started
    state = control.state()
    entries = app.store.read(MANAGED_STATE).content.managed_assets
    sold = sum(entry.state is AssetState.EXIT_EXECUTED for entry in entries.values())
    app.close()
    if alarms or not state["balances_conserved"] or len(entries) != coins:
        raise RuntimeError(f"the simulated day went wrong: {alarms} alarms, {coins} coins")
    name = f"a simulated day of the bot, {coins} managed coins, {cycles} cycles, {sold} exits"
    return bounded(name, value=took_s, unit="s", at_most=DAY_S)


_EXPECTED = frozenset({"drift", "drift_back", "exit_partly_filled"})
"""Of alarms, what a market may cause: levels that were left, and a thin book."""


def _hand_over(app: App, control: BoxControl, now: dt.datetime) -> int:
    """Put every coin that the exchange trades into the bot's hands, with the coins to sell."""
    markets = {s: r for s, r in app.gateway.markets().items() if r.quote == _QUOTE}
    tickers = app.gateway.tickers(sorted(markets))
    entries: dict[str, ManagedAsset] = {}
    for symbol, rules in sorted(markets.items()):
        price = tickers[symbol].last
        quantity = floor_to_step(_WORTH / price, rules.step_size)
        control.deposit(rules.base, quantity)
        entries[rules.base] = _entry(rules, price, quantity, now)
    with app.store.transaction() as transaction:
        content = ManagedStateContent(managed_assets=entries)
        transaction.commit(MANAGED_STATE, content, commands=[], events=[])
    return len(entries)


def _entry(rules: MarketRules, price: Decimal, quantity: Decimal, now: dt.datetime) -> ManagedAsset:
    return ManagedAsset(
        state=AssetState.MANAGED_ACTIVE,
        exits=Exits.ON,
        current_proposal_id=f"proposal-{rules.base.lower()}",
        proposal_digest="0" * 64,
        variant="recommended",
        approved_quantity=quantity,
        reference_price=price,
        reference_regime="BULL",
        atr=price / 20,
        synthetic_entry=price,
        synthetic_entry_method="current_price",
        stop_loss=price * Decimal("0.96"),
        take_profit=price * Decimal("1.06"),
        max_allocation_usdt=_WORTH,
        strategy_group="t1_core",
        promoted_at=now,
        promoted_by_user_id="ann",
    )
