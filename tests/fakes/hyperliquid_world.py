"""A home on the disk whose testnet is Hyperliquid's counterpart on loopback; every step is a real command."""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.app.new_home import initialise_home
from bot.app.operations import capture_baseline, captured_baseline
from bot.app.wiring import App
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import ManagedAsset
from bot.storage.documents import MANAGED_STATE
from bot.trading.report import CycleReport
from tests.fakes.fake_clock import FakeClock
from tests.fakes.hyperliquid_exchange import AGENT_KEY, OWNER, HyperliquidExchange
from tests.fakes.sequential_ids import SequentialIds

START = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
HELD = {"SOL": Decimal(25), "ETH": Decimal(2), "USDC": Decimal(10_000)}


class HyperliquidWorld:
    """One bot with the counterpart; bot time stands still, the counterpart's market shares it."""

    def __init__(self, root: Path, clock: FakeClock, exchange: HyperliquidExchange) -> None:
        self.root = root
        self.clock = clock
        self.exchange = exchange
        self._lives = 0
        self.app = self._new_app()

    def _new_app(self) -> App:
        environ = environment_of(self.exchange)
        ids = SequentialIds(first=1 + self._lives * 1_000_000)
        return App(self.root, environ=environ, clock=self.clock, ids=ids)

    def restart(self) -> None:
        """Go on with a new process's view."""
        self.app.close()
        self._lives += 1
        self.app = self._new_app()

    def ask(self, command_type: CommandType, asset: str, **payload: Any) -> CommandOutcome:
        """Put a command on the bus and let the worker apply what waits."""
        command = self.app.maker.make(command_type, asset, payload, actor=self.app.actor)
        row = self.app.queue.enqueue(command)
        self.app.worker.drain()
        done = self.app.queue.get(row.uid)
        assert done is not None
        assert done.outcome is not None
        assert done.outcome.state is CommandState.APPLIED, done.outcome
        return done.outcome

    def hand_over(self, asset: str) -> ManagedAsset:
        """Describe the wallet, propose, approve, and let one cycle take the coin over."""
        capture_baseline(self.app)
        self.ask(CommandType.APPLY_BASELINE_HOLDINGS, "*", baseline=captured_baseline(self.app))
        self.ask(CommandType.REQUEST_MANAGED_PROPOSAL, asset, synthetic_entry_method="current_price")
        self.app.engine.make_waiting()
        entry = self.entry(asset)
        self.ask(
            CommandType.APPROVE_MANAGED_PROPOSAL,
            asset,
            proposal_id=entry.current_proposal_id,
            proposal_digest=entry.proposal_digest,
            variant="recommended",
            confirm=f"{asset}:recommended",
        )
        self.cycle()
        return self.entry(asset)

    def cycle(self) -> CycleReport:
        """Run one cycle of the trading loop."""
        return self.app.loop.run_once(self.clock.now())

    def entry(self, asset: str) -> ManagedAsset:
        """Return one coin's entry."""
        return self.app.store.read(MANAGED_STATE).content.managed_assets[asset]

    def fall_to_stop(self, asset: str) -> None:
        """Let the price fall below the agreed stop."""
        price = (self.entry(asset).stop_loss or Decimal(0)) * Decimal("0.995")
        self.exchange.set_price(asset, price.quantize(Decimal("0.01")))


def environment_of(exchange: HyperliquidExchange) -> Mapping[str, str]:
    """Return the settings that point a home at the counterpart."""
    return {
        "BOT_QUOTE": "USDC",
        "BOT_EXCHANGE_VENUE": "hyperliquid",
        "BOT_EXCHANGE_REST_URL": exchange.url,
        "BOT_EXCHANGE_WALLET_ADDRESS": OWNER,
        "BOT_EXCHANGE_PRIVATE_KEY": AGENT_KEY,
        "BOT_EXCHANGE_TIMEOUT_S": "2",
    }


@contextmanager
def hyperliquid_world(root: Path) -> Iterator[HyperliquidWorld]:
    """Yield a home and its counterpart."""
    clock = FakeClock(START)
    initialise_home(root, environment="testnet")

    def market_ms() -> int:
        return int(clock.now().timestamp() * 1_000)

    with HyperliquidExchange(held=HELD, market_ms=market_ms) as exchange:
        world = HyperliquidWorld(root, clock, exchange)
        try:
            yield world
        finally:
            world.app.close()
