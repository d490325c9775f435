"""t1_core: keeps a sound coin, and may average down in agreed steps as long as the market is no bear's.

1. Nothing is added that was not agreed: steps and their width come from the agreement.
2. Step k waits at the reference less k times the width; one step per level, from the top down.
3. In a BEAR regime nothing is added; nor while the regime is not known.
4. Nothing is added close to the stop: what is bought there is sold at a loss with the next tick (M3).
5. The stop trails by the agreement alone.
"""

from decimal import Decimal

from bot.kernel.money import HUNDRED, ZERO, text
from bot.strategies.advice import Advice, View, add, hold

BEAR = "BEAR"


def step_level(reference: Decimal, step_pct: Decimal, step: int) -> Decimal:
    """Return the price that step number `step` (from 1) waits for, in quote units per coin."""
    return reference * (HUNDRED - step_pct * step) / HUNDRED


def advise(view: View) -> Advice:
    """Say whether the next agreed step may be bought."""
    reference = view.entry.reference_price
    if view.steps <= 0 or view.step_pct <= ZERO or reference is None:
        return hold("no_steps_agreed", f"{view.asset}: averaging was not agreed")
    if view.steps_bought >= view.steps:
        return hold("all_steps_bought", f"{view.asset}: all {view.steps} agreed steps are bought")
    step = view.steps_bought + 1
    level = step_level(reference, view.step_pct, step)
    words = f"{view.asset}: step {step} of {view.steps} waits at {text(level)}"
    if level <= view.stop_loss:
        return hold("step_below_stop", f"{words}, at or below the stop {text(view.stop_loss)}", level=level)
    if view.last > level:
        return hold("above_next_step", f"{words}; the price is {text(view.last)}", level=level)
    return _reached(view, level, f"{words} and is reached at {text(view.last)}")


def _reached(view: View, level: Decimal, words: str) -> Advice:
    """Say whether a step that the price has reached may be bought in this market."""
    if view.regime is None:
        return hold("regime_unknown", f"{words}; the regime is not known yet", level=level)
    if view.regime == BEAR:
        return hold("regime_is_bear", f"{words}; the regime is {BEAR}", level=level)
    if view.last - view.stop_loss < view.last * view.min_distance_pct / HUNDRED:
        told = f"less than {text(view.min_distance_pct)} % above the stop {text(view.stop_loss)}"
        return hold("too_close_to_stop", f"{words}, {told}", level=level)
    return add("step_reached", words, level=level)
