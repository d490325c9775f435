"""A coin in the bot's hands: pause, resume, release, drift, override, forced exit."""

from typing import Any

import msgspec
import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.documents import Exits, ReleaseMode
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import promised_rest, why_no_exit
from bot.lifecycle.states import AssetState
from tests.unit.lifecycle.lifecycle_world import D, LifecycleWorld, drifted, types_of, world_at

OVERRIDE = p.ResumeManagedAsset(reason="looked", override=True)
ACCEPT = p.ResumeManagedAsset(reason="looked", override=True, accept="current")
PLAIN = p.ResumeManagedAsset(reason="quiet again")


@pytest.fixture
def active() -> LifecycleWorld:
    return world_at(AssetState.MANAGED_ACTIVE)


# ---- pause --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("exits", "code"), [(Exits.ON, None), (Exits.OFF, "exits_are_off")])
def test_a_pause_says_whether_the_agreed_exits_keep_working(
    active: LifecycleWorld, exits: Exits, code: str | None
) -> None:
    """Q-MH-8, C2."""
    change = active.pause(exits)
    assert change.detail["exits"] == exits
    assert active.entry().exits is exits
    assert why_no_exit(active.entry()) == code


def test_a_pause_keeps_the_exits_on_unless_told_otherwise() -> None:
    assert p.PauseManagedAsset().exits is Exits.ON


@pytest.mark.parametrize("exits", Exits)
def test_a_pause_names_the_order_that_is_in_flight(active: LifecycleWorld, exits: Exits) -> None:
    """R4/C2: it comes after the intent, so it is applied and says what it could not stop."""
    active.open_exit(order_id="o1")
    change = active.pause(exits)
    assert change.detail["order_in_flight"] == "o1"
    active.fill()
    assert active.state() is AssetState.EXIT_EXECUTED  # T19


def test_a_quiet_pause_names_no_order(active: LifecycleWorld) -> None:
    assert "order_in_flight" not in active.pause().detail


def test_within_a_pause_the_exits_can_be_turned_off_but_not_on_again(active: LifecycleWorld) -> None:
    active.pause(Exits.ON)
    active.refused(p.PauseManagedAsset(exits=Exits.ON), "paused_already")
    change = active.pause(Exits.OFF)
    assert (active.state(), active.entry().exits) == (AssetState.MANAGED_PAUSED, Exits.OFF)
    assert types_of(change) == [EventType.ASSET_PAUSED]
    assert active.entry().transitions == 4
    active.refused(p.PauseManagedAsset(exits=Exits.OFF), "paused_already")
    active.refused(p.PauseManagedAsset(exits=Exits.ON), "paused_already")


def test_hands_off_forgets_an_ordered_sale_so_that_no_resume_wakes_it_up(active: LifecycleWorld) -> None:
    active.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    active.pause(Exits.ON)
    assert active.entry().force_exit is True
    active.pause(Exits.OFF)
    active.say(PLAIN)
    assert active.entry().force_exit is None


# ---- resume -------------------------------------------------------------------------------------------


def test_a_resume_turns_the_exits_on_again(active: LifecycleWorld) -> None:
    active.pause(Exits.OFF)
    change = active.say(PLAIN)
    assert (active.state(), active.entry().exits) == (AssetState.MANAGED_ACTIVE, Exits.ON)
    assert types_of(change) == [EventType.ASSET_RESUMED]


def test_out_of_a_drift_alert_only_an_override_leads(active: LifecycleWorld) -> None:
    """T11."""
    active.drift()
    active.refused(PLAIN, "resume_needs_override")
    active.refused(p.ResumeManagedAsset(reason="x", accept="current"), "resume_needs_override")
    change = active.say(OVERRIDE)
    assert types_of(change) == [EventType.OPERATOR_OVERRIDE, EventType.ASSET_RESUMED]
    tolerated = active.entry().drift
    assert tolerated is not None
    assert tolerated.accepted, "gone on with as it is; the reference stays"
    assert active.entry().reference_price == D(100)


@pytest.mark.parametrize("words", [PLAIN, OVERRIDE, p.ResumeManagedAsset(reason="x", accept="current")])
def test_a_drift_that_was_recorded_in_a_pause_must_be_accepted(p_world: LifecycleWorld, words: Any) -> None:
    """§7: resume is refused until it is gone or accepted."""
    p_world.drift()
    p_world.refused(words, "drift_unresolved")
    change = p_world.say(ACCEPT)
    assert types_of(change) == [EventType.OPERATOR_OVERRIDE, EventType.ASSET_RESUMED]
    assert p_world.entry().drift is None


@pytest.fixture
def p_world() -> LifecycleWorld:
    """A world at a pause with its exits on."""
    return world_at(AssetState.MANAGED_PAUSED)


