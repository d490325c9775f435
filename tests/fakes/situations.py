"""A real home in which one coin stands in each situation that the lifecycle knows.

Every coin got there by real commands through the real applier; the facts of an approval are said by the
test. The coin is named after its situation, in capitals.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.commands.apply import CommandApplier
from bot.commands.bus import CommandMaker
from bot.kernel.canonical import digest
from bot.kernel.errors import BotError
from bot.lifecycle.approval_rules import ApprovalFacts, ProposalOffer, VariantOffer
from bot.lifecycle.command_payloads import ApproveManagedProposal
from bot.lifecycle.commands import CommandOutcome, CommandState
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.roles import Role, User
from bot.storage.documents import ALL_KINDS, MANAGED_STATE, content_fields
from bot.storage.schema_check import product_schemas
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds

D = Decimal
DIGEST = "d" * 64
WEEK_S = 8 * 24 * 3600
POLICY = LifecyclePolicy(environment="sandbox", investable_capital_usdt=D(5_000))
ACTORS = {
    "admin": "user_ann",
    "other_admin": "user_bob",
    "operator": "user_otto",
    "viewer": "user_vic",
    "stranger": "user_nobody",
    "bot": "bot",
    "system": "system",
}
USERS = {
    "ann": User(role=Role.ADMIN, os_user="ann"),
    "bob": User(role=Role.ADMIN, os_user="bob"),
    "otto": User(role=Role.OPERATOR, os_user="otto"),
    "vic": User(role=Role.VIEWER, os_user="vic"),
}
_HANDED_OVER = ("request", "complete", "approve")
_FLAGS = {
    "drift_price": "flag_price",
    "drift_regime": "flag_regime",
    "drift_qty": "flag_qty",
    "drift_wallet": "flag_wallet",
    "drift_reset": "flag_reset",
}
OLD: dict[str, tuple[str, ...]] = {
    "proposed_expired": ("request", "complete"),
    "rejected_rested": ("request", "complete", "reject"),
}
"""Situations that are eight days old when they are looked at."""
YOUNG: dict[str, tuple[str, ...]] = {
    "frozen": (),
    "pending": ("request",),
    "pending_begun": ("request", "begin"),
    "proposed": ("request", "complete"),
    "proposed_stale": ("request", "complete"),
    "proposed_unknown": ("request", "complete"),
    "aborted": ("request", "abort"),
    "rejected_cooling": ("request", "complete", "reject"),
    "active": _HANDED_OVER,
    "sideways": _HANDED_OVER,
    "active_intent": (*_HANDED_OVER, "open"),
    "paused_on": (*_HANDED_OVER, "pause_on"),
    "paused_off": (*_HANDED_OVER, "pause_off"),
    "paused_drifted": (*_HANDED_OVER, "pause_on", "flag_qty"),
    "paused_intent": (*_HANDED_OVER, "open", "pause_off"),
    **{name: (*_HANDED_OVER, flag) for name, flag in _FLAGS.items()},
    "releasing_graceful": (*_HANDED_OVER, "pause_on", "release_graceful"),
    "releasing_immediate": (*_HANDED_OVER, "pause_on", "release_immediate"),
    "releasing_intent": (*_HANDED_OVER, "open", "pause_on", "release_graceful"),
    "exited": (*_HANDED_OVER, "open", "fill"),
    "resting": (*_HANDED_OVER, "stop_open"),
    "paused_resting": (*_HANDED_OVER, "stop_open", "pause_off"),
    "releasing_resting": (*_HANDED_OVER, "stop_open", "pause_on", "release_graceful"),
    "buyable": (*_HANDED_OVER, "agree_dca"),
    "buying": (*_HANDED_OVER, "agree_dca", "buy_open"),
    "paused_buying": (*_HANDED_OVER, "agree_dca", "buy_open", "pause_on"),
    "releasing_buying": (*_HANDED_OVER, "agree_dca", "buy_open", "pause_on", "release_graceful"),
}


def coin_of(situation: str) -> str:
    """Return the coin that stands there."""
    return situation.replace("_", "").upper()


class Situations:
    """The home; `ask` applies for real, `would` tries out."""

    def __init__(self, root: Path) -> None:
        initialise_home(root, environment="sandbox")
        self.clock = FakeClock(dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC))
        self.app = App(root, environ={}, clock=self.clock, ids=SequentialIds())
        self.policy = POLICY
        self.facts_changes: dict[str, dict[str, Any]] = {}
        self.maker = CommandMaker(
            clock=self.clock, ids=SequentialIds(first=10_000), schemas=product_schemas(), users=USERS
        )
        self.applier = CommandApplier(
            self.app.store,
            clock=self.clock,
            policy=lambda: self.policy,
            users=lambda: USERS,
            facts=self,
        )
        for situations, seconds in ((OLD, WEEK_S), (YOUNG, 60)):
            for situation, steps in situations.items():
                for step in steps:
                    self._must(situation, step)
            self.clock.advance(seconds)
        stale, unknown = coin_of("proposed_stale"), coin_of("proposed_unknown")
        self.facts_changes = {stale: {"price": D(110)}, unknown: {"wallet_quantity": None}}

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        """Say what the file, the market and the wallet say: SOL's figures for every coin."""
        terms = VariantOffer(
            quantity=D(10), stop_loss=D(90), take_profit=D(130), max_allocation_usdt=D(1_000)
        )
        offer = ProposalOffer(
            proposal_id=payload.proposal_id,
            asset=asset,
            environment="sandbox",
            digest=DIGEST,
            expires_at=self.clock.now() + dt.timedelta(days=99),  # the record's own time decides
            strategy_group="t1_core",
            reference_price=D(100),
            reference_regime="SIDEWAYS" if asset == coin_of("sideways") else "BULL",
            atr=D(4),
            wallet_quantity=D(25),
            synthetic_entry=D(100),
            synthetic_entry_method="current_price",
            variants=dict.fromkeys(("recommended", "conservative", "aggressive"), terms),
        )
        known: dict[str, Any] = {"price": D(100), "wallet_quantity": D(25), "observed_at": self.clock.now()}
        return ApprovalFacts(offer=offer, **known | self.facts_changes.get(asset, {}))

    def entry(self, situation: str) -> ManagedAsset | None:
        """Return the coin's entry."""
        return self.app.store.read(MANAGED_STATE).content.managed_assets.get(coin_of(situation))

    def contents(self) -> dict[str, str]:
        """Return a digest of every document's content."""
        return {kind.name: digest(content_fields(self.app.store.read(kind).content)) for kind in ALL_KINDS}

    def send(self, situation: str, ask: str, who: str, *, dry_run: bool) -> CommandOutcome:
        """Say one thing about one coin; who may not send it gets the same kind of answer."""
        command, words = self.words(situation, ask)
        try:
            made = self.maker.make(command, coin_of(situation), words, actor=ACTORS[who])
        except BotError as error:
            return CommandOutcome(
                state=CommandState.PRECONDITION_REJECTED, code=error.code, reason=error.what
            )
        return self.applier.apply(made, dry_run=dry_run)

    def words(self, situation: str, ask: str) -> tuple[str, Mapping[str, Any]]:
        """Return command and payload of one thing that can be said, fitting as well as it can."""
        entry = self.entry(situation)
        return words_of(ask, coin_of(situation), entry, self.clock.now())

    def _must(self, situation: str, step: str) -> None:
        who = next(who for who in ("bot", "system", "admin") if self._may(situation, step, who))
        outcome = self.send(situation, step, who, dry_run=False)
        assert outcome.state is CommandState.APPLIED, f"{situation}: {step}: {outcome}"

    def _may(self, situation: str, step: str, who: str) -> bool:
        return self.send(situation, step, who, dry_run=True).code != "role_missing"


