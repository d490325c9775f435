"""The watchdog inside the bot: it halts trading on stale data or a stale loop, and never trades itself.

1. It judges from a thread of its own by a clock that never steps: a loop that hangs in one call counts.
2. Stale data: no coin in the bot's hands had a fresh price for `watchdog.stale_data_s`. One coin without a
   price is that coin's alarm, and its exit waits at the gate `price_fresh`; all of them are a dead feed.
   A price is as old as the exchange's own time on it says, where market time is the world's; one that lies
   ahead of this machine's clock by as much is as bad, because then nobody knows how old any of them is.
3. Stale loop: no cycle was finished for `watchdog.stale_loop_s` beyond the pause between two cycles.
4. The halt is a command of the bus, applied past a database that is gone. It is sent and alarmed once; a
   halt that is there is never overwritten. Only a person ends it (DR-8: nothing here decides about coins).
5. What a person resumed with its cause accepted halts again only after the cause was gone for once.
6. A watchdog that was itself not run for a while (a suspended machine) gives everybody their time anew.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.commands.sender import CommandSender
from bot.kernel.clock import Clock
from bot.kernel.ids import pair_of
from bot.lifecycle.command_payloads import HaltCause, HaltTrading, Payload, UpdateTradingHalt
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import Exits, ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.lifecycle.trading_halt_rules import has_cause, is_cause_there
from bot.storage.documents import MANAGED_STATE
from bot.storage.state_store import StateStore
from bot.trading.market_look import MarketLook
from bot.trading.report import Step

LOOK_EVERY_S = 1.0
_SLEPT_S = 10.0
"""A gap between two looks beyond which the watchdog itself was not run."""


class WatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the moment; 0 switches a limit off. Seconds."""

    stale_data_s: float
    stale_loop_s: float
    cycle_s: float
    exits: Exits


class LoopSigns:
    """What the loop tells of itself, kept by a clock that never steps; shared by threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._finished_at_s: float | None = None
        self._watched_since_s: dict[str, float] = {}
        self._fresh_at_s: dict[str, float] = {}
        self._ahead_s = Decimal(0)

    def saw(self, look: MarketLook, symbols: Mapping[str, str]) -> None:
        """Keep when each coin's newest price was made; `symbols` is by coin, all that are in hands now."""
        now_s = self._clock.monotonic()
        ages_s = {asset: look.price_age_s(symbol) for asset, symbol in symbols.items()}
        made_at_s = {asset: now_s - float(age_s) for asset, age_s in ages_s.items() if age_s is not None}
        with self._lock:
            self._watched_since_s = {asset: self._watched_since_s.get(asset, now_s) for asset in symbols}
            known = {asset: at for asset, at in self._fresh_at_s.items() if asset in symbols}
            self._fresh_at_s = {**known, **{a: max(at, known.get(a, at)) for a, at in made_at_s.items()}}
            if made_at_s:
                self._ahead_s = min(look.ahead_s(symbols[asset]) for asset in made_at_s)

    def finished(self) -> None:
        """Keep that a cycle was finished."""
        with self._lock:
            self._finished_at_s = self._clock.monotonic()

    def loop_age_s(self, since_s: float) -> float:
        """Return how long ago the last cycle was finished, or `since_s` was if that is later."""
        with self._lock:
            return self._clock.monotonic() - max(self._finished_at_s or since_s, since_s)

    def data_age_s(self, since_s: float) -> float | None:
        """Return how old the freshest price of all watched coins is; None while none is watched.

        A coin that has had no price yet counts from when it was first asked for; none from before `since_s`.
        """
        with self._lock:
            if not self._watched_since_s:
                return None
            newest_s = max(self._fresh_at_s.get(a, since) for a, since in self._watched_since_s.items())
            return self._clock.monotonic() - max(since_s, newest_s)

    def are_good(self, since_s: float, *, data_within_s: float) -> bool:
        """Say whether a cycle was finished since then, and a fresh price is known where one is asked for."""
        with self._lock:
            if self._finished_at_s is None or self._finished_at_s <= since_s:
                return False
            if not self._watched_since_s or data_within_s <= 0:
                return True
            newest_s = max(self._fresh_at_s.values(), default=float("-inf"))
            return self._clock.monotonic() - newest_s <= data_within_s

    @property
    def ahead_s(self) -> float:
        """Return how far even the least of the prices' own times lies ahead of this machine's clock."""
        return float(self._ahead_s)

    @property
    def coins(self) -> tuple[str, ...]:
        """Return the watched coins."""
        with self._lock:
            return tuple(sorted(self._watched_since_s))


