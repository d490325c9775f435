"""The lifecycle's rules with a memory: each said payload goes through the one rule of its command."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.commands.handlers.managed_handlers import decide
from bot.commands.registry import SPECS
from bot.kernel.canonical import digest
from bot.kernel.errors import RefusedError
from bot.lifecycle import command_payloads as p
from bot.lifecycle.approval_rules import ApprovalFacts, ProposalOffer, VariantOffer
from bot.lifecycle.change import Act, Change
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import ExitReason, Exits, ManagedAsset, ManagedStateContent, ReleaseMode
from bot.lifecycle.events import EventType
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import ActorKind, AssetState

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
POLICY = LifecyclePolicy(environment="sandbox")
DIRECT = msgspec.structs.replace(POLICY, reengage_direct=True)
DIGEST = "d" * 64
ACTORS = {ActorKind.USER: "user_ann", ActorKind.BOT: "bot", ActorKind.SYSTEM: "system"}
TYPES = {payload_type: command for command, payload_type in p.PAYLOADS.items()}

D = Decimal


def variant(**changes: Any) -> VariantOffer:
    """Ten coins at a reference of 100: stop 90, target 130."""
    terms: dict[str, Any] = {
        "quantity": D(10),
        "stop_loss": D(90),
        "take_profit": D(130),
        "max_allocation_usdt": D(1_000),
    }
    return VariantOffer(**terms | changes)


def offer(proposal_id: str, **changes: Any) -> ProposalOffer:
    """A proposal file for SOL at 100 with an ATR of 4 and three equal variants."""
    told: dict[str, Any] = {
        "proposal_id": proposal_id,
        "asset": "SOL",
        "environment": "sandbox",
        "digest": DIGEST,
        "expires_at": NOW + dt.timedelta(days=7),
        "strategy_group": "t1_core",
        "reference_price": D(100),
        "reference_regime": "BULL",
        "atr": D(4),
        "wallet_quantity": D(25),
        "synthetic_entry": D(100),
        "synthetic_entry_method": "current_price",
        "variants": {name: variant() for name in ("recommended", "conservative", "aggressive")},
    }
    return ProposalOffer(**told | changes)


class LifecycleWorld:
    """One home's managed state; `say` applies, `refused` expects a no that changes nothing."""

    def __init__(self, policy: LifecyclePolicy = POLICY) -> None:
        self.content = ManagedStateContent()
        self.policy = policy
        self.now = NOW
        self.said: list[Change] = []
        self._commands = 0

    def try_out(
        self,
        payload: p.Payload,
        *,
        asset: str = "SOL",
        actor: str | None = None,
        facts: ApprovalFacts | None = None,
    ) -> Change:
        """Let the rule decide, and keep nothing."""
        command = TYPES[type(payload)]
        act = Act(
            command_id=f"c-{self._commands + 1}",
            type=command,
            actor=actor or ACTORS[SPECS[command].actor],
            asset=asset,
            now=self.now,
            accepted_at=self.now,
            policy=self.policy,
        )
        return decide(self.content, act, payload, facts)

    def say(self, payload: p.Payload, **more: Any) -> Change:
        """Apply a command and remember the answer."""
        change = self.try_out(payload, **more)
        self._commands += 1
        self.content = change.content
        self.said.append(change)
        return change

    def refused(self, payload: p.Payload, code: str, **more: Any) -> RefusedError:
        """Return the refusal, which carries this code and leaves the content as it was."""
        before = digest(self.content)
        with pytest.raises(RefusedError) as refusal:
            self.try_out(payload, **more)
        assert refusal.value.code == code, refusal.value
        assert digest(self.content) == before
        return refusal.value

    def entry(self, asset: str = "SOL") -> ManagedAsset:
        return self.content.managed_assets[asset]

    def state(self, asset: str = "SOL") -> AssetState:
        return self.content.state_of(asset)

    def proposal_id(self, asset: str = "SOL") -> str:
        entry = self.content.managed_assets.get(asset)
        return (entry.current_proposal_id if entry is not None else None) or "none"

    def wait(self, **time: float) -> None:
        self.now += dt.timedelta(**time)

    # ---- the usual words --------------------------------------------------------------------------

    def request(self, **words: Any) -> Change:
        return self.say(p.RequestManagedProposal(**words))

    def complete(self) -> Change:
        return self.say(completed(self.proposal_id(), self.now))

    def facts(self, *, changed_offer: ProposalOffer | None = None, **changes: Any) -> ApprovalFacts:
        told = changed_offer or offer(self.proposal_id())
        known: dict[str, Any] = {"price": D(100), "wallet_quantity": D(25), "observed_at": self.now}
        return ApprovalFacts(offer=told, **known | changes)

    def approval(self, **changes: Any) -> p.ApproveManagedProposal:
        words: dict[str, Any] = {
            "proposal_id": self.proposal_id(),
            "proposal_digest": DIGEST,
            "variant": "recommended",
            "confirm": "SOL:recommended",
        }
        return p.ApproveManagedProposal(**words | changes)

    def approve(self, **changes: Any) -> Change:
        return self.say(self.approval(**changes), facts=self.facts())

    def pause(self, exits: Exits = Exits.ON) -> Change:
        return self.say(p.PauseManagedAsset(exits=exits))

    def drift(self, kind: str = "price", fingerprint: str = "f1", **evidence: Any) -> Change:
        return self.say(drifted(kind, fingerprint, **evidence))

    def open_exit(self, quantity: Decimal | int = 10, order_id: str = "o1") -> Change:
        return self.say(exit_opened(quantity, order_id))

    def fill(self, quantity: Decimal | int = 10, **changes: Any) -> Change:
        return self.say(filled(quantity, **changes))


