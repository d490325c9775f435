"""The lifecycle's rules against a plain model, hundreds of steps, whatever people, bot and market do.

The model knows states, quantities and the time, and decides by itself which command must be applied. The
exchange side of it keeps what was really sold, so that the quantity promise is checked against facts.
"""

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.kernel.money import ZERO
from bot.lifecycle import command_payloads as p
from bot.lifecycle.change import records_of
from bot.lifecycle.documents import Exits, ReleaseMode
from bot.lifecycle.exit_rules import promised_rest, why_no_exit
from tests.property.proposal_steps import APPROVED, ASSETS, IN_HANDS, STRAY, Model, ProposalSteps
from tests.unit.lifecycle.lifecycle_world import (
    DIRECT,
    POLICY,
    D,
    drifted,
    exit_opened,
    filled,
)
from tests.unit.lifecycle.managed_document import schema_problems

DOUBTFUL = {"qty", "wallet_external", "environment_reset"}
QUANTITIES = st.decimals("0.01", "12", places=2)
FILLS = st.one_of(st.just(D(10)), st.just(ZERO), st.decimals("-1", "12", places=2))


class LifecycleMachine(ProposalSteps):
    """Random people, a random market, two coins."""

    orders_made = 0
    clock_steps_back = False

    @initialize(direct=st.booleans())
    def start(self, *, direct: bool) -> None:
        self.direct = direct
        self.world.policy = DIRECT if direct else POLICY
        self.hand_over(asset="SOL")

    @rule(asset=ASSETS)
    def hand_over(self, *, asset: str) -> None:
        """Go the usual way from wherever the coin stands, so that much of a run is about managed coins."""
        model = self.model(asset)
        if model["state"] in {"proposal_aborted", "proposal_rejected"}:
            self.world.wait(hours=24)
            self.settle(asset=asset)
        elif model["state"] == "exit_executed":
            self.release(asset=asset, mode=ReleaseMode.GRACEFUL)
        self.request(asset=asset, quantity=None)
        self.engine_answers(asset=asset, works=True, late=False)
        self.approve(asset=asset, wrong=None)

    def held(self, asset: str) -> Model:
        """Return the model of the coin, handed over first where it is not in the bot's hands."""
        if self.model(asset)["state"] not in IN_HANDS:
            self.hand_over(asset=asset)
        return self.model(asset)

    # ---- holding ----------------------------------------------------------------------------------

    @rule(asset=ASSETS, exits=st.sampled_from(Exits))
    def pause(self, *, asset: str, exits: Exits) -> None:
        model = self.held(asset)
        turns_off = model["state"] == "managed_paused" and (model["exits"], exits) == ("on", "off")
        possible = model["state"] == "managed_active" or turns_off
        if self.attempt(asset, p.PauseManagedAsset(exits=exits), possible=possible):
            model["exits"] = exits.value
            if not turns_off:
                self.step(asset, "managed_paused")

    @rule(asset=ASSETS, override=st.booleans(), accept=st.sampled_from([None, "current"]))
    def resume(self, *, asset: str, override: bool, accept: Any) -> None:
        model = self.model(asset)
        drifts: list[Model] = list(model.get("drifts", {}).values())
        unresolved = any(not drift["accepted"] for drift in drifts)
        allowed = {
            "managed_paused": not unresolved or (override and accept is not None),
            "managed_drift_alert": override,
        }.get(model["state"], False)
        there = min((d["there"] for d in drifts if d["there"] is not None), default=None)
        if not (accept and unresolved):
            there = None
        if allowed and there is not None:
            allowed = model["intent"] is None and there > 0 and model["approved"] > model["sold"]
        payload = p.ResumeManagedAsset(reason="x", override=override, accept=accept)
        if self.attempt(asset, payload, possible=allowed):
            if there is not None:
                model["approved"] = min(model["approved"], there + model["sold"])
            kept: dict[str, Model] = {}
            if not unresolved:
                kept = model["drifts"]
            elif accept is None:
                kept = {
                    kind: {**drift, "accepted": True}
                    for kind, drift in model["drifts"].items()
                    if not drift["gone"]
                }
            self.step(asset, "managed_active", drifts=kept, exits="on")

    @rule(asset=ASSETS, mode=st.sampled_from(ReleaseMode))
    def release(self, *, asset: str, mode: ReleaseMode) -> None:
        model = self.model(asset)
        state = model["state"]
        sooner = state == "release_pending" and (model["mode"], mode) == ("graceful", "immediate")
        possible = state in {"managed_paused", "managed_drift_alert", "exit_executed"} or sooner
        if self.attempt(asset, p.ReleaseManagedAsset(mode=mode), possible=possible):
            model.update(released_by_a_person=True, mode=mode.value)
            if not sooner:
                self.step(asset, "frozen" if state == "exit_executed" else "release_pending")

    @rule(asset=ASSETS)
    def complete_release(self, *, asset: str) -> None:
        model = self.model(asset)
        possible = model["state"] == "release_pending" and model["intent"] is None
        if self.attempt(asset, p.CompleteManagedRelease(reason="x"), possible=possible):
            self.step(asset, "frozen")

    @rule(
        asset=ASSETS,
        kind=st.sampled_from(["price", "price", "regime", "qty", "wallet_external"]),
        fingerprint=st.sampled_from(["f1", "f2"]),
        there=st.decimals("0", "12", places=1),
    )
    def drift(self, *, asset: str, kind: str, fingerprint: str, there: Decimal) -> None:
        model = self.held(asset)
        evidence = {"current_quantity": there} if kind in DOUBTFUL else {"current_price": D(100) + there}
        known = model["drifts"].get(kind)
        new = known is None or known["fingerprint"] != fingerprint
        possible = {
            "managed_active": new,
            "managed_paused": new,
            "managed_drift_alert": known is None or (new and known["accepted"]),
            "release_pending": new and kind in DOUBTFUL,
        }[model["state"]]
        if self.attempt(asset, drifted(kind, fingerprint, **evidence), possible=possible):
            model["drifts"][kind] = {
                "fingerprint": fingerprint,
                "there": there if kind in DOUBTFUL else None,
                "accepted": False,
                "gone": False,
            }
            if model["state"] == "managed_active":
                self.step(asset, "managed_drift_alert")

    @rule(asset=ASSETS, kind=st.sampled_from(["price", "qty", "wallet_external"]))
    def drift_goes(self, *, asset: str, kind: Any) -> None:
        model = self.held(asset)
        known = model["drifts"].get(kind)
        there = D(10) if kind in DOUBTFUL else None
        evidence = {"current_quantity": there} if there is not None else {"current_price": D(100)}
        payload = p.UpdateManagedDrift(drift_kind=kind, evidence=evidence, gone=True)
        if self.attempt(asset, payload, possible=known is not None):
            if model["state"] != "managed_drift_alert" or known["accepted"]:
                del model["drifts"][kind]
            else:
                known.update(gone=True, there=None)

    @rule(asset=ASSETS, typo=st.booleans())
    def force_exit(self, *, asset: str, typo: bool) -> None:
        model = self.model(asset)
        traded = model["state"] == "managed_active"
        paused = model["state"] == "managed_paused" and model["exits"] == "on"
        payload = p.ForceManagedExit(confirm=f"{asset}:{'exot' if typo else 'exit'}", reason="x")
        self.attempt(asset, payload, possible=not typo and (traded or paused))

    # ---- orders -----------------------------------------------------------------------------------

    def may_exit(self, model: Model) -> bool:
        """Say whether an order may leave, by the specification's words."""
        state = model["state"]
        if state not in IN_HANDS or model["intent"] is not None:
            return False
        drifts = model["drifts"]
        if any(kind in DOUBTFUL and not drift["accepted"] for kind, drift in drifts.items()):
            return False
        if state == "managed_drift_alert" and not drifts:
            return False
        if state == "managed_paused":
            return bool(model["exits"] == "on")
        if state == "release_pending":
            return bool((model["exits"], model["mode"]) == ("on", "graceful"))
        return True

    @rule(asset=ASSETS, quantity=st.one_of(st.none(), QUANTITIES))
    def open_intent(self, *, asset: str, quantity: Decimal | None) -> None:
        """Open one for what the loop would sell (None), or for any quantity."""
        model = self.model(asset)
        if quantity is None:
            entry = self.world.content.managed_assets.get(asset)
            quantity = promised_rest(entry) if entry else ZERO
        self.orders_made += 1
        order_id = f"o{self.orders_made}"
        left = model.get("approved", ZERO) - model.get("sold", ZERO)
        possible = self.may_exit(model) and ZERO < quantity <= left
        if self.attempt(asset, exit_opened(quantity, order_id), possible=possible):
            model["intent"] = {"id": order_id, "quantity": quantity, "filled": ZERO}

    @rule(asset=ASSETS, stray=STRAY, quantity=FILLS, final=st.booleans(), dust=st.booleans())
    def fill(self, *, asset: str, stray: bool, quantity: Decimal, final: bool, dust: bool) -> None:
        model = self.model(asset)
        intent: Model = model.get("intent") or {}
        order_id = "stray" if stray else intent.get("id", "none")
        known = bool(intent) and not stray
        possible = known and intent["filled"] <= quantity <= intent["quantity"]
        payload = filled(quantity, client_order_id=order_id, is_final=final, rest_is_dust=dust)
        if not self.attempt(asset, payload, possible=possible):
            return
        model["sold_since_promotion"] += quantity - intent["filled"]
        intent["filled"] = quantity
        if final:
            model.update(sold=model["sold"] + quantity, intent=None)
            done = quantity > 0 and (dust or model["sold"] >= model["approved"])
            if done and model["state"] != "release_pending":
                self.step(asset, "exit_executed")

    @rule(asset=ASSETS, stray=STRAY)
    def close(self, *, asset: str, stray: bool) -> None:
        model = self.model(asset)
        intent: Model = model.get("intent") or {}
        order_id = "stray" if stray else intent.get("id", "none")
        payload = p.CloseExitIntent(client_order_id=order_id, reason_code="never_arrived", text="x")
        if self.attempt(asset, payload, possible=bool(intent) and not stray):
            model.update(sold=model["sold"] + intent["filled"], intent=None)

    @rule(asset=ASSETS, part=st.sampled_from([D(1), D(1), D("0.5")]))
    def loop_sells(self, *, asset: str, part: Decimal) -> None:
        """Sell what is left, as the loop does: all of it, or a part and then no more."""
        self.held(asset)
        self.open_intent(asset=asset, quantity=None)
        intent: Model = self.model(asset).get("intent") or {}
        quantity = max(intent.get("filled", ZERO), intent.get("quantity", ZERO) * part)
        self.fill(asset=asset, stray=False, quantity=quantity / 2, final=False, dust=False)
        self.fill(asset=asset, stray=False, quantity=quantity / 4, final=True, dust=False)  # knows less
        self.fill(asset=asset, stray=False, quantity=quantity, final=True, dust=False)

    @rule(asset=ASSETS, mode=st.sampled_from(ReleaseMode))
    def give_back(self, *, asset: str, mode: ReleaseMode) -> None:
        """Pause, release, and close what is open."""
        self.pause(asset=asset, exits=Exits.ON)
        self.release(asset=asset, mode=mode)
        self.close(asset=asset, stray=False)
        self.complete_release(asset=asset)

    @rule(hours=st.sampled_from([1, 13, 24, 100]))
    def wait(self, hours: int) -> None:
        self.world.wait(hours=hours)

    # ---- what holds after every step --------------------------------------------------------------

    @invariant()
    def the_states_are_the_models_and_exactly_the_waiting_assets_are_listed(self) -> None:
        content = self.world.content
        assert {a: m["state"] for a, m in self.models.items() if a in content.managed_assets} == {
            asset: entry.state for asset, entry in content.managed_assets.items()
        }
        waiting = {a for a, m in self.models.items() if m["state"] in {"proposal_pending", "risk_proposed"}}
        assert set(content.pending_proposals) == waiting
        for asset, pending in content.pending_proposals.items():
            entry = content.managed_assets[asset]
            assert (pending.state, pending.proposal_id) == (entry.state, entry.current_proposal_id)

    @invariant()
    def never_more_is_sold_than_was_handed_over(self) -> None:
        for asset, model in self.models.items():
            intent: Model = model.get("intent") or {}
            unfilled = intent["quantity"] - intent["filled"] if intent else ZERO
            assert model["sold_since_promotion"] + unfilled <= APPROVED
            if model["state"] in IN_HANDS:
                entry = self.world.entry(asset)
                assert (entry.approved_quantity, entry.sold_quantity or ZERO) == (
                    model["approved"],
                    model["sold"],
                )
                rest = model["approved"] - model["sold"] - (intent["quantity"] if intent else ZERO)
                assert promised_rest(entry) == max(ZERO, rest)
                assert (why_no_exit(entry) is None) == self.may_exit(model)

    @invariant()
    def the_newest_ten_steps_are_kept_and_all_are_counted(self) -> None:
        for asset, entry in self.world.content.managed_assets.items():
            steps = self.models[asset]["steps"]
            assert (entry.transitions, len(entry.history)) == (steps, min(10, steps))
            assert entry.history[-1].to_state is entry.state
            for one, following in zip(entry.history, entry.history[1:], strict=False):
                assert one.to_state is following.from_state
                assert one.ts <= following.ts or self.clock_steps_back

    @invariant()
    def the_log_alone_rebuilds_the_state_and_the_document_fits_its_schema(self) -> None:
        content = self.world.content
        for asset, told in self.told.items():
            assert told == records_of(content, asset)
        assert schema_problems(content) == ()


LifecycleMachine.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLifecycleMachine = LifecycleMachine.TestCase
