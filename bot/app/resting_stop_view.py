"""Where a coin's stop rests, and what happens to it if the bot dies: for every screen the same words."""

from decimal import Decimal

import msgspec

from bot.kernel.money import text
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.resting_stop_rules import why_it_must_go
from bot.lifecycle.states import IN_THE_BOTS_HANDS

_NO_EXIT_LEAVES = ("exits_are_off", "drift_unresolved", "trading_halted")


class RestingStopView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stop at the exchange; quantity in base units, prices in quote units per coin."""

    client_order_id: str
    quantity: Decimal
    """What it may still sell."""
    stop_price: Decimal
    limit_price: Decimal
    is_confirmed: bool
    """Whether the exchange has told of it; else it may rest, or not."""
    must_go: str | None = None
    """The code of what lets it rest no longer: it is cancelled, and rests until that is confirmed."""

    @property
    def protects(self) -> bool:
        """Say whether it surely sells at the stop, with or without the bot."""
        return self.is_confirmed and self.must_go is None


def resting_stop_view(managed: ManagedStateContent, asset: str) -> RestingStopView | None:
    """Return the stop that is on record for a coin, or None."""
    entry = managed.managed_assets.get(asset)
    stop = entry.resting_stop if entry is not None else None
    if stop is None:
        return None
    return RestingStopView(
        client_order_id=stop.client_order_id,
        quantity=stop.remaining,
        stop_price=stop.stop_price,
        limit_price=stop.limit_price,
        is_confirmed=stop.exchange_order_id is not None,
        must_go=why_it_must_go(managed, asset),
    )


def if_the_bot_dies(managed: ManagedStateContent, asset: str) -> str | None:
    """Return in one sentence what becomes of the coin's stop without the bot; None for coins of others."""
    if managed.state_of(asset) not in IN_THE_BOTS_HANDS:
        return None
    stop = resting_stop_view(managed, asset)
    if stop is None:
        why = why_it_must_go(managed, asset)
        if why in _NO_EXIT_LEAVES:
            return f"nothing changes for it: no exit leaves now anyway ({why})"
        return "nobody sells it at its stop (setting trading.resting_stop)"
    sale = f"{text(stop.quantity)} {asset} at {text(stop.stop_price)}, down to {text(stop.limit_price)}"
    if stop.must_go is not None:
        return f"the exchange may still sell {sale}: its stop must go ({stop.must_go}), and rests till it has"
    if not stop.is_confirmed:
        return f"the exchange may sell {sale}: it has not told yet whether the stop rests"
    return f"the exchange sells {sale}, by the stop that rests there; nobody sells at the target"