def completed(proposal_id: str, now: dt.datetime) -> p.CompleteManagedProposal:
    return p.CompleteManagedProposal(
        proposal_id=proposal_id,
        proposal_digest=DIGEST,
        generated_at=now,
        expires_at=now + dt.timedelta(days=7),
    )


def drifted(kind: Any = "price", fingerprint: str = "f1", **evidence: Any) -> p.FlagManagedDrift:
    return p.FlagManagedDrift(drift_kind=kind, fingerprint=fingerprint, evidence=evidence or {"seen": 1})


def exit_opened(quantity: Decimal | int = 10, order_id: str = "o1") -> p.OpenExitIntent:
    return p.OpenExitIntent(
        client_order_id=order_id, quantity=D(quantity), reason=ExitReason.STOP_LOSS, trigger_price=D(90)
    )


def filled(quantity: Decimal | int = 10, **changes: Any) -> p.RecordManagedExit:
    words: dict[str, Any] = {
        "client_order_id": "o1",
        "exchange_order_id": "x1",
        "order_status": "filled",
        "is_final": True,
        "filled_quantity": D(quantity),
        "filled_quote": D(quantity) * 90,
    }
    return p.RecordManagedExit(**words | changes)


def stop_opened(quantity: Decimal | int = 10, order_id: str = "s1", **changes: Any) -> p.OpenRestingStop:
    words: dict[str, Any] = {"quantity": D(quantity), "stop_price": D(90), "limit_price": D(89)}
    return p.OpenRestingStop(client_order_id=order_id, **words | changes)


def types_of(change: Change) -> list[EventType]:
    """The events of an answer, in order."""
    return [event.type for event in change.events]


# ---- how each state is reached: by real commands only -------------------------------------------------


def _pending(world: LifecycleWorld) -> None:
    world.request()


def _proposed(world: LifecycleWorld) -> None:
    world.request()
    world.complete()


def _aborted(world: LifecycleWorld) -> None:
    world.request()
    world.say(
        p.AbortManagedProposal(
            proposal_id=world.proposal_id(), reason_code="no_balance", sentence="Nothing is there."
        )
    )


def _rejected(world: LifecycleWorld) -> None:
    _proposed(world)
    world.say(p.RejectManagedProposal(proposal_id=world.proposal_id()))


def _active(world: LifecycleWorld) -> None:
    _proposed(world)
    world.approve()


def _paused(world: LifecycleWorld) -> None:
    _active(world)
    world.pause()


def _drifted(world: LifecycleWorld) -> None:
    _active(world)
    world.drift()


def _releasing(world: LifecycleWorld) -> None:
    _paused(world)
    world.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))


def _exited(world: LifecycleWorld) -> None:
    _active(world)
    world.open_exit()
    world.fill()


_WAYS: dict[AssetState, Callable[[LifecycleWorld], None]] = {
    AssetState.FROZEN: lambda _: None,
    AssetState.PROPOSAL_PENDING: _pending,
    AssetState.RISK_PROPOSED: _proposed,
    AssetState.PROPOSAL_ABORTED: _aborted,
    AssetState.PROPOSAL_REJECTED: _rejected,
    AssetState.MANAGED_ACTIVE: _active,
    AssetState.MANAGED_PAUSED: _paused,
    AssetState.MANAGED_DRIFT_ALERT: _drifted,
    AssetState.RELEASE_PENDING: _releasing,
    AssetState.EXIT_EXECUTED: _exited,
}


def world_at(state: AssetState, policy: LifecyclePolicy = POLICY) -> LifecycleWorld:
    """Return a world whose SOL stands at this state."""
    world = LifecycleWorld(policy)
    _WAYS[state](world)
    assert world.state() is state
    return world


def words_for(world: LifecycleWorld, command: CommandType) -> p.Payload:
    """Return a payload of the command that fits the world as well as it can."""
    current = world.proposal_id()
    payloads: tuple[p.Payload, ...] = (
        p.RequestManagedProposal(),
        p.BeginManagedProposal(proposal_id=current, new_proposal_id="again"),
        completed(current, world.now),
        p.AbortManagedProposal(proposal_id=current, reason_code="no_balance", sentence="Nothing there."),
        p.ApproveManagedProposal(
            proposal_id=current, proposal_digest=DIGEST, variant="recommended", confirm="SOL:recommended"
        ),
        p.RejectManagedProposal(proposal_id=current),
        p.ExpireManagedProposal(proposal_id=current, cause="stale"),
        p.PauseManagedAsset(),
        p.ResumeManagedAsset(reason="looked", override=True),
        p.ReleaseManagedAsset(),
        p.CompleteManagedRelease(reason="nothing left"),
        p.SettleManagedAsset(reason="over"),
        drifted(),
        p.UpdateManagedDrift(drift_kind="price", evidence={"seen": 2}),
        p.SetReferenceRegime(regime="BEAR", evidence={}),
        p.OverrideManagedLevels(reason="tighter", stop_loss=D(95)),
        p.ForceManagedExit(confirm="SOL:exit", reason="out"),
        exit_opened(order_id="o2"),
        p.CloseExitIntent(client_order_id="o1", reason_code="never_arrived", text="nothing there"),
        filled(),
        stop_opened(),
        p.CloseRestingStop(client_order_id="s1", reason_code="cancelled", text="cancelled for an exit"),
    )
    return next(payload for payload in payloads if TYPES[type(payload)] is command)
