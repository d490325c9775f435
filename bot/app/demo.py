"""The demo: the whole job on real parts, each step by the commands that a person would type.

A box and a bot run as processes of their own; this script types commands, moves the box's market by
hand, and shows the state before and after each step. Killed at any point, it leaves a home that
`bot status` and `bot worker --once` understand: every step is a command like any other.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from bot.app.clock import SystemClock
from bot.app.connection import read_box
from bot.app.core import HomeContext
from bot.app.environment import surroundings
from bot.exchange.box.client import BoxControl
from bot.holdings.positions import Position
from bot.kernel.errors import BotError, ExchangeUnavailableError, UsageError
from bot.kernel.money import text
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.heartbeat import read_heartbeat
from bot.storage.home import Home
from bot.storage.private_files import create_text, is_empty, make_folder, open_log, remove_tree

SEED = 22
START = "2026-05-03T12:00:00Z"
"""With the seed it makes the market: the same on any day, its course not staged but calculated."""
WALLET = "SOL=25,ETH=2,DOGE=12000,BTC=0.15,USDT=10000"
STEP_HOURS = 3
_STEPS_MAX = 400
_TOLD_EVERY = 2
_MARKER = ".made-by-bot-demo"
_MARKER_TEXT = "This folder was made by `bot demo`, and the next `bot demo` deletes it.\n"
_LETS_GO_S = 5.0
"""How long the processes of a demo that was killed may take to notice."""
_WAIT_S = 30.0
_LOOK_S = 0.05

Print = Callable[[str], None]


class Demo:
    """Runs the story in one home; `say` prints a line."""

    def __init__(self, root: Path, *, say: Print) -> None:
        self._root = root
        self._say = say
        self._clock = SystemClock()
        self._children: list[subprocess.Popen[str]] = []
        self._context = HomeContext(root, environ={})

    def run(self) -> None:
        """Tell the whole story; raises `BotError` naming the step that failed."""
        self._fresh_folder()
        try:
            self._prepare()
            self._hand_over("SOL", "recommended")
            self._follow_to_the_end("SOL")
            self._command("audit", "show", "SOL")
            self._say("\n# Two more coins stay for you to look at.")
            self._hand_over("ETH", "recommended", show=False)
            self._command("propose", "DOGE")
        finally:
            self._stop_children()
        self._command("state", "check")
        self._command("audit", "verify")

    def _prepare(self) -> None:
        self._say("# A home, an exchange in a box, and a bot.")
        self._command("init")
        self._start(
            *("box", "serve", "--seed", str(SEED), "--start", START, "--speed", "0"),
            *("--wallet", WALLET),
        )
        self._until(lambda: read_box(Home(self._root)) is not None, "the box")
        self._start("run", trading_cycle_s="0.1")
        self._until(self._bot_is_up, "the bot")
        self._say("\n# The wallet is recorded: everything frozen.")
        self._command("baseline", "capture")
        self._command("baseline", "apply")

    def _hand_over(self, asset: str, variant: str, *, show: bool = True) -> None:
        self._say(f"\n# {asset}: ask, read, approve.")
        self._command("propose", asset)
        if show:
            self._command("proposals", "show", asset)
        pending = self._state().pending_proposals.get(asset)
        if pending is None:
            raise UsageError(f"No proposal was made for {asset}.", why="bot holdings show tells the reason.")
        digest = self._state().managed_assets[asset].proposal_digest or ""
        self._command("approve", asset, "--confirm", f"{asset}:{variant}", "--digest", digest[:8])
        self._until(lambda: f"{asset}/USDT" in self._positions(), f"the loop to take {asset} over")
        self._say(f"  the loop tracks {asset} now; nothing was bought")

    def _follow_to_the_end(self, asset: str) -> None:
        position = self._positions()[f"{asset}/USDT"]
        self._say(
            f"\n# The market moves. Stop {text(position.stop_loss)}, target {text(position.take_profit)}."
        )
        box = read_box(Home(self._root))
        if box is None:
            raise ExchangeUnavailableError("The box is gone.")
        with BoxControl(box.control_url, box.control_token) as control:
            for step in range(_STEPS_MAX):
                control.advance(STEP_HOURS * 3600)
                price = control.price(f"{asset}/USDT")
                reached = _reached(position, price)
                if reached or (step + 1) % _TOLD_EVERY == 0:
                    self._say(f"  {(step + 1) * STEP_HOURS:>4} h   {asset} {text(price)}{reached}")
                if reached:
                    break
                self._clock.sleep(_LOOK_S)  # so that the loop sees every step
        self._until(lambda: self._state().state_of(asset) is AssetState.EXIT_EXECUTED, f"the exit of {asset}")
        entry = self._state().managed_assets[asset]
        sold, quote = entry.sold_quantity or Decimal(0), entry.sold_quote or Decimal(0)
        handed_over = entry.approved_quantity or sold
        last = entry.history[-1]
        if last.from_state is AssetState.MANAGED_DRIFT_ALERT:
            self._say(
                f"  {asset}: managed_active -> managed_drift_alert; the price left its band,"
                " stop and target stay armed"
            )
        self._say(
            f"  {asset}: {last.from_state} -> {last.to_state}; sold {text(sold)} of {text(handed_over)}"
            f" handed over, for {quote:,.2f} USDT"
        )
        self._command("holdings", "show", asset)

    def _fresh_folder(self) -> None:
        marker = self._root / _MARKER
        if self._root.exists() and not is_empty(self._root):
            if not marker.is_file():
                raise UsageError(
                    f"{self._root} was not made by the demo.",
                    why="The demo makes its folder new and deletes what is in it.",
                    fix="Choose a folder that is empty or not there: bot --home FOLDER demo",
                )
            self._wait_for_the_last_one()
            remove_tree(self._root)
        make_folder(self._root)
        create_text(marker, _MARKER_TEXT)

    def _wait_for_the_last_one(self) -> None:
        deadline = self._clock.monotonic() + _LETS_GO_S
        while (heartbeat := read_heartbeat(Home(self._root))) is not None and heartbeat.is_alive:
            if self._clock.monotonic() > deadline:
                raise BotError(
                    f"A bot works in {self._root}.",
                    code="already_running",
                    why=f"Its process is {heartbeat.pid}.",
                    fix=f"Stop it first: kill {heartbeat.pid}",
                )
            self._clock.sleep(_LOOK_S)

    def _command(self, *words: str) -> None:
        """Type one command, show it and what it prints."""
        self._say(f"\n$ bot --home {self._root.name} {' '.join(words)}")
        done = subprocess.run(  # noqa: S603 - the product's own command
            self._argv(words),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # in the order in which a person would see it
            timeout=120,
            check=False,
            env=_plain_surroundings(),
        )
        for line in done.stdout.rstrip().splitlines():
            self._say(f"  {line}")
        if done.returncode != 0:
            raise BotError(
                f"bot {' '.join(words)} ended with exit code {done.returncode}.",
                why="Its own words stand above.",
                unchanged=f"{self._root} stays as it is: look with bot --home {self._root} status",
            )

    def _start(self, *words: str, trading_cycle_s: str | None = None) -> None:
        self._say(f"\n$ bot --home {self._root.name} {' '.join(words)} &")
        environ = {"BOT_TRADING_CYCLE_S": trading_cycle_s} if trading_cycle_s else {}
        with open_log(Home(self._root).run / f"{words[0]}.log") as log:
            child = subprocess.Popen(  # noqa: S603 - the product's own command
                self._argv((*words, "--stop-with-parent", str(os.getpid()))),
                text=True,
                stdout=log,
                stderr=log,
                env={**_plain_surroundings(), **environ},
            )
        self._children.append(child)

    def _argv(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "bot.main", "--home", str(self._root), *words]

    def _until(self, done: Callable[[], bool], what: str) -> None:
        deadline = self._clock.monotonic() + _WAIT_S
        while not done():
            for child in self._children:
                if child.poll() is not None:
                    raise BotError(
                        f"A process ended while waiting for {what}.",
                        why=f"It was: {child.args!r}; its words are in state/run/.",
                    )
            if self._clock.monotonic() > deadline:
                raise BotError(f"Waited {_WAIT_S:.0f} s for {what}, in vain.")
            self._clock.sleep(_LOOK_S)

    def _bot_is_up(self) -> bool:
        heartbeat = read_heartbeat(Home(self._root))
        return heartbeat is not None and heartbeat.is_alive and heartbeat.loop_at is not None

    def _state(self) -> ManagedStateContent:
        return self._context.store.read(MANAGED_STATE).content

    def _positions(self) -> Mapping[str, Position]:
        return self._context.store.read(POSITIONS).content.positions

    def _stop_children(self) -> None:
        for child in reversed(self._children):
            child.terminate()
        for child in reversed(self._children):
            child.wait(timeout=_WAIT_S)
        self._children.clear()


def _plain_surroundings() -> dict[str, str]:
    """Return the environment without settings: the demo is the same whatever the caller's shell says."""
    return {name: value for name, value in surroundings().items() if not name.startswith("BOT_")}


def _reached(position: Position, price: Decimal) -> str:
    if price <= position.stop_loss:
        return ": the stop is reached"
    return ": the target is reached" if price >= position.take_profit else ""
