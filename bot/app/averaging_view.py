"""Where averaging stands for one coin: what was agreed, bought, spent and is left, and what holds it up."""

from decimal import Decimal

import msgspec

from bot.kernel.money import ZERO, text
from bot.lifecycle.buy_caps import committed_to, dca_of, next_step_price, room_for
from bot.lifecycle.dca_terms import DcaTerms
from bot.lifecycle.documents import ManagedStateContent


class AveragingView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One coin's own buys; quantities in base units, money in quote units before fees."""

    steps: int
    steps_bought: int
    step_pct: Decimal
    per_step_usdt: Decimal
    max_additional_usdt: Decimal
    bought_quantity: Decimal
    spent_usdt: Decimal
    """An open buy counts at the most that it can cost."""
    left_usdt: Decimal
    soft_cap_left_usdt: Decimal
    hard_cap_left_usdt: Decimal
    next_step_price: Decimal | None = None
    """The next step waits for this price; absent when all are bought."""
    order_in_flight: str | None = None
    held_up_by: str | None = None
    """Which cap leaves nothing for the next step, for people."""


def averaging_view(managed: ManagedStateContent, asset: str, *, investable: Decimal) -> AveragingView | None:
    """Return where averaging stands, or None where it was never agreed and nothing was bought.

    Args:
        managed: The managed state.
        asset: The coin.
        investable: CAP-1, the hard cap in quote units.
    """
    entry = managed.managed_assets.get(asset)
    if entry is None:
        return None
    agreed = dca_of(entry)
    if agreed is None and not entry.bought_quote and entry.buy_intent is None:
        return None
    terms = agreed or DcaTerms(steps=entry.bought_steps or 0, step_pct=ZERO, max_additional_usdt=ZERO)
    room = room_for(managed, asset, terms, investable=investable)
    done = entry.bought_steps or 0
    is_over = agreed is None or done >= terms.steps
    return AveragingView(
        steps=terms.steps,
        steps_bought=done,
        step_pct=terms.step_pct,
        per_step_usdt=terms.per_step_usdt,
        max_additional_usdt=terms.max_additional_usdt,
        bought_quantity=entry.bought_quantity or ZERO,
        spent_usdt=committed_to(entry),
        left_usdt=max(ZERO, terms.max_additional_usdt - committed_to(entry)),
        soft_cap_left_usdt=room.soft_cap,
        hard_cap_left_usdt=room.hard_cap,
        next_step_price=None if is_over else next_step_price(entry, terms),
        order_in_flight=None if entry.buy_intent is None else entry.buy_intent.client_order_id,
        held_up_by=None if is_over else _held_up(investable, room.soft_cap, room.hard_cap),
    )


def _held_up(investable: Decimal, soft_cap: Decimal, hard_cap: Decimal) -> str | None:
    if investable <= ZERO:
        return "the investable capital is 0 (risk.investable_capital_usdt), so nothing is bought"
    if hard_cap <= ZERO:
        return "the investable capital is bound in the bot's own buys"
    if soft_cap <= ZERO:
        return "the coin's allocation is used up: its value at the reference already reaches it"
    return None


def averaging_words(view: AveragingView) -> str:
    """Return it in a line for people."""
    parts = [
        f"{view.steps_bought} of {view.steps} steps bought",
        f"{text(view.bought_quantity)} for {view.spent_usdt:.2f}",
        f"{view.left_usdt:.2f} left",
    ]
    if view.next_step_price is not None:
        parts.append(f"the next waits at {text(Decimal(f'{view.next_step_price:.8g}'))}")
    if view.held_up_by is not None:
        parts.append(view.held_up_by)
    return ", ".join(parts)
