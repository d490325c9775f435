"""Why a coin stands where it stands, what comes next, and what a person can do: one value for screens.

From the files alone; the live price is added where somebody asked the exchange for it.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec

from bot.app.averaging_view import averaging_view
from bot.app.core import HomeContext
from bot.app.next_steps import NextStep, next_steps, why_nothing
from bot.app.trailing_view import trail_of
from bot.app.views import HoldingLine, holding
from bot.kernel.ids import pair_of
from bot.kernel.reasons import reason_for
from bot.lifecycle.documents import HistoryEntry, ManagedAsset, ReasonNote, TradingHalt
from bot.lifecycle.drift_kinds import drifts_of
from bot.lifecycle.exit_rules import why_no_exit_now
from bot.lifecycle.states import IN_THE_BOTS_HANDS, MEANING, AssetState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE, POSITIONS
from bot.storage.heartbeat import read_heartbeat
from bot.trading.universe import LeftOut, UniverseFacts, why_left_out


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was refused, with what helps."""

    at: str
    command_id: str
    type: str
    asset: str
    actor: str
    code: str
    reason: str
    fix: str


class AssetExplanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One coin explained."""

    asset: str
    state: AssetState
    meaning: str
    because: ReasonNote | None = None
    since: dt.datetime | None = None
    by: str | None = None
    holding: HoldingLine
    price: Decimal | None = None
    """The last traded price, quote units per coin; absent where nobody asked, or nobody answered."""
    next_steps: tuple[NextStep, ...] = ()
    nothing_because: str | None = None
    no_order_because: dict[str, str] | None = None
    """Code and sentence of the rule that lets no exit order leave now."""
    trading_halt: TradingHalt | None = None
    """Trading of the whole bot is halted; told for a coin that it concerns."""
    drifts: tuple[dict[str, Any], ...] = ()
    last_refusal: Refusal | None = None
    history: tuple[HistoryEntry, ...] = ()
    you_can: tuple[str, ...] = ()
    left_out: LeftOut | None = None
    """Why the bot opens nothing new in it; exits ask nothing of this. Its market is not looked at."""


def explain_asset(context: HomeContext, asset: str, *, price: Decimal | None = None) -> AssetExplanation:
    """Return one coin's explanation.

    Raises:
        UsageError: `unknown_asset`.
    """
    found, line = holding(context, asset)
    entry = found or ManagedAsset(state=AssetState.FROZEN)
    managed = context.store.read(MANAGED_STATE).content
    newest = entry.history[-1] if entry.history else None
    heartbeat = read_heartbeat(context.home)
    symbol = pair_of(asset, context.settings["quote"])
    code = why_no_exit_now(managed, asset) if entry.state in IN_THE_BOTS_HANDS else None
    return AssetExplanation(
        asset=asset,
        state=entry.state,
        meaning=MEANING[entry.state],
        because=entry.reason,
        since=newest.ts if newest is not None else None,
        by=newest.actor if newest is not None else None,
        holding=line,
        price=price,
        next_steps=next_steps(
            asset,
            entry,
            managed.pending_proposals.get(asset),
            last=price,
            worker_alive=heartbeat is not None and heartbeat.is_alive,
            trail=trail_of(entry, context.store.read(POSITIONS).content.positions.get(symbol)),
            averaging=averaging_view(
                managed, asset, investable=context.settings["risk.investable_capital_usdt"]
            ),
        ),
        nothing_because=why_nothing(entry),
        no_order_because={"code": code, "sentence": reason_for(code).sentence} if code else None,
        trading_halt=managed.trading_halt if entry.state in IN_THE_BOTS_HANDS else None,
        drifts=tuple(
            {"kind": drift.kind, "detected_at": drift.detected_at, "evidence": dict(drift.evidence)}
            for drift in drifts_of(entry)
        ),
        last_refusal=last_refusal(context, asset),
        history=entry.history,
        you_can=you_can(asset, entry),
        left_out=why_left_out(
            asset,
            UniverseFacts(
                managed=managed,
                baseline=context.store.read(BASELINE_HOLDINGS).content,
                quote=context.settings["quote"],
                blacklist=context.settings["risk.blacklist"],
            ),
        ),
    )


def last_refusal(context: HomeContext, asset: str) -> Refusal | None:
    """Return the newest refusal that concerns a coin."""
    newest = None
    for record in context.store.refusals.records(asset=asset):
        newest = record
    return refusal_of(newest) if newest is not None else None


def refusal_of(record: dict[str, Any]) -> Refusal:
    """Return a record of the refusals with what helps."""
    asset = str(record["asset"])
    return Refusal(
        at=str(record["at"]),
        command_id=str(record["command_id"]),
        type=str(record["type"]),
        asset=asset,
        actor=str(record["actor"]),
        code=str(record["code"]),
        reason=str(record["reason"]),
        fix=reason_for(str(record["code"])).help.replace("ASSET", asset),
    )


_CAN: dict[AssetState, tuple[str, ...]] = {
    AssetState.FROZEN: ("bot propose {0}",),
    AssetState.PROPOSAL_PENDING: ("bot worker --once",),
    AssetState.RISK_PROPOSED: ("bot proposals show {0}", "bot approve {0}", "bot reject {0}"),
    AssetState.PROPOSAL_ABORTED: ("bot worker --once", "bot propose {0}"),
    AssetState.PROPOSAL_REJECTED: (),
    AssetState.MANAGED_ACTIVE: ("bot pause {0}", "bot override {0}", "bot exit {0}"),
    AssetState.MANAGED_PAUSED: ("bot resume {0}", "bot release {0}", "bot exit {0}"),
    AssetState.MANAGED_DRIFT_ALERT: (
        "bot resume {0} --override --reason TEXT",
        "bot resume {0} --override --accept current --reason TEXT",
        "bot release {0}",
    ),
    AssetState.RELEASE_PENDING: ("bot release {0} --mode immediate",),
    AssetState.EXIT_EXECUTED: ("bot release {0}",),
}


def you_can(asset: str, entry: ManagedAsset) -> tuple[str, ...]:
    """Return what a person may type next for a coin that stands like this."""
    return tuple(words.format(asset) for words in _CAN[entry.state])
