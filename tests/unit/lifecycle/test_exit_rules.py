"""Rules of selling: the intent first (R4), the quantity promise always."""

from decimal import Decimal

import msgspec
import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.documents import Drift, ExitIntent, ExitReason, Exits, ManagedAsset, ReleaseMode
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import promised_rest, why_no_exit
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from tests.unit.lifecycle.lifecycle_world import (
    NOW,
    D,
    LifecycleWorld,
    exit_opened,
    filled,
    types_of,
    world_at,
)

INTENT = ExitIntent(
    client_order_id="o1", quantity=D(4), reason=ExitReason.STOP_LOSS, trigger_price=D(90), opened_at=NOW
)
DOUBTFUL = ("qty", "wallet_external", "environment_reset")
AGREED = ("price", "regime")


def drift_of(kind: str) -> Drift:
    return Drift(kind=kind, fingerprint="f", detected_at=NOW, evidence={})


def closed(quantity: Decimal | int = 0, order_id: str = "o1") -> p.CloseExitIntent:
    return p.CloseExitIntent(
        client_order_id=order_id,
        reason_code="never_arrived",
        text="the exchange has no such order",
        filled_quantity=D(quantity),
        filled_quote=D(quantity) * 90,
    )


@pytest.fixture
def active() -> LifecycleWorld:
    return world_at(AssetState.MANAGED_ACTIVE)


# ---- why_no_exit, the whole table ---------------------------------------------------------------------


@pytest.mark.parametrize("state", AssetState)
def test_a_coin_outside_the_bots_hands_has_no_exit(state: AssetState) -> None:
    entry = ManagedAsset(state=state, exits=Exits.ON, release_mode=ReleaseMode.GRACEFUL)
    allowed = state in IN_THE_BOTS_HANDS - {AssetState.MANAGED_DRIFT_ALERT}
    code = "drift_unresolved" if state is AssetState.MANAGED_DRIFT_ALERT else "transition_not_allowed"
    assert why_no_exit(entry) == (None if allowed else code)


@pytest.mark.parametrize("state", AssetState)
def test_an_order_in_flight_holds_every_other_one_back(state: AssetState) -> None:
    entry = ManagedAsset(state=state, exits=Exits.ON, release_mode=ReleaseMode.GRACEFUL, exit_intent=INTENT)
    assert why_no_exit(entry) == "exit_in_flight"


@pytest.mark.parametrize("exits", Exits)
@pytest.mark.parametrize("mode", [*ReleaseMode, None])
def test_a_pause_and_a_release_follow_their_words(exits: Exits, mode: ReleaseMode | None) -> None:
    paused = ManagedAsset(state=AssetState.MANAGED_PAUSED, exits=exits)
    assert (why_no_exit(paused) is None) == (exits is Exits.ON)
    releasing = ManagedAsset(state=AssetState.RELEASE_PENDING, exits=exits, release_mode=mode)
    armed = exits is Exits.ON and mode is ReleaseMode.GRACEFUL
    assert why_no_exit(releasing) == (None if armed else "exits_are_off")


@pytest.mark.parametrize("kind", AGREED)
def test_a_drift_of_price_or_regime_keeps_the_agreed_exits(kind: str) -> None:
    """T20: otherwise an alert would switch the stop off in a crash."""
    for state in IN_THE_BOTS_HANDS:
        entry = ManagedAsset(
            state=state, exits=Exits.ON, release_mode=ReleaseMode.GRACEFUL, drift=drift_of(kind)
        )
        assert why_no_exit(entry) is None


@pytest.mark.parametrize("kind", DOUBTFUL)
@pytest.mark.parametrize("state", sorted(IN_THE_BOTS_HANDS))
def test_a_drift_that_doubts_the_quantity_lets_no_order_leave(kind: str, state: AssetState) -> None:
    """§7: no order at all, neither in the alert nor in a pause or a release that followed."""
    entry = ManagedAsset(state=state, exits=Exits.ON, release_mode=ReleaseMode.GRACEFUL, drift=drift_of(kind))
    assert why_no_exit(entry) == "drift_unresolved"


