"""The flat table of commands: payload, who may send, which document, how urgent.

A lower priority number is applied first between assets: what lowers risk goes before what raises it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from bot.kernel.errors import RefusedError
from bot.lifecycle import command_payloads as p
from bot.lifecycle.buy_payloads import CloseBuyIntent, OpenBuyIntent, RecordManagedBuy
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.roles import Role, RoleBook, role_of
from bot.lifecycle.states import ActorKind, actor_kind, user_of


class Document(StrEnum):
    """The one document that a command changes."""

    MANAGED_STATE = "managed_state"
    BASELINE_HOLDINGS = "baseline_holdings"
    RUNTIME_CONFIG = "runtime_config"


_LOWERS_RISK, _BOOKS, _NORMAL, _RAISES_RISK = 0, 1, 5, 7
_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_ADMINS = frozenset({Role.ADMIN})
_NOBODY: frozenset[Role] = frozenset()


PayloadType = type[p.Payload]


class CommandSpec(NamedTuple):
    """One row of the table."""

    type: C
    payload_type: PayloadType
    actor: ActorKind
    roles: frozenset[Role]
    priority: int
    document: Document = Document.MANAGED_STATE
    concerns_all: bool = False
    needs_facts: bool = False
    admins_words: tuple[str, ...] = ()
    """Fields of the payload that only an admin may set."""
    also_by: ActorKind | None = None
    """Another kind of actor that may send it too."""
    is_alone: bool = False
    """Whether it decides on all of the managed state at once, and so shares its commit with nobody."""

    def roles_for(self, payload: Mapping[str, Any]) -> frozenset[Role]:
        """Return who may send these words: a resume out of a drift is the admin's, another the operator's."""
        return _ADMINS if any(payload.get(word) for word in self.admins_words) else self.roles

    def check_sender(self, actor: str, users: RoleBook, payload: Mapping[str, Any]) -> None:
        """Refuse an actor of the wrong kind, or a user whose role does not allow these words.

        Raises:
            RefusedError: With `role_missing`.
        """
        kind = actor_kind(actor)
        if kind not in {self.actor, self.also_by}:
            raise RefusedError(
                f"{self.type} is not for {actor}",
                code="role_missing",
                why=f"It belongs to {self.actor}, not to {kind}.",
            )
        if kind is ActorKind.USER:
            role = role_of(users, user_of(actor))
            roles = self.roles_for(payload)
            if role not in roles:
                raise RefusedError(
                    f"{user_of(actor)} may not send {self.type}",
                    code="role_missing",
                    why=f"It needs {' or '.join(sorted(roles))}; the role is {role or 'none'}.",
                )


_ROWS = (
    CommandSpec(C.PAUSE_MANAGED_ASSET, p.PauseManagedAsset, ActorKind.USER, _OPERATORS, _LOWERS_RISK),
    CommandSpec(C.RELEASE_MANAGED_ASSET, p.ReleaseManagedAsset, ActorKind.USER, _OPERATORS, _LOWERS_RISK),
    CommandSpec(C.REJECT_MANAGED_PROPOSAL, p.RejectManagedProposal, ActorKind.USER, _ADMINS, _LOWERS_RISK),
    CommandSpec(
        C.HALT_TRADING,
        p.HaltTrading,
        ActorKind.USER,
        _OPERATORS,
        _LOWERS_RISK,
        concerns_all=True,
        also_by=ActorKind.BOT,
    ),
    CommandSpec(C.FLAG_MANAGED_DRIFT, p.FlagManagedDrift, ActorKind.BOT, _NOBODY, _LOWERS_RISK),
    CommandSpec(C.UPDATE_MANAGED_DRIFT, p.UpdateManagedDrift, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.SET_REFERENCE_REGIME, p.SetReferenceRegime, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.FORCE_MANAGED_EXIT, p.ForceManagedExit, ActorKind.USER, _ADMINS, _LOWERS_RISK),
    CommandSpec(C.OPEN_EXIT_INTENT, p.OpenExitIntent, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.CLOSE_EXIT_INTENT, p.CloseExitIntent, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.RECORD_MANAGED_EXIT, p.RecordManagedExit, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.OPEN_BUY_INTENT, OpenBuyIntent, ActorKind.BOT, _NOBODY, _RAISES_RISK),
    CommandSpec(C.CLOSE_BUY_INTENT, CloseBuyIntent, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.RECORD_MANAGED_BUY, RecordManagedBuy, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.OPEN_RESTING_STOP, p.OpenRestingStop, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(C.CLOSE_RESTING_STOP, p.CloseRestingStop, ActorKind.BOT, _NOBODY, _BOOKS),
    CommandSpec(
        C.UPDATE_TRADING_HALT, p.UpdateTradingHalt, ActorKind.BOT, _NOBODY, _BOOKS, concerns_all=True
    ),
    CommandSpec(C.COMPLETE_MANAGED_RELEASE, p.CompleteManagedRelease, ActorKind.SYSTEM, _NOBODY, _BOOKS),
    CommandSpec(C.SETTLE_MANAGED_ASSET, p.SettleManagedAsset, ActorKind.SYSTEM, _NOBODY, _BOOKS),
    CommandSpec(C.EXPIRE_MANAGED_PROPOSAL, p.ExpireManagedProposal, ActorKind.SYSTEM, _NOBODY, _BOOKS),
    CommandSpec(C.BEGIN_MANAGED_PROPOSAL, p.BeginManagedProposal, ActorKind.BOT, _NOBODY, _NORMAL),
    CommandSpec(C.COMPLETE_MANAGED_PROPOSAL, p.CompleteManagedProposal, ActorKind.BOT, _NOBODY, _NORMAL),
    CommandSpec(C.ABORT_MANAGED_PROPOSAL, p.AbortManagedProposal, ActorKind.BOT, _NOBODY, _NORMAL),
    CommandSpec(C.REQUEST_MANAGED_PROPOSAL, p.RequestManagedProposal, ActorKind.USER, _OPERATORS, _NORMAL),
    CommandSpec(
        C.RESUME_MANAGED_ASSET,
        p.ResumeManagedAsset,
        ActorKind.USER,
        _OPERATORS,
        _RAISES_RISK,
        admins_words=("override", "accept"),
    ),
    CommandSpec(
        C.RESUME_TRADING,
        p.ResumeTrading,
        ActorKind.USER,
        _OPERATORS,
        _RAISES_RISK,
        concerns_all=True,
        admins_words=("accept",),
    ),
    CommandSpec(C.OVERRIDE_MANAGED_LEVELS, p.OverrideManagedLevels, ActorKind.USER, _ADMINS, _RAISES_RISK),
    CommandSpec(
        C.APPROVE_MANAGED_PROPOSAL,
        p.ApproveManagedProposal,
        ActorKind.USER,
        _ADMINS,
        _RAISES_RISK,
        needs_facts=True,
    ),
    CommandSpec(
        C.APPLY_BASELINE_HOLDINGS,
        p.ApplyBaselineHoldings,
        ActorKind.USER,
        _ADMINS,
        _NORMAL,
        document=Document.BASELINE_HOLDINGS,
        concerns_all=True,
    ),
    CommandSpec(
        C.CLEAR_BASELINE_HOLDINGS,
        p.NoPayload,
        ActorKind.USER,
        _ADMINS,
        _NORMAL,
        document=Document.BASELINE_HOLDINGS,
        concerns_all=True,
    ),
    *(
        CommandSpec(
            command,
            p.PAYLOADS[command],
            ActorKind.USER,
            _ADMINS,
            _NORMAL,
            document=Document.RUNTIME_CONFIG,
            concerns_all=True,
        )
        for command in (
            C.APPLY_RUNTIME_CONFIG,
            C.CLEAR_RUNTIME_CONFIG,
            C.ADD_USER,
            C.SET_USER_ROLE,
            C.REMOVE_USER,
        )
    ),
    CommandSpec(
        C.RESTORE_MANAGED_STATE,
        p.RestoreManagedState,
        ActorKind.USER,
        _ADMINS,
        _RAISES_RISK,
        concerns_all=True,
        is_alone=True,
    ),
    CommandSpec(
        C.ADOPT_MANAGED_STATE,
        p.AdoptManagedState,
        ActorKind.USER,
        _ADMINS,
        _RAISES_RISK,
        concerns_all=True,
        is_alone=True,
    ),
)

SPECS: dict[C, CommandSpec] = {row.type: row for row in _ROWS}
"""Every command that can be sent, by type."""

RISK_LOWERING = frozenset(row.type for row in _ROWS if row.priority == _LOWERS_RISK)
"""Commands that an edge on the bot's host may apply itself when no worker is there."""


def spec_of(command_type: C) -> CommandSpec:
    """Return the row of a command type (KeyError for one that cannot be sent)."""
    return SPECS[command_type]