def test_accepting_takes_todays_price_and_regime_as_the_reference(active: LifecycleWorld) -> None:
    active.drift("price", current_price=D("111.5"), current_regime="SIDEWAYS")
    active.say(ACCEPT)
    entry = active.entry()
    assert (entry.reference_price, entry.reference_regime) == (D("111.5"), "SIDEWAYS")
    assert (entry.stop_loss, entry.take_profit, entry.approved_quantity) == (D(90), D(130), D(10))


@pytest.mark.parametrize(("there", "approved"), [("7", "7"), ("10", "10"), ("9999", "10")])
def test_accepting_a_quantity_never_raises_it(active: LifecycleWorld, there: str, approved: str) -> None:
    active.drift("qty", current_quantity=D(there))
    active.say(ACCEPT)
    assert active.entry().approved_quantity == D(approved)


def test_accepting_a_quantity_counts_what_was_sold_before(active: LifecycleWorld) -> None:
    """Four of ten are sold, five are there: five may still be sold, not one."""
    active.open_exit(4)
    active.fill(4)
    active.drift("qty", current_quantity=D(5))
    active.say(ACCEPT)
    assert promised_rest(active.entry()) == D(5)
    assert active.entry().approved_quantity == D(9)


def test_a_quantity_of_zero_cannot_be_accepted(active: LifecycleWorld) -> None:
    active.drift("wallet_external", current_quantity=D(0))
    assert "release" in active.refused(ACCEPT, "balance_too_small").fix


def test_a_quantity_is_not_accepted_while_an_exit_is_in_flight(active: LifecycleWorld) -> None:
    active.open_exit(10)
    active.drift("qty", current_quantity=D(5))
    active.refused(ACCEPT, "exit_in_flight")


def test_what_is_no_number_is_not_accepted_as_one(active: LifecycleWorld) -> None:
    active.drift("qty", current_quantity="7", current_price=True)
    active.say(ACCEPT)
    assert (active.entry().approved_quantity, active.entry().reference_price) == (D(10), D(100))


# ---- release ------------------------------------------------------------------------------------------


def test_a_coin_that_is_traded_is_paused_first(active: LifecycleWorld) -> None:
    active.refused(p.ReleaseManagedAsset(), "pause_first")


@pytest.mark.parametrize(
    ("exits", "mode", "code"),
    [
        (Exits.ON, ReleaseMode.GRACEFUL, None),
        (Exits.OFF, ReleaseMode.GRACEFUL, "exits_are_off"),
        (Exits.ON, ReleaseMode.IMMEDIATE, "exits_are_off"),
        (Exits.OFF, ReleaseMode.IMMEDIATE, "exits_are_off"),
    ],
)
def test_only_a_graceful_release_with_exits_on_keeps_them_armed(
    active: LifecycleWorld, exits: Exits, mode: ReleaseMode, code: str | None
) -> None:
    """Q-MH-4; a graceful release follows the pause's exits."""
    active.pause(exits)
    active.say(p.ReleaseManagedAsset(mode=mode))
    entry = active.entry()
    assert (entry.release_mode, entry.release_requested_by_user_id) == (mode, "ann")
    assert why_no_exit(entry) == code


def test_a_graceful_release_may_become_an_immediate_one_but_not_back(p_world: LifecycleWorld) -> None:
    p_world.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))
    p_world.refused(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL), "release_pending_already")
    steps = p_world.entry().transitions
    p_world.say(p.ReleaseManagedAsset(mode=ReleaseMode.IMMEDIATE))
    assert (p_world.state(), p_world.entry().transitions) == (AssetState.RELEASE_PENDING, steps)
    for mode in ReleaseMode:
        p_world.refused(p.ReleaseManagedAsset(mode=mode), "release_pending_already")


def test_a_release_sells_nothing_that_was_ordered_before(p_world: LifecycleWorld) -> None:
    p_world.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    p_world.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))
    assert p_world.entry().force_exit is None


def test_a_release_is_not_completed_while_an_order_is_open(active: LifecycleWorld) -> None:
    active.open_exit()
    active.pause(Exits.OFF)
    active.say(p.ReleaseManagedAsset(mode=ReleaseMode.IMMEDIATE))
    active.refused(p.CompleteManagedRelease(reason="x"), "exit_in_flight")
    active.fill(0, order_status="cancelled")
    active.say(p.CompleteManagedRelease(reason="cancelled"))
    assert active.state() is AssetState.FROZEN


def test_a_release_that_nobody_asked_for_is_never_completed() -> None:
    """DR-11, also against a state that was edited by hand."""
    world = world_at(AssetState.RELEASE_PENDING)
    entry = msgspec.structs.replace(world.entry(), release_requested_by_user_id=None)
    world.content = msgspec.structs.replace(world.content, managed_assets={"SOL": entry})
    world.refused(p.CompleteManagedRelease(reason="x"), "release_not_requested")


