"""Read-only answers for every screen, from the files alone: no exchange, no database, no lock."""

import datetime as dt
import difflib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from bot.app.circuit_file import circuit_view
from bot.app.core import HomeContext
from bot.app.proposal_progress import engines_at_work
from bot.app.resting_stop_view import RestingStopView, if_the_bot_dies, resting_stop_view
from bot.app.trailing_view import TrailingView, trailing_view
from bot.holdings.baseline import BaselineContent, Policy
from bot.kernel.errors import StateFileError, UsageError
from bot.kernel.ids import pair_of
from bot.lifecycle.documents import Exits, ManagedAsset, ManagedStateContent, TradingHalt
from bot.lifecycle.states import AWAITING, IN_THE_BOTS_HANDS, MEANING, AssetState
from bot.lifecycle.stream_figures import StreamHealth
from bot.storage.documents import BASELINE_HOLDINGS, POSITIONS
from bot.storage.heartbeat import Heartbeat, read_heartbeat
from bot.storage.managed_state_reader import read_managed_state
from bot.storage.proposal_reader import list_proposal_ids, read_proposal
from bot.storage.unverified import read_unverified

STALE_LOOP_S = 60
_CANDIDATES_SHOWN = 10
WAITS = "waits for a decision"
"""The standing of a proposal that can be approved or rejected."""


class HoldingLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One coin on the holdings screen; money as exact decimals."""

    asset: str
    state: AssetState
    policy: str
    baseline_quantity: Decimal | None = None
    approved_quantity: Decimal | None = None
    position_quantity: Decimal | None = None
    entry_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    exits: str | None = None
    variant: str | None = None
    reason: str | None = None
    order_in_flight: str | None = None
    buy_in_flight: str | None = None
    trailing: TrailingView | None = None
    """How its stop follows the price; absent where it stands still."""
    resting_stop: RestingStopView | None = None
    """Its stop at the exchange, as far as the record goes."""
    if_the_bot_dies: str | None = None
    """What becomes of its stop then; absent for coins that are not in the bot's hands."""
    unprotected: bool = False
    """In the bot's hands while no loop runs, or before the loop has verified it: nobody watches its stop."""
    unverified: str | None = None
    """Why the running loop sends no order for it yet."""
    halted: bool = False
    """In the bot's hands while trading is halted with exits off."""