def test_an_accepted_drift_doubts_nothing_any_more() -> None:
    accepted = msgspec.structs.replace(drift_of("qty"), accepted=True)
    assert why_no_exit(ManagedAsset(state=AssetState.MANAGED_PAUSED, drift=accepted)) is None


def test_a_graceful_release_out_of_a_doubted_quantity_sells_nothing(active: LifecycleWorld) -> None:
    """T12 must not arm the exits that the alert had switched off."""
    active.drift("wallet_external")
    active.say(p.ReleaseManagedAsset(mode=ReleaseMode.GRACEFUL))
    active.refused(exit_opened(1), "drift_unresolved")


# ---- the intent ---------------------------------------------------------------------------------------


def test_an_intent_is_committed_with_all_that_its_order_needs(active: LifecycleWorld) -> None:
    change = active.open_exit(10)
    assert active.entry().exit_intent == ExitIntent(
        client_order_id="o1",
        quantity=D(10),
        reason=ExitReason.STOP_LOSS,
        trigger_price=D(90),
        opened_at=active.now,
    )
    assert types_of(change) == [EventType.EXIT_INTENT_OPENED]
    assert active.state() is AssetState.MANAGED_ACTIVE


def test_a_second_intent_waits_for_the_first(active: LifecycleWorld) -> None:
    active.open_exit(4)
    active.refused(exit_opened(4, "o2"), "exit_in_flight")


def test_after_a_pause_with_exits_off_no_intent_opens(active: LifecycleWorld) -> None:
    """R4/C2."""
    active.pause(Exits.OFF)
    active.refused(exit_opened(1), "exits_are_off")


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_nothing_is_sold_because_of_drift(active: LifecycleWorld, kind: str) -> None:
    """SR-15."""
    active.drift(kind)
    active.refused(exit_opened(1), "drift_unresolved")


@pytest.mark.parametrize("quantity", [D("10.00000001"), D(25), D(0), D(-1)])
def test_more_than_was_handed_over_is_never_sold(active: LifecycleWorld, quantity: Decimal) -> None:
    refusal = active.refused(exit_opened(quantity), "exit_quantity_exceeds_promise")
    assert "10 of what was handed over is left" in refusal.why


def test_an_exit_followed_by_a_new_one_never_sells_coins_that_were_not_handed_over(
    active: LifecycleWorld,
) -> None:
    """The quantity promise: the wallet may hold 25, ten were handed over, seven are sold."""
    active.open_exit(10)
    active.fill(7, order_status="cancelled")
    assert (active.entry().sold_quantity, active.entry().sold_quote) == (D(7), D(630))
    active.refused(exit_opened(4, "o2"), "exit_quantity_exceeds_promise")
    active.open_exit(3, "o2")
    assert promised_rest(active.entry()) == 0


def test_an_open_or_unknown_order_counts_at_its_full_size() -> None:
    entry = ManagedAsset(
        state=AssetState.MANAGED_ACTIVE,
        approved_quantity=D(10),
        sold_quantity=D(3),
        exit_intent=msgspec.structs.replace(INTENT, filled_quantity=D(1)),
    )
    assert promised_rest(entry) == D(3)
    assert promised_rest(ManagedAsset(state=AssetState.FROZEN)) == 0


# ---- fills --------------------------------------------------------------------------------------------


def test_a_full_exit_ends_the_management(active: LifecycleWorld) -> None:
    active.open_exit()
    change = active.fill()
    entry = active.entry()
    assert entry.state is AssetState.EXIT_EXECUTED
    assert (entry.exit_intent, entry.sold_quantity, entry.sold_quote) == (None, D(10), D(900))
    assert change.events[0].data["exit_reason"] == "stop_loss"
    assert entry.reason is not None
    assert entry.reason.code == "exit_stop_loss"