def coins_in_hands(managed: ManagedStateContent, quote: str) -> dict[str, str]:
    """Return the symbol of each coin whose price the bot must know."""
    entries = managed.managed_assets.items()
    return {asset: pair_of(asset, quote) for asset, entry in entries if entry.state in IN_THE_BOTS_HANDS}


class Watchdog:
    """Looks at the signs, and halts trading by a command."""

    def __init__(
        self,
        store: StateStore,
        sender: CommandSender,
        signs: LoopSigns,
        *,
        clock: Clock,
        limits: Callable[[], WatchLimits],
    ) -> None:
        self._store = store
        self._sender = sender
        self._signs = signs
        self._clock = clock
        self._limits = limits
        self._since_s = self._looked_at_s = clock.monotonic()
        self._was_halted = False
        self._causes_before: frozenset[HaltCause] = frozenset()
        self._accepted: frozenset[HaltCause] = frozenset()

    def look(self) -> list[Step]:
        """Judge once; halt, or keep what is seen of a halt's cause. Returns what was done.

        Raises:
            StorageError: The state could not be read or written; the next look tries again.
        """
        now_s = self._clock.monotonic()
        if now_s - self._looked_at_s > _SLEPT_S:
            self._since_s = now_s
        try:
            return self._look(self._limits())
        finally:  # what a look waited for (a lock) is no sleep
            self._looked_at_s = self._clock.monotonic()

    def _look(self, limits: WatchLimits) -> list[Step]:
        causes = dict(self._causes(limits))
        halt = self._store.read(MANAGED_STATE).content.trading_halt
        if halt is None and self._was_halted:  # a person resumed: what was there was accepted
            self._accepted |= causes.keys() & self._causes_before
        self._accepted &= causes.keys()
        self._was_halted, self._causes_before = halt is not None, frozenset(causes)
        if halt is None:
            new = [cause for cause in causes if cause not in self._accepted]
            return self._halt(new[0], causes[new[0]], limits.exits) if new else []
        if not has_cause(halt) or is_cause_there(halt) is bool(causes):
            return []
        if not causes and not self._signs.are_good(self._since_s, data_within_s=limits.stale_data_s):
            return []  # nothing bad was seen yet, nor anything good
        return self._update(causes)

    def _update(self, causes: Mapping[HaltCause, str]) -> list[Step]:
        words = "; ".join(causes.values()) or "prices are fresh and the loop comes round"
        payload = UpdateTradingHalt(cause_is_there=bool(causes), text=words)
        if not self._applied(CommandType.UPDATE_TRADING_HALT, payload):
            return []
        what = "halt_cause_is_back" if causes else "halt_cause_is_gone"
        return [Step(asset="*", what=what, sentence=f"{words}; a person ends the halt: bot trading resume")]

    def _halt(self, cause: HaltCause, words: str, exits: Exits) -> list[Step]:
        if not self._applied(CommandType.HALT_TRADING, HaltTrading(text=words, exits=exits, cause=cause)):
            return []  # another halt was first
        self._was_halted = True  # also if a person has ended it before the next look
        left = "agreed exits stay on, on fresh prices" if exits is Exits.ON else "exits are off as well"
        sentence = f"trading is halted: {words}; nothing is bought, {left} (bot trading status)"
        data = {"code": cause, "exits": exits.value}
        return [Step(asset="*", what="trading_halted", sentence=sentence, data=data, alarm=True)]

    def _causes(self, limits: WatchLimits) -> Iterable[tuple[HaltCause, str]]:
        """Yield what is wrong now, the gravest first: a loop that hangs fetches no prices either."""
        loop_s = self._signs.loop_age_s(self._since_s)
        if limits.stale_loop_s > 0 and loop_s > limits.stale_loop_s + limits.cycle_s:
            yield "stale_loop", f"the trading loop finished no cycle for {loop_s:.0f} s"
        if limits.stale_data_s <= 0:
            return
        coins = ", ".join(self._signs.coins)
        data_s = self._signs.data_age_s(self._since_s)
        if data_s is not None and data_s > limits.stale_data_s:
            yield "stale_data", f"no fresh price for {data_s:.0f} s of {coins}"
        elif data_s is not None and self._signs.ahead_s > limits.stale_data_s:
            ahead = f"a time {self._signs.ahead_s:.0f} s ahead of this machine's clock"
            yield "stale_data", f"the prices of {coins} carry {ahead}: nobody knows how old they are"

    def _applied(self, command_type: CommandType, payload: Payload) -> bool:
        """Send to the state at once; the row follows, so that no halt waits for a database."""
        outcome = self._sender.send(command_type, "*", payload, actor="bot", book=False)
        return outcome.state is CommandState.APPLIED
