"""A home on the disk, a box over HTTP and an app between them; market time and bot time go in step.

The box's market stands still until `advance`; so does the bot's clock, unless a test asks for the
machine's own.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bot.app.connection import BoxConnection, write_box
from bot.app.new_home import initialise_home
from bot.app.operations import capture_baseline, captured_baseline
from bot.app.wiring import App
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.server import RunningBox, start_box
from bot.kernel.clock import Clock
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.home import Home
from bot.trading.report import CycleReport
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds

START = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
WALLET = {"SOL": Decimal(25), "ETH": Decimal(2), "USDT": Decimal(10_000)}
ORDER = ("POST", "/api/v3/order")


class BotWorld:
    """One bot with its exchange; every step of a person is a real command."""

    def __init__(self, root: Path, box: RunningBox, clock: Clock, *, environ: Mapping[str, str]) -> None:
        self.root = root
        self.box = box
        self.clock = clock
        self.environ = environ
        self._lives = 0
        self.app = App(root, environ=environ, clock=clock, ids=SequentialIds())

    # ---- people -----------------------------------------------------------------------------------

    def ask(self, command_type: CommandType, asset: str, **payload: Any) -> CommandOutcome:
        """Put a command on the bus and let the worker apply what waits."""
        command = self.app.maker.make(command_type, asset, payload, actor=self.app.actor)
        row = self.app.queue.enqueue(command)
        self.app.worker.drain()
        done = self.app.queue.get(row.uid)
        assert done is not None
        assert done.outcome is not None, f"{command_type} has no outcome"
        return done.outcome

    def apply_baseline(self) -> CommandOutcome:
        """Describe the wallet and apply the description."""
        capture_baseline(self.app)
        return self.ask(CommandType.APPLY_BASELINE_HOLDINGS, "*", baseline=captured_baseline(self.app))

    def propose(self, asset: str, **payload: Any) -> ManagedAsset:
        """Ask for a proposal, let the engine make it, return the coin's entry."""
        words = {"synthetic_entry_method": "current_price", **payload}
        outcome = self.ask(CommandType.REQUEST_MANAGED_PROPOSAL, asset, **words)
        assert outcome.state is CommandState.APPLIED, outcome
        self.app.engine.make_waiting()
        return self.entry(asset)

    def approval(self, asset: str, variant: str = "recommended", **changes: Any) -> dict[str, Any]:
        """Return the words of an approval of the waiting proposal."""
        entry = self.entry(asset)
        words = {
            "proposal_id": entry.current_proposal_id,
            "proposal_digest": entry.proposal_digest,
            "variant": variant,
            "confirm": f"{asset}:{variant}",
        }
        return words | changes

    def hand_over(self, asset: str, variant: str = "recommended", **payload: Any) -> ManagedAsset:
        """Propose, approve, and let one cycle take the coin over."""
        self.propose(asset, **payload)
        words = self.approval(asset, variant)
        outcome = self.ask(CommandType.APPROVE_MANAGED_PROPOSAL, asset, **words)
        assert outcome.state is CommandState.APPLIED, outcome
        self.cycle()
        return self.entry(asset)

    def pause(self, asset: str, exits: str) -> CommandOutcome:
        """Pause a coin."""
        return self.ask(CommandType.PAUSE_MANAGED_ASSET, asset, exits=exits)

    # ---- bot and market ---------------------------------------------------------------------------

    def cycle(self) -> CycleReport:
        """Run one cycle of the trading loop."""
        return self.app.loop.run_once(self.clock.now())

    def wait(self, seconds: float) -> None:
        """Let the bot's clock go on; the market stands still."""
        assert isinstance(self.clock, FakeClock)
        self.clock.advance(seconds)

    def advance(self, seconds: int) -> None:
        """Let market and bot time go on together."""
        self.box.control.advance(seconds)
        self.wait(seconds)

    def set_price(self, asset: str, price: Decimal) -> None:
        """Move a market to a price, on its grid."""
        self.box.control.set_price(f"{asset}/USDT", price.quantize(Decimal("0.01")))

    def fall_to_stop(self, asset: str) -> None:
        """Let the price fall below the agreed stop."""
        self.set_price(asset, (self.entry(asset).stop_loss or Decimal(0)) * Decimal("0.995"))

    def restart(self) -> None:
        """Go on with a new process's view: nothing remembered but what is on the disk."""
        self.app.close()
        self._lives += 1
        ids = SequentialIds(first=self._lives * 1_000_000)
        self.app = App(self.root, environ=self.environ, clock=self.clock, ids=ids)

    # ---- what is ----------------------------------------------------------------------------------

    @property
    def managed(self) -> ManagedStateContent:
        """Return the managed state as it lies on the disk."""
        return self.app.store.read(MANAGED_STATE).content

    def entry(self, asset: str) -> ManagedAsset:
        """Return one coin's entry."""
        return self.managed.managed_assets[asset]

    def position(self, asset: str) -> Any:
        """Return one coin's position."""
        return self.app.store.read(POSITIONS).content.positions[f"{asset}/USDT"]

    def balances(self) -> dict[str, Decimal]:
        """Return what the account holds, locked or not."""
        held = self.box.control.state()["balances"]
        return {name: Decimal(b["free"]) + Decimal(b["locked"]) for name, b in held.items()}

    def orders_sent(self) -> int:
        """Return how many orders reached the box, whatever became of them."""
        return sum((r["method"], r["path"]) == ORDER for r in self.box.control.requests())


@contextmanager
def bot_world(
    root: Path,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    baseline: bool = True,
    **box: Any,
) -> Iterator[BotWorld]:
    """Yield a home with a box; the baseline is applied unless told otherwise."""
    settings: dict[str, Any] = {"start": START, "speed": 0, "wallet": dict(WALLET), **box}
    initialise_home(root, environment="sandbox")
    with start_box(BoxConfig(**settings)) as running:
        write_box_of(root, running)
        start = settings["start"]
        world = BotWorld(root, running, clock or FakeClock(start), environ=environ or {})
        try:
            if baseline:
                assert world.apply_baseline().state is CommandState.APPLIED
            yield world
        finally:
            world.app.close()


def write_box_of(root: Path, box: RunningBox) -> None:
    """Tell a home where its box listens."""
    write_box(Home(root), msgspec.convert(msgspec.structs.asdict(box.address), BoxConnection))


def words_of(report: CycleReport) -> list[str]:
    """Return the short words of a cycle's steps."""
    return [step.what for step in report.steps]