def test_a_partial_fill_leaves_state_and_intent_open(active: LifecycleWorld) -> None:
    active.open_exit()
    change = active.fill(4, is_final=False, order_status="partially_filled")
    entry = active.entry()
    assert entry.state is AssetState.MANAGED_ACTIVE
    assert entry.exit_intent is not None
    assert (entry.exit_intent.filled_quantity, entry.exit_intent.filled_quote) == (D(4), D(360))
    assert entry.sold_quantity is None
    assert types_of(change) == [EventType.EXIT_INTENT_OPENED]
    active.fill(10)
    assert active.entry().sold_quantity == D(10)


def test_a_partly_filled_order_that_ended_closes_its_intent_and_the_rest_stays_managed(
    active: LifecycleWorld,
) -> None:
    active.open_exit()
    change = active.fill(4, order_status="cancelled")
    entry = active.entry()
    assert (entry.state, entry.exit_intent, entry.sold_quantity) == (
        AssetState.MANAGED_ACTIVE,
        None,
        D(4),
    )
    assert types_of(change) == [EventType.EXIT_INTENT_CLOSED]


def test_a_rest_that_the_exchange_does_not_take_ends_the_exit(active: LifecycleWorld) -> None:
    active.open_exit(10)
    active.fill(9, rest_is_dust=True)
    assert active.state() is AssetState.EXIT_EXECUTED
    assert active.entry().sold_quantity == D(9)


def test_dust_alone_without_a_fill_is_no_exit(active: LifecycleWorld) -> None:
    active.open_exit(10)
    active.fill(0, order_status="expired", rest_is_dust=True)
    assert (active.state(), active.entry().sold_quantity) == (AssetState.MANAGED_ACTIVE, None)


@pytest.mark.parametrize("quantity", [D("10.1"), D(-1)])
def test_an_impossible_fill_is_refused(active: LifecycleWorld, quantity: Decimal) -> None:
    active.open_exit()
    active.refused(filled(quantity), "exchange_answer_invalid")
    active.refused(closed(D("10.1")), "exchange_answer_invalid")


@pytest.mark.parametrize("final", [{"is_final": True}, {"is_final": False}])
def test_fills_never_go_back(active: LifecycleWorld, final: dict[str, bool]) -> None:
    """A late answer that knows less must not give sold coins back to the promise."""
    active.open_exit()
    active.fill(4, is_final=False)
    active.refused(filled(3, **final), "exchange_answer_invalid")


def test_an_order_that_the_exchange_forgot_still_sold_what_it_sold(active: LifecycleWorld) -> None:
    active.open_exit()
    active.fill(4, is_final=False)
    change = active.say(closed(0))
    assert (active.entry().sold_quantity, active.entry().sold_quote) == (D(4), D(360))
    assert change.events[0].data["filled_quantity"] == D(4)
    active.refused(exit_opened(7, "o2"), "exit_quantity_exceeds_promise")


def test_a_refused_order_closes_its_intent_with_the_reason_and_may_be_tried_again(
    active: LifecycleWorld,
) -> None:
    active.open_exit()
    change = active.say(closed())
    entry = active.entry()
    assert (entry.exit_intent, entry.sold_quantity) == (None, None)
    assert entry.reason is not None
    assert entry.reason.code == "never_arrived"
    assert types_of(change) == [EventType.EXIT_INTENT_CLOSED]
    active.open_exit(10, "o2")


def test_an_answer_about_another_order_is_refused(active: LifecycleWorld) -> None:
    active.refused(filled(), "no_exit_intent")
    active.open_exit()
    assert "Open is o1" in active.refused(filled(client_order_id="o9"), "no_exit_intent").why
    active.refused(closed(order_id="o9"), "no_exit_intent")


@pytest.mark.parametrize("state", [AssetState.MANAGED_PAUSED, AssetState.MANAGED_DRIFT_ALERT])
def test_a_late_fill_is_booked_wherever_the_coin_went_meanwhile(
    active: LifecycleWorld, state: AssetState
) -> None:
    """T19 with the exits off, T20 with the quantity in doubt: the order was in flight already."""
    active.open_exit()
    if state is AssetState.MANAGED_PAUSED:
        active.pause(Exits.OFF)
    else:
        active.drift("qty")
    assert active.state() is state
    active.fill()
    assert active.state() is AssetState.EXIT_EXECUTED
