"""What a strategy looks at, and what it may say: the whole interface between strategies and the loop.

1. A strategy is a pure function from a `View` to an `Advice`: the same view always gives the same advice.
2. An advice is no order. `add` says "one more step may be bought now"; size, caps and every gate come
   after it, and each of them can still say no. Nothing here sells: exits are agreed levels.
3. The loop asks only for coins that are `managed_active`.
4. What a strategy does not know it does not guess: an unknown regime is `None`, and a careful strategy
   holds then.
Add a strategy: write a module beside this one with an `advise(view)`, and give it a line in
`registry.STRATEGIES`.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

import msgspec

from bot.lifecycle.documents import ManagedAsset


class AdviceKind(StrEnum):
    """What a strategy can say."""

    HOLD = "hold"
    ADD = "add"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a strategy may look at; prices in quote units per coin."""

    asset: str
    strategy_group: str
    entry: ManagedAsset
    """The coin's agreement."""
    last: Decimal
    """The last traded price."""
    stop_loss: Decimal
    """The live stop: the agreed one, or higher where it follows the price."""
    regime: str | None = None
    """BULL, BEAR, SIDEWAYS at the last daily close; None as long as nobody has read it."""
    steps: int = 0
    """Steps that were agreed; zero: averaging was not agreed."""
    step_pct: Decimal = Decimal(0)
    """Percent of the reference price between two steps."""
    steps_bought: int = 0
    min_distance_pct: Decimal = Decimal(1)
    """Smallest distance of the price above the stop, in percent of the price (M3)."""
    now: dt.datetime


class Advice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a strategy says about one coin at one moment."""

    kind: AdviceKind
    reason: str
    """A short name for programs, such as `above_next_step`."""
    sentence: str
    level: Decimal | None = None
    """The price that the next step waits for, quote units per coin; absent where there is none."""

    @property
    def may_add(self) -> bool:
        """Say whether one more step may be bought now."""
        return self.kind is AdviceKind.ADD


Strategy = Callable[[View], Advice]
"""One strategy: see the rules above."""


def hold(reason: str, sentence: str, *, level: Decimal | None = None) -> Advice:
    """Return the advice to do nothing, with why."""
    return Advice(kind=AdviceKind.HOLD, reason=reason, sentence=sentence, level=level)


def add(reason: str, sentence: str, *, level: Decimal) -> Advice:
    """Return the advice that one more step may be bought now, with why."""
    return Advice(kind=AdviceKind.ADD, reason=reason, sentence=sentence, level=level)
