"""A home with fifty coins, its owner and its admin, hour by hour: the world of `test_month.py`.

Everything goes the product's way: commands over the bus, the engine, the trading loop, the timed passes; the
exchange is the paper gateway over a market that steps with the clock. Chance follows from the seed alone.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from bot.app.new_home import initialise_home
from bot.app.operations import capture_baseline, captured_baseline
from bot.app.runtime import run_once
from bot.app.wiring import App
from bot.exchange.guards import CircuitBreaker
from bot.exchange.paper_gateway import PaperGateway
from bot.exchange.paper_ledger import MemoryLedgerStore, PaperLedger
from bot.execution.orders import Accepted, OrderRequest, OrderType, Side
from bot.kernel.money import ZERO, floor_to_step
from bot.lifecycle.commands import CommandState, NewCommand
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.risk.verdict import Approved
from bot.storage.documents import MANAGED_STATE
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds
from tests.fakes.step_market import HOUR_S, STEP, StepMarket
from tests.unit.lifecycle.lifecycle_world import NOW

HISTORY_DAYS = 300
OPENING = Decimal(100)
OPENING_USDT = Decimal(100_000)
ACTS_PER_HOUR = 6
RESTARTS, REPEATS, HAND_TRADES = 0.04, 0.05, 0.03
"""How likely each is, per hour or per command."""
Words = tuple[str, Mapping[str, Any]]


class MonthApp(App):
    """A process's view whose exchange is the month's."""

    def __init__(self, month: "Month", *, life: int) -> None:
        super().__init__(
            month.root, environ={}, clock=month.clock, ids=SequentialIds(first=life * 1_000_000 + 1)
        )
        self._month = month

    @cached_property
    def _gateway(self) -> CircuitBreaker:
        return CircuitBreaker(self._month.account(), self.clock)


class Month:
    """Fifty coins and the people around them."""

    def __init__(self, root: Path, *, coins: int, seed: int, days: int) -> None:
        initialise_home(root, environment="paper")
        self.root = root
        self.clock = FakeClock(NOW)
        self.assets = [f"C{number:02d}" for number in range(1, coins + 1)]
        self.market = StepMarket(self.assets, self.clock, seed=seed, history_days=HISTORY_DAYS, days=days + 2)
        self.ledger = MemoryLedgerStore()
        self.by_hand: dict[str, Decimal] = defaultdict(Decimal)
        """What the owner's own orders moved, per coin, fees taken off."""
        self.counted: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._hands = 0
        self._asked: list[NewCommand] = []
        self.app = MonthApp(self, life=0)
        capture_baseline(self.app)
        self.ask("apply_baseline_holdings", "*", {"baseline": captured_baseline(self.app)})
        self.work()

    def account(self) -> PaperGateway:
        """Return the account as a new process finds it."""
        opening = dict.fromkeys(self.assets, OPENING) | {"USDT": OPENING_USDT}
        return PaperGateway(self.market, self.ledger, self.clock, opening=opening)

    @property
    def kept(self) -> PaperLedger:
        """Return the exchange's own books."""
        ledger = self.ledger.load()
        assert ledger is not None
        return ledger

    @property
    def content(self) -> ManagedStateContent:
        """Return the managed state."""
        return self.app.store.read(MANAGED_STATE).content

    # ---- time -------------------------------------------------------------------------------------

    def hour(self, number: int) -> None:
        """People speak, the processes work, one cycle runs; anything may be a new process by then."""
        self.people()
        self.perhaps_restart()
        self.work()
        if self._chance.random() < HAND_TRADES:
            self.trades_by_hand()
        self.perhaps_restart()
        if number % 24 == 0:
            report = run_once(self.app)
            assert not report.has_failures, report
        else:
            self.app.loop.run_once(self.clock.now())
            self.app.sender.book_waiting()
        self.counted["cycles"] += 1
        self.app.engine.make_waiting()
        self.app.scheduler.run_due(self.clock.now())
        self.clock.advance(HOUR_S)

    def perhaps_restart(self) -> None:
        """Go on as a new process, now and then."""
        if self._chance.random() < RESTARTS:
            self.counted["restarts"] += 1
            self.app.close()
            self.app = MonthApp(self, life=self.counted["restarts"])
            self.app.recover()

    def work(self) -> None:
        """Let the worker apply what waits; no command may fail."""
        for item in self.app.worker.drain():
            assert item.outcome.state is not CommandState.FAILED, item
            assert item.contradicted is None, item
            self.counted[item.outcome.state.value] += 1
        for command in self._asked:
            self.counted["commands"] += 1
            if self._chance.random() < REPEATS:
                row = self.app.queue.get(command.uid)
                again = self.app.applier.apply(command)
                assert row is not None
                assert row.outcome is not None
                assert (again.state, again.code) == (row.outcome.state, row.outcome.code)
                self.counted["repeats"] += 1
        self._asked.clear()

    # ---- people -----------------------------------------------------------------------------------

    def people(self) -> None:
        """Say something sensible, or not, about some coins."""
        content = self.content
        for asset in self._chance.sample(self.assets, ACTS_PER_HOUR):
            entry = content.managed_assets.get(asset) or ManagedAsset(state=content.state_of(asset))
            words = self._chance.choice(WORDS[entry.state.value])(self, asset, entry)
            if words is not None:
                self.ask(words[0], asset, words[1])

    def ask(self, command: str, asset: str, words: Mapping[str, Any]) -> None:
        """Put it on the bus."""
        made = self.app.maker.make(command, asset, words, actor=self.app.actor)
        self.app.queue.enqueue(made)
        self._asked.append(made)

    def trades_by_hand(self) -> None:
        """The owner sells some of a coin behind the bot's back."""
        asset = self._chance.choice(self.assets)
        held = self.kept.holdings.get(asset, ZERO)
        quantity = floor_to_step(held * Decimal(self._chance.randint(2, 60)) / 100, STEP)
        if quantity * self.market.ticker(f"{asset}/USDT").last < 10:
            return
        self._hands += 1
        order = OrderRequest(
            client_order_id=f"hand-{self._hands}",
            symbol=f"{asset}/USDT",
            side=Side.SELL,
            order_type=OrderType.MARKET,
            quantity=quantity,
        )
        outcome = self.app.gateway.submit(Approved(order=order, gates=("the owner",)))
        assert isinstance(outcome, Accepted), outcome
        report = outcome.report
        self.by_hand[asset] -= report.filled_quantity
        fees = sum((fee.amount for fee in report.fees if fee.asset == "USDT"), ZERO)
        self.by_hand["USDT"] += report.filled_quote - fees
        self.counted["by hand"] += 1


