"""Drift on record: one of each kind, none overwritten, gone by itself, tolerated, or accepted."""

from typing import Any

import msgspec
import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.documents import Exits, ManagedStateContent, ReleaseMode
from bot.lifecycle.drift_kinds import basis_of, doubts_quantity, drifts_of, is_unresolved
from bot.lifecycle.drift_rules import GRAVITY
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import why_no_exit
from bot.lifecycle.states import AssetState
from tests.unit.lifecycle.lifecycle_world import D, LifecycleWorld, drifted, filled, types_of, world_at

OVERRIDE = p.ResumeManagedAsset(reason="looked", override=True)
ACCEPT = p.ResumeManagedAsset(reason="looked", override=True, accept="current")


def updated(kind: Any = "price", *, gone: bool = False, **evidence: Any) -> p.UpdateManagedDrift:
    return p.UpdateManagedDrift(drift_kind=kind, evidence=evidence or {"seen": 2}, gone=gone)


def kinds(world: LifecycleWorld) -> list[str]:
    return [drift.kind for drift in drifts_of(world.entry())]


@pytest.fixture
def active() -> LifecycleWorld:
    return world_at(AssetState.MANAGED_ACTIVE)


@pytest.fixture
def paused() -> LifecycleWorld:
    return world_at(AssetState.MANAGED_PAUSED)


def test_the_kinds_are_ranked_from_what_doubts_the_quantity_to_what_only_moved() -> None:
    assert GRAVITY == ("environment_reset", "wallet_external", "qty", "regime", "price")


def test_the_graver_drift_stands_first_and_the_other_is_kept(paused: LifecycleWorld) -> None:
    for kind in ("price", "wallet_external", "regime", "qty"):
        paused.drift(kind, f"f-{kind}")
    assert kinds(paused) == ["wallet_external", "qty", "regime", "price"]
    paused.refused(drifted("regime", "f-regime"), "drift_known")


def test_a_graver_drift_in_an_alert_is_recorded_and_disarms_the_exits(active: LifecycleWorld) -> None:
    active.drift("price")
    assert why_no_exit(active.entry()) is None
    change = active.drift("wallet_external", "f2")
    assert types_of(change) == [EventType.DRIFT_DETECTED]
    assert active.state() is AssetState.MANAGED_DRIFT_ALERT
    assert why_no_exit(active.entry()) == "drift_unresolved"
    reason = active.entry().reason
    assert reason is not None
    assert reason.code == "drift_wallet_external"


def test_a_lesser_drift_beside_a_graver_one_arms_nothing(active: LifecycleWorld) -> None:
    active.drift("qty")
    active.drift("price", "f2")
    assert why_no_exit(active.entry()) == "drift_unresolved"


@pytest.mark.parametrize("kind", ["qty", "wallet_external", "environment_reset"])
def test_on_its_way_back_a_doubt_about_the_quantity_is_recorded(paused: LifecycleWorld, kind: str) -> None:
    paused.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))
    paused.drift(kind)
    assert paused.state() is AssetState.RELEASE_PENDING
    assert why_no_exit(paused.entry()) == "drift_unresolved"
    paused.refused(drifted("price", "f2"), "transition_not_allowed")
    paused.say(updated(kind, gone=True))
    assert why_no_exit(paused.entry()) is None


def test_what_was_measured_against_another_agreement_is_not_recorded(active: LifecycleWorld) -> None:
    basis = basis_of(active.entry())
    assert basis["approved_quantity"] == D(10)
    for old in (basis | {"approved_quantity": D(9)}, basis | {"sold_quantity": D(1)}, {}):
        active.refused(drifted("qty", "f", basis=old), "state_changed")
    active.drift("qty", "f", basis=basis)
    active.refused(updated("qty", basis=basis | {"reference_price": D(1)}), "state_changed")
    active.say(updated("qty", basis=basis))


# ---- gone ---------------------------------------------------------------------------------------------


def test_in_a_pause_what_is_gone_leaves_the_record(paused: LifecycleWorld) -> None:
    paused.drift("price")
    change = paused.say(updated(gone=True))
    assert types_of(change) == [EventType.DRIFT_CLEARED]
    assert paused.entry().drift is None
    paused.say(p.ResumeManagedAsset(reason="x"))


def test_in_an_alert_what_is_gone_is_marked_and_a_person_resumes(active: LifecycleWorld) -> None:
    active.drift("qty", current_quantity=D(5))
    active.say(updated("qty", gone=True, current_quantity=D(10)))
    (drift,) = drifts_of(active.entry())
    assert drift.gone_at == active.now
    assert why_no_exit(active.entry()) == "drift_unresolved", "the bot stopped itself"
    active.refused(p.ResumeManagedAsset(reason="x"), "resume_needs_override")
    active.say(OVERRIDE)
    assert drifts_of(active.entry()) == ()
    assert active.entry().approved_quantity == D(10)


def test_what_is_gone_is_not_accepted_as_a_fact(active: LifecycleWorld) -> None:
    active.drift("qty", current_quantity=D(5))
    active.say(updated("qty", gone=True, current_quantity=D(5)))
    active.say(ACCEPT)
    assert active.entry().approved_quantity == D(10)


def test_what_comes_back_counts_again(active: LifecycleWorld) -> None:
    active.drift("price")
    active.say(updated(gone=True))
    active.say(updated())
    assert drifts_of(active.entry())[0].gone_at is None


