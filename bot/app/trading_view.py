"""Whether the whole bot trades, and if not, why: one value for screens, from the files alone."""

import datetime as dt
from typing import Any

import msgspec

from bot.app.core import HomeContext
from bot.kernel.reasons import reason_for
from bot.lifecycle.documents import Exits, ManagedStateContent, TradingHalt
from bot.lifecycle.trading_halt_rules import RESUME_WORD, has_cause, is_cause_there
from bot.storage.heartbeat import read_heartbeat
from bot.storage.managed_state_reader import read_managed_state


class TradingView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The trading halt, or that there is none."""

    halted: bool
    code: str | None = None
    text: str | None = None
    since: dt.datetime | None = None
    by: str | None = None
    exits: Exits | None = None
    cause_is_there: bool | None = None
    """None for a halt by hand, which has no cause that could go away by itself."""
    cause_gone_at: dt.datetime | None = None
    orders_in_flight: tuple[str, ...] = ()
    """Coins whose exit order left before the halt; their fills are booked."""
    confirm: str | None = None
    """What is typed to resume."""
    helps: tuple[str, ...] = ()
    limits: dict[str, Any] = {}
    """The watchdog's settings of the moment; 0 is off."""
    watchdog_runs: bool = False


def trading_view(context: HomeContext) -> TradingView:
    """Return whether the bot trades, with what a person can do about a halt."""
    content = read_managed_state(context.store).content
    halt = content.trading_halt
    beat = read_heartbeat(context.home)
    watched = beat is not None and beat.is_alive and beat.what == "run"
    names = ("watchdog.stale_data_s", "watchdog.stale_loop_s", "watchdog.exits", "trading.price_max_age_s")
    limits = {name: context.settings[name] for name in names}
    if halt is None:
        return TradingView(halted=False, limits=limits, watchdog_runs=watched)
    return TradingView(
        halted=True,
        code=halt.code,
        text=halt.text,
        since=halt.since,
        by=halt.by,
        exits=halt.exits,
        cause_is_there=is_cause_there(halt) if has_cause(halt) else None,
        cause_gone_at=halt.cause_gone_at,
        orders_in_flight=_in_flight(content),
        confirm=f"{RESUME_WORD}{halt.code}",
        helps=_helps(is_there=is_cause_there(halt), code=halt.code, watched=watched),
        limits=limits,
        watchdog_runs=watched,
    )


def halt_words(halt: TradingHalt) -> str:
    """Return a halt in one line, for a screen that is about something else."""
    exits = "stop and target stay armed" if halt.exits is Exits.ON else "EXITS ARE OFF AS WELL"
    return f"TRADING IS HALTED: {halt.text} [{halt.code}]; nothing is bought, {exits} (bot trading status)"


def _in_flight(content: ManagedStateContent) -> tuple[str, ...]:
    entries = content.managed_assets.items()
    return tuple(sorted(asset for asset, entry in entries if entry.exit_intent or entry.buy_intent))


def _helps(*, is_there: bool, code: str, watched: bool) -> tuple[str, ...]:
    if not is_there:
        return ("bot trading resume --reason TEXT   go on as agreed",)
    ways = [reason_for(code).help]
    if not watched:
        ways.append("bot run   its watchdog looks whether the cause is still there")
    return (*ways, "bot trading resume --accept --reason TEXT   an admin goes on in spite of it")