Act = Callable[[Month, str, ManagedAsset], Words | None]


def _says(command: str, **words: Any) -> Act:
    return lambda _month, _asset, _entry: (command, words)


def _nothing(_month: Month, _asset: str, _entry: ManagedAsset) -> Words | None:
    return None


def _proposal(*, typo: bool = False, variant: str = "recommended") -> Act:
    def act(_month: Month, asset: str, entry: ManagedAsset) -> Words:
        return "approve_managed_proposal", {
            "proposal_id": entry.current_proposal_id,
            "proposal_digest": entry.proposal_digest,
            "variant": variant,
            "confirm": f"{asset}:{variant}{'x' if typo else ''}",
        }

    return act


def _no(_month: Month, _asset: str, entry: ManagedAsset) -> Words:
    return "reject_managed_proposal", {"proposal_id": entry.current_proposal_id}


def _tighter(_month: Month, _asset: str, entry: ManagedAsset) -> Words:
    stop = (entry.reference_price or ZERO) * Decimal("0.95")
    return "override_managed_levels", {"stop_loss": stop.quantize(STEP), "reason": "tighter"}


def _out(_month: Month, asset: str, _entry: ManagedAsset) -> Words:
    return "force_managed_exit", {"confirm": f"{asset}:exit", "reason": "enough"}


_PROPOSE = _says("request_managed_proposal")
_PART = _says("request_managed_proposal", quantity=Decimal("7.5"))
_ON, _OFF = _says("pause_managed_asset", exits="on"), _says("pause_managed_asset", exits="off")
_RESUME = _says("resume_managed_asset", reason="go on")
_OVERRIDE = _says("resume_managed_asset", reason="looked", override=True)
_ACCEPT = _says("resume_managed_asset", reason="looked", override=True, accept="current")
_BACK, _AT_ONCE = _says("release_managed_asset"), _says("release_managed_asset", mode="immediate")
_APPROVE = _proposal()

WORDS: dict[str, tuple[Act, ...]] = {
    "frozen": (_PROPOSE, _PART, _ON, _nothing, _nothing, _nothing, _nothing),
    "proposal_pending": (_PROPOSE, _nothing),
    "risk_proposed": (
        *(_APPROVE, _APPROVE, _APPROVE, _proposal(variant="conservative"), _proposal(variant="aggressive")),
        *(_proposal(typo=True), _no, _nothing),
    ),
    "proposal_aborted": (_PROPOSE,),
    "proposal_rejected": (_PROPOSE, _nothing),
    "managed_active": (_ON, _OFF, _tighter, _out, _RESUME, _BACK, _nothing, _nothing, _nothing),
    "managed_paused": (_RESUME, _RESUME, _ACCEPT, _OFF, _ON, _BACK, _AT_ONCE, _nothing),
    "managed_drift_alert": (_RESUME, _OVERRIDE, _ACCEPT, _ACCEPT, _AT_ONCE, _nothing),
    "release_pending": (_AT_ONCE, _BACK, _nothing),
    "exit_executed": (_BACK, _PROPOSE, _nothing),
}
"""What people may say of a coin in each state; some of it is refused."""