@pytest.mark.parametrize("state", [AssetState.FROZEN, AssetState.EXIT_EXECUTED, AssetState.MANAGED_ACTIVE])
def test_what_is_not_recorded_is_not_brought_up_to_date(state: AssetState) -> None:
    world_at(state).refused(updated(), "state_changed")


def test_newer_evidence_takes_the_place_of_the_older_and_keeps_its_beginning(active: LifecycleWorld) -> None:
    active.drift("price", current_price=D(110))
    before = drifts_of(active.entry())[0]
    active.wait(hours=5)
    change = active.say(updated(current_price=D(114)))
    assert types_of(change) == [EventType.DRIFT_UPDATED]
    (after,) = drifts_of(active.entry())
    assert (after.detected_at, after.fingerprint) == (before.detected_at, before.fingerprint)
    assert after.evidence == {"current_price": D(114)}
    active.say(ACCEPT)
    assert active.entry().reference_price == D(114), "today's facts, not those of the alarm"


# ---- resume -------------------------------------------------------------------------------------------


def test_by_override_alone_the_drift_is_tolerated_and_the_exits_are_armed(active: LifecycleWorld) -> None:
    active.drift("wallet_external", current_quantity=D(8))
    active.say(OVERRIDE)
    entry = active.entry()
    assert [drift.accepted for drift in drifts_of(entry)] == [True]
    assert (entry.approved_quantity, is_unresolved(entry), doubts_quantity(entry)) == (D(10), False, False)
    active.refused(drifted("wallet_external", "f1"), "drift_known")
    active.drift("wallet_external", "f2", current_quantity=D(2))
    assert active.state() is AssetState.MANAGED_DRIFT_ALERT


def test_all_recorded_drifts_are_accepted_together_and_the_smallest_quantity_counts(
    paused: LifecycleWorld,
) -> None:
    paused.drift("wallet_external", "f1", current_quantity=D(8))
    paused.drift("qty", "f2", current_quantity=D(6))
    paused.drift("price", "f3", current_price=D(111))
    paused.drift("regime", "f4", current_regime="BEAR")
    paused.say(ACCEPT)
    entry = paused.entry()
    assert (entry.approved_quantity, entry.reference_price, entry.reference_regime) == (D(6), D(111), "BEAR")
    assert (entry.drift, entry.further_drifts) == (None, ())


def test_a_tolerated_drift_that_is_gone_leaves_the_record(active: LifecycleWorld) -> None:
    active.drift("price")
    active.say(OVERRIDE)
    active.say(updated(gone=True))
    assert drifts_of(active.entry()) == ()


# ---- regime, fees -------------------------------------------------------------------------------------


def with_regime(world: LifecycleWorld, regime: str) -> LifecycleWorld:
    entry = msgspec.structs.replace(world.entry(), reference_regime=regime)
    world.content = ManagedStateContent(managed_assets={"SOL": entry})
    return world


def test_a_sideways_reference_becomes_the_first_clear_regime_and_no_other(active: LifecycleWorld) -> None:
    words = p.SetReferenceRegime(regime="BEAR", evidence={"bar": 1})
    change = with_regime(active, "SIDEWAYS").say(words)
    assert types_of(change) == [EventType.REFERENCE_REGIME_SET]
    assert active.entry().reference_regime == "BEAR"
    active.refused(p.SetReferenceRegime(regime="BULL", evidence={}), "state_changed")


@pytest.mark.parametrize("state", [AssetState.FROZEN, AssetState.EXIT_EXECUTED])
def test_a_coin_outside_the_bots_hands_has_no_reference_regime(state: AssetState) -> None:
    world_at(state).refused(p.SetReferenceRegime(regime="BEAR", evidence={}), "state_changed")


def test_fees_taken_from_the_coin_itself_are_remembered(active: LifecycleWorld) -> None:
    active.open_exit(4)
    paid = (p.PaidFee(asset="SOL", amount=D("0.004")), p.PaidFee(asset="BNB", amount=D(1)))
    active.say(filled(4, fees=paid))
    assert active.entry().fee_quantity == D("0.004")
    active.open_exit(4, "o2")
    active.say(filled(4, client_order_id="o2", fees=paid))
    assert active.entry().fee_quantity == D("0.008")


def test_a_pause_with_a_tolerated_drift_needs_no_second_acceptance(active: LifecycleWorld) -> None:
    active.drift("price")
    active.say(OVERRIDE)
    active.wait(seconds=1)
    active.pause(Exits.ON)
    active.wait(seconds=1)
    active.say(p.ResumeManagedAsset(reason="x"))
    assert active.state() is AssetState.MANAGED_ACTIVE


def test_an_ordered_sale_that_a_doubt_held_up_is_forgotten_at_the_resume(active: LifecycleWorld) -> None:
    active.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    active.drift("qty")
    active.say(p.ResumeManagedAsset(reason="looked at it", override=True))
    assert active.entry().force_exit is None


def test_an_ordered_sale_that_could_leave_all_the_time_outlives_a_resume(active: LifecycleWorld) -> None:
    active.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    active.drift("price")
    active.say(p.ResumeManagedAsset(reason="looked at it", override=True))
    assert active.entry().force_exit is True