Said = dict[str, tuple[str, Mapping[str, Any]]]
"""What can be said, by a short name: command and payload."""


def words_of(
    ask: str, coin: str, entry: ManagedAsset | None, now: dt.datetime
) -> tuple[str, Mapping[str, Any]]:
    """Return command and payload of one thing that can be said about a coin."""
    current = (entry.current_proposal_id if entry is not None else None) or "none"
    intent = entry.exit_intent.client_order_id if entry is not None and entry.exit_intent else "o1"
    return (_about_proposals(coin, current, now) | _about_holdings(coin) | _about_orders(intent))[ask]


def _about_proposals(coin: str, current: str, now: dt.datetime) -> Said:
    at = msgspec.to_builtins
    completed = {
        "proposal_id": current,
        "proposal_digest": DIGEST,
        "generated_at": at(now),
        "expires_at": at(now + dt.timedelta(days=7)),
    }
    approval = {
        "proposal_id": current,
        "proposal_digest": DIGEST,
        "variant": "recommended",
        "confirm": f"{coin}:recommended",
    }
    abort = {"proposal_id": current, "reason_code": "no_balance", "sentence": "Nothing is there."}
    return {
        "request": ("request_managed_proposal", {}),
        "begin": ("begin_managed_proposal", {"proposal_id": current, "new_proposal_id": f"{current}-2"}),
        "complete": ("complete_managed_proposal", completed),
        "abort": ("abort_managed_proposal", abort),
        "approve": ("approve_managed_proposal", approval),
        "approve_typo": ("approve_managed_proposal", approval | {"confirm": f"{coin}:recomended"}),
        "approve_other": ("approve_managed_proposal", approval | {"proposal_id": "another"}),
        "reject": ("reject_managed_proposal", {"proposal_id": current}),
        "expire_ttl": ("expire_managed_proposal", {"proposal_id": current, "cause": "ttl"}),
        "expire_stale": ("expire_managed_proposal", {"proposal_id": current, "cause": "stale"}),
        "settle": ("settle_managed_asset", {"reason": "over"}),
    }


