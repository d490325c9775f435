"""Where a stop stands that follows the price: the agreed one, the live one, and what it hangs on."""

import datetime as dt
from decimal import Decimal

import msgspec

from bot.holdings.positions import Position
from bot.kernel.money import text
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.states import IN_THE_BOTS_HANDS
from bot.lifecycle.trailing import agreed_stop, kept_trail, live_stop, plan_of
from bot.lifecycle.trailing_terms import Trail


class TrailingView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One coin's stop that follows the price; quote units per coin."""

    agreed_stop_loss: Decimal
    live_stop_loss: Decimal
    distance: Decimal
    activation_price: Decimal | None = None
    """It follows from this price on; absent: at once."""
    highest_price: Decimal | None = None
    """The price that lifted the stop last; absent as long as the agreed stop stands."""
    trailing_from: dt.datetime | None = None

    @property
    def is_lifted(self) -> bool:
        """Say whether the live stop lies above the agreed one."""
        return self.live_stop_loss > self.agreed_stop_loss


def trail_of(entry: ManagedAsset, position: Position | None) -> Trail | None:
    """Return what is on record for this agreement: nothing of an earlier one or of a closed position."""
    current = position is not None and position.is_open
    if position is None or not current or position.proposal_id != entry.current_proposal_id:
        return None
    return kept_trail(entry, position.trail)


def trailing_view(entry: ManagedAsset, position: Position | None) -> TrailingView | None:
    """Return where the stop stands, or None where it does not follow the price."""
    plan = plan_of(entry)
    if plan is None or entry.state not in IN_THE_BOTS_HANDS:
        return None
    trail = trail_of(entry, position)
    return TrailingView(
        agreed_stop_loss=agreed_stop(entry),
        live_stop_loss=live_stop(entry, trail),
        distance=plan.distance,
        activation_price=plan.activation_price or None,
        highest_price=trail.highest_price if trail is not None else None,
        trailing_from=trail.trailing_from if trail is not None else None,
    )


def trailing_words(view: TrailingView) -> str:
    """Return the same in one sentence for people."""
    behind = f"{text(view.distance)} below the highest price"
    if view.is_lifted and view.highest_price is not None:
        return f"{behind}, {text(view.highest_price)}; the agreed stop is {text(view.agreed_stop_loss)}"
    if view.activation_price is not None and view.highest_price is None:
        return f"{behind}, from {text(view.activation_price)} on; until then the agreed stop stands"
    return f"{behind}, as soon as that is above the agreed stop"