class StatusView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first screen."""

    environment: str
    home: str
    serial: int
    baseline_applied: bool
    worker: dict[str, Any] | None
    you: str | None
    """The acting user; None for an account that is no user of this home, and only looks on."""
    role: str | None
    counts: dict[str, int]
    holdings: tuple[HoldingLine, ...]
    waiting: tuple[dict[str, Any], ...]
    exchange: dict[str, Any] | None = None
    """The circuit breaker, while it is not closed; it blocks purchases, never exits or approvals."""
    trading_halt: TradingHalt | None = None
    """Trading of the whole bot is halted; until a person resumes, nothing is bought."""


def status(context: HomeContext, now: dt.datetime) -> StatusView:
    """Return what an operator looks at first."""
    managed = read_managed_state(context.store)
    lines = holdings(context, now)
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.state.value] = counts.get(line.state.value, 0) + 1
    you = context.known_user
    user = context.settings.users.get(you) if you is not None else None
    engines = engines_at_work(context.home, now)
    waiting = tuple(
        {
            "asset": asset,
            "proposal_id": item.proposal_id,
            "state": item.state.value,
            "expires_at": item.expires_at,
            **({"engine": engines[asset]} if asset in engines else {}),
        }
        for asset, item in managed.content.pending_proposals.items()
    )
    return StatusView(
        environment=context.store.environment,
        home=str(context.home.root),
        serial=managed.meta.serial,
        baseline_applied=context.store.read(BASELINE_HOLDINGS).content.is_applied,
        worker=worker_view(read_heartbeat(context.home), now),
        you=you,
        role=user.role.value if user is not None else None,
        counts=counts,
        holdings=tuple(line for line in lines if line.state is not AssetState.FROZEN),
        waiting=waiting,
        exchange=circuit_view(context.home, now),
        trading_halt=managed.content.trading_halt,
    )


def worker_view(heartbeat: Heartbeat | None, now: dt.datetime) -> dict[str, Any] | None:
    """Return who works in this home and how old its signs of life are, or None for nobody."""
    if heartbeat is None or not heartbeat.is_alive:
        return None
    loop_age = None if heartbeat.loop_at is None else (now - heartbeat.loop_at).total_seconds()
    return {
        "pid": heartbeat.pid,
        "what": heartbeat.what,
        "age_s": round(max(0.0, (now - heartbeat.at).total_seconds()), 1),
        "loop_age_s": None if loop_age is None else round(max(0.0, loop_age), 1),
        "late": heartbeat.late,
        "queue": heartbeat.queue,
        "database_gone": heartbeat.database_gone,
        "streams": [_stream(stream, now) for stream in heartbeat.streams],
    }


def _stream(stream: StreamHealth, now: dt.datetime) -> dict[str, Any]:
    told_at = stream.last_event_at
    return {
        "kind": stream.kind.value,
        "live_since": stream.live_since,
        "follows": stream.follows,
        "last_event_age_s": None if told_at is None else round(max(0.0, (now - told_at).total_seconds()), 1),
        "gaps": stream.gaps,
        "trouble": stream.trouble,
    }


def holdings(context: HomeContext, now: dt.datetime) -> tuple[HoldingLine, ...]:
    """Return every coin that the baseline or the managed state knows, sorted by name."""
    managed = read_managed_state(context.store).content
    baseline = context.store.read(BASELINE_HOLDINGS).content
    positions = context.store.read(POSITIONS).content.positions
    guarded = _is_guarded(read_heartbeat(context.home), now)
    unverified = read_unverified(context.home)
    lines = []
    for asset in sorted({*managed.managed_assets, *baseline.assets}):
        position = positions.get(pair_of(asset, context.settings["quote"]))
        line = _line(asset, managed, baseline, guarded=guarded)
        entry = managed.managed_assets.get(asset)
        if entry is not None and (trailing := trailing_view(entry, position)) is not None:
            line = msgspec.structs.replace(line, trailing=trailing, stop_loss=trailing.live_stop_loss)
        if line.asset in unverified and managed.state_of(asset) in IN_THE_BOTS_HANDS:
            line = msgspec.structs.replace(line, unprotected=True, unverified=unverified[asset])
        if position is not None and position.is_open:
            line = msgspec.structs.replace(
                line,
                position_quantity=position.quantity,
                entry_price=line.entry_price or position.entry_price,
                stop_loss=line.stop_loss or position.stop_loss,
                take_profit=line.take_profit or position.take_profit,
            )
        lines.append(line)
    return tuple(lines)


def holding(context: HomeContext, asset: str) -> tuple[ManagedAsset | None, HoldingLine]:
    """Return one coin's entry and line.

    Raises:
        UsageError: `unknown_asset`: neither the baseline nor the managed state knows it.
    """
    known = {line.asset: line for line in holdings(context, context.clock.now())}
    if asset not in known:
        raise UsageError(
            f"There is no holding {asset}.",
            code="unknown_asset",
            why=did_you_mean(asset, known) or "Neither the baseline nor the managed state knows it.",
        )
    entry = read_managed_state(context.store).content.managed_assets.get(asset)
    return entry, known[asset]


def proposals(context: HomeContext) -> list[dict[str, Any]]:
    """Return one line per proposal file, newest first; a damaged file is named, not hidden."""
    managed = read_managed_state(context.store).content
    lines: list[dict[str, Any]] = []
    for proposal_id in list_proposal_ids(context.home):
        try:
            document = read_proposal(context.home, proposal_id)
        except StateFileError as error:
            lines.append({"proposal_id": proposal_id, "asset": "?", "standing": f"DAMAGED: {error.why}"})
            continue
        lines.append(
            {
                "proposal_id": proposal_id,
                "asset": document["asset"],
                "version": document["proposal_version"],
                "standing": standing(managed, document),
                "generated_at": document["generated_at"],
                "expires_at": document["expires_at"],
                "reference_price": document["risk_recommendation"]["reference_price"],
                "confidence": document["confidence"]["overall_score"],
            }
        )
    return sorted(lines, key=lambda line: str(line.get("generated_at", "")), reverse=True)


def find_proposal(context: HomeContext, reference: str) -> dict[str, Any]:
    """Return a proposal by asset (its current one), by id, or by a unique prefix of its id.

    Raises:
        UsageError: `no_such_proposal`, with what was meant perhaps.
        StateFileError: The file cannot be trusted.
    """
    return read_proposal(context.home, proposal_id_of(context, reference))


def proposal_id_of(context: HomeContext, reference: str) -> str:
    """Return the id that an asset (its current proposal), an id or a unique prefix of one stands for.

    Raises:
        UsageError: `no_such_proposal`, with what was meant perhaps.
    """
    managed = read_managed_state(context.store).content
    entry = managed.managed_assets.get(reference.upper())
    if entry is not None and entry.current_proposal_id is not None:
        if entry.state is AssetState.PROPOSAL_PENDING:
            raise UsageError(
                f"The proposal for {reference.upper()} is being made.",
                code="no_such_proposal",
                fix="Is a worker running? bot worker --once",
            )
        return entry.current_proposal_id
    ids = list_proposal_ids(context.home)
    found = [name for name in ids if name.startswith(reference.lower())] if reference else []
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{reference} stands for several proposals.",
            code="no_such_proposal",
            why=f"Candidates: {', '.join(found[:_CANDIDATES_SHOWN])}.",
        )
    with_one = [name for name, asset in managed.managed_assets.items() if asset.current_proposal_id]
    hint = did_you_mean(reference.upper(), with_one) or did_you_mean(reference.lower(), ids)
    raise UsageError(f"There is no proposal {reference}.", code="no_such_proposal", why=hint or None)


def standing(managed: ManagedStateContent, document: dict[str, Any]) -> str:
    """Return where a proposal stands: waiting, decided as what, or superseded."""
    entry = managed.managed_assets.get(document["asset"])
    if entry is None or entry.current_proposal_id != document["proposal_id"]:
        return "superseded"
    if entry.state is AssetState.RISK_PROPOSED:
        return WAITS
    if entry.state in AWAITING:
        return "being made"
    if entry.state is AssetState.PROPOSAL_REJECTED:
        return "rejected"
    return f"approved as {entry.variant}" if entry.variant else entry.state.value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint for a mistyped name, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else ""


def _line(
    asset: str, managed: ManagedStateContent, baseline: BaselineContent, *, guarded: bool
) -> HoldingLine:
    entry = managed.managed_assets.get(asset) or ManagedAsset(state=AssetState.FROZEN)
    listed = baseline.assets.get(asset)
    in_hands = entry.state in IN_THE_BOTS_HANDS
    resting = resting_stop_view(managed, asset)
    hands_off = entry.exits is Exits.OFF or _hands_off(managed)
    watched = guarded or (resting is not None and resting.protects)
    return HoldingLine(
        asset=asset,
        state=entry.state,
        policy=baseline.policy_of(asset).value,
        baseline_quantity=listed.quantity if listed is not None else None,
        approved_quantity=entry.approved_quantity,
        stop_loss=_live(entry, "stop_loss"),
        take_profit=_live(entry, "take_profit"),
        entry_price=_live(entry, "synthetic_entry"),
        exits=entry.exits.value if entry.exits is not None else None,
        variant=entry.variant,
        reason=_why(entry, baseline.policy_of(asset)),
        order_in_flight=entry.exit_intent.client_order_id if entry.exit_intent is not None else None,
        buy_in_flight=entry.buy_intent.client_order_id if entry.buy_intent is not None else None,
        resting_stop=resting,
        if_the_bot_dies=if_the_bot_dies(managed, asset),
        unprotected=in_hands and (not watched or hands_off),
        halted=in_hands and _hands_off(managed),
    )


def _hands_off(managed: ManagedStateContent) -> bool:
    return managed.trading_halt is not None and managed.trading_halt.exits is Exits.OFF


def _live(entry: ManagedAsset, name: str) -> Decimal | None:
    """Return the value that counts: the promotion's, unless a person set another (C1)."""
    value: Decimal | None = (entry.overrides or {}).get(name, getattr(entry, name))
    return value


def _why(entry: ManagedAsset, policy: Policy) -> str:
    if entry.reason is not None:
        return entry.reason.text
    if entry.state is AssetState.FROZEN and policy is Policy.TRADABLE_QUOTE:
        return "the coin that prices are in"
    return MEANING[entry.state]


def _is_guarded(heartbeat: Heartbeat | None, now: dt.datetime) -> bool:
    if heartbeat is None or not heartbeat.is_alive or heartbeat.loop_at is None:
        return False
    return (now - heartbeat.loop_at).total_seconds() <= STALE_LOOP_S