_DCA = {
    "reason": "lower",
    "max_allocation_usdt": 2_000,
    "dca": {"steps": 2, "step_pct": 2, "max_additional_usdt": 200},
}


def _about_holdings(coin: str) -> Said:
    return {
        "pause_on": ("pause_managed_asset", {"exits": "on"}),
        "pause_off": ("pause_managed_asset", {"exits": "off"}),
        "resume": ("resume_managed_asset", {"reason": "go on"}),
        "resume_override": ("resume_managed_asset", {"reason": "looked", "override": True}),
        "resume_accept": ("resume_managed_asset", {"reason": "x", "override": True, "accept": "current"}),
        "release_graceful": ("release_managed_asset", {"mode": "graceful"}),
        "release_immediate": ("release_managed_asset", {"mode": "immediate"}),
        "complete_release": ("complete_managed_release", {"reason": "nothing left"}),
        **_about_drift(),
        "regime_seen": ("set_reference_regime", {"regime": "BULL", "evidence": {"current_regime": "BULL"}}),
        "override": ("override_managed_levels", {"reason": "tighter", "stop_loss": 95}),
        "agree_dca": ("override_managed_levels", _DCA),
        **_about_stops(),
        "force_exit": ("force_managed_exit", {"confirm": f"{coin}:exit", "reason": "out"}),
    }


def _about_orders(intent: str) -> Said:
    order = {"client_order_id": "o1", "quantity": 10, "reason": "stop_loss", "trigger_price": 90}
    gone = {"client_order_id": intent, "reason_code": "never_arrived", "text": "nothing there"}
    fill = {
        "client_order_id": intent,
        "exchange_order_id": "x1",
        "order_status": "filled",
        "is_final": True,
        "filled_quantity": 10,
        "filled_quote": 900,
    }
    return {
        "open": ("open_exit_intent", order),
        "close": ("close_exit_intent", gone),
        "fill": ("record_managed_exit", fill),
        **_about_buys(),
    }


def _about_stops() -> Said:
    order = {"client_order_id": "s1", "quantity": 10, "stop_price": 90, "limit_price": 89}
    fill = {"filled_quantity": 10, "filled_quote": 900, "order_status": "filled", "is_final": True}
    return {
        "stop_open": ("open_resting_stop", order),
        "stop_close": (
            "close_resting_stop",
            {"client_order_id": "s1", "reason_code": "cancelled", "text": "cancelled for an exit"},
        ),
        "stop_fill": (
            "record_managed_exit",
            {"client_order_id": "s1", "exchange_order_id": "x3"} | fill,
        ),
    }


def _about_buys() -> Said:
    order = {"client_order_id": "b1", "quantity": 1, "limit_price": 98, "step": 1, "trigger_price": 98}
    told = {"exchange_order_id": "x2", "order_status": "filled", "is_final": True}
    fill = {"client_order_id": "b1", "filled_quantity": 1, "filled_quote": 98}
    return {
        "buy_open": ("open_buy_intent", order),
        "buy_close": (
            "close_buy_intent",
            {"client_order_id": "b1", "reason_code": "never_arrived", "text": "nothing there"},
        ),
        "buy_fill": ("record_managed_buy", fill | told),
    }


_EVIDENCE: dict[str, tuple[str, Mapping[str, Any]]] = {
    "price": ("price", {"current_price": 120}),
    "regime": ("regime", {"current_regime": "BEAR"}),
    "qty": ("qty", {"current_quantity": 8}),
    "wallet": ("wallet_external", {"current_quantity": 8}),
    "reset": ("environment_reset", {"current_quantity": 0}),
}
"""Each kind of drift by a short name, with what was seen."""


def _about_drift() -> Said:
    said: Said = {}
    for name, (kind, evidence) in _EVIDENCE.items():
        seen = {"drift_kind": kind, "evidence": evidence}
        said[f"flag_{name}"] = ("flag_managed_drift", seen | {"fingerprint": f"f-{kind}"})
        said[f"update_{name}"] = ("update_managed_drift", seen)
        said[f"gone_{name}"] = ("update_managed_drift", seen | {"gone": True})
    return said