def test_a_fill_during_a_release_is_booked_and_the_release_completes() -> None:
    world = world_at(AssetState.RELEASE_PENDING)
    world.open_exit()
    change = world.fill()
    assert types_of(change) == [EventType.EXIT_EXECUTED]
    assert world.state() is AssetState.RELEASE_PENDING
    done = world.say(p.CompleteManagedRelease(reason="exit filled"))
    assert done.events[0].data["released_by"] == "ann"
    assert world.entry().approved_quantity is None


# ---- drift --------------------------------------------------------------------------------------------


def test_a_drift_in_a_pause_is_recorded_once_and_the_pause_stays(p_world: LifecycleWorld) -> None:
    p_world.drift("price", "f1")
    assert p_world.state() is AssetState.MANAGED_PAUSED
    p_world.refused(drifted("price", "f1"), "drift_known")
    p_world.drift("price", "f2")
    drift = p_world.entry().drift
    assert drift is not None
    assert (drift.fingerprint, drift.detected_at) == ("f2", p_world.now)


def test_the_evidence_goes_into_the_event(active: LifecycleWorld) -> None:
    change = active.drift("qty", expected=D(10), current_quantity=D(7))
    assert change.events[0].data["evidence"] == {"expected": D(10), "current_quantity": D(7)}
    assert active.entry().reason is not None


def test_one_alarm_per_drift(active: LifecycleWorld) -> None:
    active.drift("price", "f1")
    active.refused(drifted("price", "f1"), "drift_known")
    active.refused(drifted("price", "f2"), "transition_not_allowed")


# ---- override and forced exit -------------------------------------------------------------------------


def test_an_override_sets_live_levels_and_leaves_what_was_agreed(active: LifecycleWorld) -> None:
    """C1."""
    words = p.OverrideManagedLevels(reason="tighter", stop_loss=D(95), synthetic_entry_value=D(80))
    change = active.say(words)
    entry = active.entry()
    assert entry.overrides == {"stop_loss": D(95), "synthetic_entry": D(80)}
    assert (entry.stop_loss, entry.synthetic_entry) == (D(90), D(100))
    assert types_of(change) == [EventType.OPERATOR_OVERRIDE, EventType.SYNTHETIC_ENTRY_ADJUSTED]
    assert change.events[0].data["difference"] == {
        "stop_loss": {"from": D(90), "to": D(95)},
        "synthetic_entry": {"from": D(100), "to": D(80)},
    }
    second = active.say(p.OverrideManagedLevels(reason="again", stop_loss=D(96)))
    assert second.events[0].data["difference"] == {"stop_loss": {"from": D(95), "to": D(96)}}
    assert types_of(second) == [EventType.OPERATOR_OVERRIDE]
    assert active.entry().overrides == {"stop_loss": D(96), "synthetic_entry": D(80)}


def test_an_override_that_names_nothing_is_refused(active: LifecycleWorld) -> None:
    active.refused(p.OverrideManagedLevels(reason="x"), "nothing_to_change")


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ({"stop_loss": D(100)}, "levels_out_of_order"),
        ({"take_profit": D(100)}, "levels_out_of_order"),
        ({"stop_loss": D(0)}, "levels_out_of_order"),
        ({"max_allocation_usdt": D(0)}, "quantity_invalid"),
    ],
)
def test_an_override_keeps_the_order_of_the_levels(
    active: LifecycleWorld, levels: dict[str, Any], code: str
) -> None:
    active.refused(p.OverrideManagedLevels(reason="x", **levels), code)


@pytest.mark.parametrize("typed", ["", "SOL", "sol:exit", "SOL:exit ", "ETH:exit"])
def test_a_forced_exit_is_confirmed_to_the_letter(active: LifecycleWorld, typed: str) -> None:
    active.refused(p.ForceManagedExit(confirm=typed, reason="out"), "confirmation_wrong")


def test_a_forced_exit_is_an_order_to_the_loop_and_changes_no_state(active: LifecycleWorld) -> None:
    active.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    assert (active.state(), active.entry().force_exit) == (AssetState.MANAGED_ACTIVE, True)
    active.open_exit()
    active.fill()
    assert active.entry().force_exit is None


def test_hands_off_means_no_forced_exit_either(active: LifecycleWorld) -> None:
    active.pause(Exits.OFF)
    active.refused(p.ForceManagedExit(confirm="SOL:exit", reason="out"), "exits_are_off")


@pytest.mark.parametrize("state", [s for s in AssetState if s not in {"managed_active", "managed_paused"}])
def test_levels_and_forced_exits_are_for_a_coin_that_is_traded_or_paused(state: AssetState) -> None:
    world = world_at(state)
    for words in (
        p.OverrideManagedLevels(reason="x", stop_loss=D(95)),
        p.ForceManagedExit(confirm="SOL:exit", reason="out"),
    ):
        assert state in world.refused(words, "transition_not_allowed").what
