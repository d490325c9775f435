"""What the bot would do next with a coin, and at which price: the rules, told ahead of time.

1. Stop and target are the live ones (C1), the exit is what `exit_rules` allows now; where no order may
   leave, the reason is named instead.
2. A distance is counted from the last traded price, in percent of it and in ATR; without a price it is
   left out.
"""

import datetime as dt
from decimal import Decimal

import msgspec

from bot.app.averaging_view import AveragingView
from bot.kernel.clock import iso_z
from bot.kernel.money import HUNDRED, ZERO, text
from bot.lifecycle.documents import Exits, ManagedAsset, PendingProposal, ReleaseMode
from bot.lifecycle.drift_kinds import is_unresolved
from bot.lifecycle.exit_rules import live_levels, why_no_exit
from bot.lifecycle.resting_stop_rules import unsold
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.lifecycle.trailing import agreed_stop
from bot.lifecycle.trailing_terms import Trail

_PCT, _ATR = Decimal("0.01"), Decimal("0.1")


class NextStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that would happen by itself: what, and when."""

    what: str
    when: str
    price: Decimal | None = None
    """Quote units per coin at which it happens."""
    distance_pct: Decimal | None = None
    """From the last price to `price`; below zero: the price would have to fall."""
    distance_atr: Decimal | None = None
    at: dt.datetime | None = None


def next_steps(
    asset: str,
    entry: ManagedAsset,
    pending: PendingProposal | None,
    *,
    last: Decimal | None,
    worker_alive: bool,
    trail: Trail | None = None,
    averaging: AveragingView | None = None,
) -> tuple[NextStep, ...]:
    """Return what would happen by itself, the nearest in rank first.

    Args:
        asset: The coin.
        entry: Its entry.
        pending: Its line among the waiting proposals.
        last: The last traded price in quote units per coin; None if it is not known.
        worker_alive: Whether a process works in this home.
        trail: What is on record of a stop that follows the price.
        averaging: Where averaging stands, where it was agreed.
    """
    if entry.state in IN_THE_BOTS_HANDS:
        return (*_in_hands(asset, entry, last, trail), *_next_buy(asset, entry, last, averaging))
    worker = "" if worker_alive else " (no worker is running: bot worker --once)"
    match entry.state:
        case AssetState.PROPOSAL_PENDING:
            return (
                NextStep(what="the engine writes the proposal", when=f"when a worker comes to it{worker}"),
            )
        case AssetState.RISK_PROPOSED:
            until = pending.expires_at if pending is not None else None
            return (
                NextStep(
                    what=f"{asset} goes back to frozen, without a cool-down,",
                    when="when its time is over, or earlier if the price or the balance moves too far",
                    at=until,
                ),
            )
        case AssetState.PROPOSAL_ABORTED:
            return (NextStep(what=f"{asset} goes back to frozen", when=f"with the next timed pass{worker}"),)
        case AssetState.PROPOSAL_REJECTED:
            return (
                NextStep(
                    what=f"{asset} goes back to frozen and may be proposed again",
                    when="when the cool-down is over",
                    at=entry.cooldown_until,
                ),
            )
        case _:
            return ()


def why_nothing(entry: ManagedAsset) -> str | None:
    """Return why the bot waits for a person, or None where something happens by itself."""
    if entry.state is AssetState.FROZEN:
        return "The bot never touches it; nothing happens by itself."
    if entry.state is AssetState.EXIT_EXECUTED:
        return "It was sold as agreed; a coin goes back to frozen by a person's word only (DR-11)."
    if _waits_for_off_exits(entry):
        return "It waits: a graceful release ends with the agreed exit, and its exits are off."
    return None


def _waits_for_off_exits(entry: ManagedAsset) -> bool:
    graceful = entry.release_mode is ReleaseMode.GRACEFUL
    is_off = entry.exits is Exits.OFF and entry.exit_intent is None
    return entry.state is AssetState.RELEASE_PENDING and graceful and is_off


def _in_hands(
    asset: str, entry: ManagedAsset, last: Decimal | None, trail: Trail | None
) -> tuple[NextStep, ...]:
    quantity = f"{text(unsold(entry))} {asset}"
    if entry.exit_intent is not None:
        intent = entry.exit_intent
        return (
            NextStep(
                what=f"the fill of exit order {intent.client_order_id} is booked",
                when=f"it was opened at {iso_z(intent.opened_at.replace(microsecond=0))} for"
                f" {text(intent.quantity)} {asset}, because of {intent.reason}",
                price=intent.trigger_price,
            ),
        )
    steps: list[NextStep] = []
    if why_no_exit(entry) is None and unsold(entry) > ZERO:
        if entry.force_exit:
            steps.append(
                NextStep(what=f"sell {quantity} at market", when="in the loop's next cycle: ordered by hand")
            )
        stop, target = live_levels(entry, trail)
        followed = "stop that followed the price" if stop > agreed_stop(entry) else "stop"
        resting = entry.resting_stop
        stop_words = f"sell {quantity} at market ({followed})"
        if resting is not None:
            rests = f"{text(resting.remaining)} {asset} by the stop that rests there"
            stop_words = f"the exchange sells {rests}, the loop what is left ({followed})"
        steps += [
            _level(
                stop_words,
                "when the last price is at or below",
                stop,
                entry,
                last,
            ),
            _level(
                f"sell {quantity} at market (target)",
                "when the last price is at or above",
                target,
                entry,
                last,
            ),
        ]
    if entry.state is AssetState.RELEASE_PENDING and not _waits_for_off_exits(entry):
        graceful = entry.release_mode is ReleaseMode.GRACEFUL
        when = "once the agreed exit was filled" if graceful else "with the next timed pass; nothing is sold"
        steps.append(NextStep(what=f"{asset} goes back to frozen, to its owner,", when=when))
    return tuple(steps)


def _next_buy(
    asset: str, entry: ManagedAsset, last: Decimal | None, averaging: AveragingView | None
) -> tuple[NextStep, ...]:
    if entry.buy_intent is not None:
        intent = entry.buy_intent
        opened = iso_z(intent.opened_at.replace(microsecond=0))
        when = f"it was opened at {opened} for {text(intent.quantity)} {asset}, step {intent.step}"
        told = f"what buy order {intent.client_order_id} brought is booked"
        return (NextStep(what=told, when=when, price=intent.limit_price),)
    waits = averaging is not None and averaging.next_step_price is not None and not averaging.held_up_by
    if averaging is None or averaging.next_step_price is None or not waits:
        return ()
    if entry.state is not AssetState.MANAGED_ACTIVE or is_unresolved(entry):
        return ()
    step = f"buy step {averaging.steps_bought + 1} of {averaging.steps}"
    what = f"{step}, for {averaging.per_step_usdt:.2f} at most"
    when = "when its strategy advises it and the last price is at or below"
    return (_level(what, when, averaging.next_step_price, entry, last),)


def _level(what: str, when: str, price: Decimal, entry: ManagedAsset, last: Decimal | None) -> NextStep:
    if last is None or last <= ZERO:
        return NextStep(what=what, when=when, price=price)
    away = price - last
    return NextStep(
        what=what,
        when=when,
        price=price,
        distance_pct=(away / last * HUNDRED).quantize(_PCT),
        distance_atr=(abs(away) / entry.atr).quantize(_ATR) if entry.atr else None,
    )
