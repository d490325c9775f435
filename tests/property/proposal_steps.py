"""The half of the lifecycle's state machine that is about proposals; see `test_lifecycle_machine.py`."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from bot.kernel.errors import RefusedError
from bot.kernel.money import ZERO
from bot.lifecycle import command_payloads as p
from bot.lifecycle.change import Change, records_of
from tests.unit.lifecycle.lifecycle_world import (
    DIGEST,
    D,
    LifecycleWorld,
    completed,
    offer,
)

IN_HANDS = {"managed_active", "managed_paused", "managed_drift_alert", "release_pending"}
APPROVED = D(10)
ASSETS = st.sampled_from(["SOL", "ETH"])
STRAY = st.sampled_from([False, False, False, True])

Model = dict[str, Any]


def nothing_known() -> Model:
    """What the model says of a coin that nobody ever asked for."""
    return {"state": "frozen", "steps": 0, "sold_since_promotion": ZERO}


class ProposalSteps(RuleBasedStateMachine):
    """Commands with the model's opinion of them, and the steps from a wish to an approval."""

    def __init__(self) -> None:
        super().__init__()
        self.direct = False
        self.world = LifecycleWorld()
        self.models: dict[str, Model] = {}
        self.told: dict[str, Any] = {}

    def model(self, asset: str) -> Model:
        return self.models.setdefault(asset, nothing_known())

    def attempt(self, asset: str, payload: p.Payload, *, possible: bool, facts: Any = None) -> Change | None:
        """Say it; it must be applied exactly where the model says so, and tell the truth about it."""
        before = self.world.content
        if not possible:
            with pytest.raises(RefusedError):
                self.world.say(payload, asset=asset, facts=facts)
            assert self.world.content is before
            return None
        change = self.world.say(payload, asset=asset, facts=facts)
        first, last = change.events[0], change.events[-1]
        assert first.before == records_of(before, asset)
        assert first.before == self.told.get(asset, {"managed": None, "pending": None})
        assert last.after == records_of(change.content, asset)
        for one, following in zip(change.events, change.events[1:], strict=False):
            assert one.after == following.before
        self.told[asset] = last.after
        return change

    def step(self, asset: str, state: str, **known: Any) -> None:
        model = self.model(asset)
        if model["state"] in IN_HANDS | {"exit_executed"} and state == "frozen":
            assert model.get("released_by_a_person"), "DR-11"  # nobody else opens the bot's hands
        model.update(state=state, steps=model["steps"] + 1, **known)

    # ---- proposals --------------------------------------------------------------------------------

    @rule(asset=ASSETS, quantity=st.one_of(st.none(), st.decimals("-1", "5", places=1)))
    def request(self, *, asset: str, quantity: Decimal | None) -> None:
        state = self.model(asset)["state"]
        free = state == "frozen" or (state == "exit_executed" and self.direct)
        good = quantity is None or quantity > 0
        if self.attempt(asset, p.RequestManagedProposal(quantity=quantity), possible=free and good):
            until = self.world.now + self.world.policy.proposal_ttl
            proposal_id = self.world.proposal_id(asset)
            sold = self.model(asset)["sold_since_promotion"]
            steps = self.model(asset)["steps"]
            self.models[asset] = {"state": "x", "steps": steps, "sold_since_promotion": sold}
            self.step(asset, "proposal_pending", id=proposal_id, starts=0, until=until)

    @rule(asset=ASSETS, fresh=st.booleans())
    def begin(self, *, asset: str, fresh: bool) -> None:
        model = self.model(asset)
        new = f"{model.get('id', 'none')}-{model.get('starts', 0)}"[-64:] if fresh else None
        payload = p.BeginManagedProposal(proposal_id=model.get("id", "none"), new_proposal_id=new)
        starts = model.get("starts", 0)
        possible = model["state"] == "proposal_pending" and starts < 3 and (starts == 0 or fresh)
        if self.attempt(asset, payload, possible=possible):
            model["starts"] = starts + 1
            if starts > 0:
                model["id"] = new

    @rule(asset=ASSETS, works=st.booleans(), late=STRAY)
    def engine_answers(self, *, asset: str, works: bool, late: bool) -> None:
        model = self.model(asset)
        current = "older" if late else model.get("id", "none")
        possible = model["state"] == "proposal_pending" and not late
        answer = (
            completed(current, self.world.now)
            if works
            else p.AbortManagedProposal(proposal_id=current, reason_code="no_balance", sentence="x")
        )
        if self.attempt(asset, answer, possible=possible):
            until = self.world.now + self.world.policy.proposal_ttl
            self.step(asset, "risk_proposed" if works else "proposal_aborted", until=until)

    @rule(
        asset=ASSETS, wrong=st.sampled_from([None, None, None, "confirm", "proposal_digest", "proposal_id"])
    )
    def approve(self, *, asset: str, wrong: str | None) -> None:
        model = self.model(asset)
        current = model.get("id", "none")
        words = {
            "proposal_id": current,
            "proposal_digest": DIGEST,
            "variant": "recommended",
            "confirm": f"{asset}:recommended",
        }
        if wrong is not None:
            words[wrong] = "older"
        until = model.get("until", self.world.now)
        facts = self.world.facts(changed_offer=offer(current, asset=asset, expires_at=until))
        waits = model["state"] == "risk_proposed" and self.world.now < until
        if self.attempt(
            asset, p.ApproveManagedProposal(**words), possible=waits and wrong is None, facts=facts
        ):
            agreed: Model = {"approved": APPROVED, "sold": ZERO, "sold_since_promotion": ZERO, "intent": None}
            forgotten: Model = {"drifts": {}, "mode": None, "released_by_a_person": False}
            self.step(asset, "managed_active", exits="on", **agreed, **forgotten)

    @rule(asset=ASSETS)
    def reject(self, *, asset: str) -> None:
        model = self.model(asset)
        payload = p.RejectManagedProposal(proposal_id=model.get("id", "none"))
        if self.attempt(asset, payload, possible=model["state"] == "risk_proposed"):
            self.step(asset, "proposal_rejected", rests_until=self.world.now + self.world.policy.cooldown)

    @rule(asset=ASSETS, cause=st.sampled_from(["ttl", "stale"]))
    def expire(self, *, asset: str, cause: Any) -> None:
        model = self.model(asset)
        payload = p.ExpireManagedProposal(proposal_id=model.get("id", "none"), cause=cause)
        over = cause == "stale" or self.world.now >= model.get("until", self.world.now)
        if self.attempt(asset, payload, possible=model["state"] == "risk_proposed" and over):
            self.step(asset, "frozen")

    @rule(asset=ASSETS)
    def settle(self, *, asset: str) -> None:
        model = self.model(asset)
        rested = model["state"] == "proposal_rejected" and self.world.now >= model["rests_until"]
        possible = rested or model["state"] == "proposal_aborted"
        if self.attempt(asset, p.SettleManagedAsset(reason="x"), possible=possible):
            self.step(asset, "frozen")
