"""The trading halt's rules: who halts, who ends it, and what it does to exits and ordered sales."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest

from bot.commands.handlers.managed_handlers import decide
from bot.commands.registry import RISK_LOWERING, SPECS
from bot.kernel.errors import RefusedError
from bot.lifecycle import command_payloads as p
from bot.lifecycle.change import Act
from bot.lifecycle.commands import CommandType
from bot.lifecycle.documents import Exits
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import why_no_exit, why_no_exit_now
from bot.lifecycle.restore_rules import bring_back, merged
from bot.lifecycle.states import AssetState
from tests.unit.lifecycle.lifecycle_world import LifecycleWorld, exit_opened, stop_opened, types_of, world_at

STALE = p.HaltTrading(text="no fresh price", cause="stale_data")
BY_HAND = p.HaltTrading(text="moving house")
OFF = p.HaltTrading(text="hands off", exits=Exits.OFF)


def resume(code: str, *, accept: bool = False) -> p.ResumeTrading:
    return p.ResumeTrading(confirm=f"resume:{code}", reason="looked", accept=accept)


@pytest.fixture
def world() -> LifecycleWorld:
    return world_at(AssetState.MANAGED_ACTIVE)


def halted(world: LifecycleWorld, payload: p.HaltTrading = STALE, actor: str = "bot") -> LifecycleWorld:
    world.say(payload, asset="*", actor=actor)
    return world


def test_a_halt_is_one_entry_of_the_document_and_no_coin_changes(world: LifecycleWorld) -> None:
    before = world.content.managed_assets
    change = world.say(STALE, asset="*", actor="bot")
    halt = world.content.trading_halt
    assert halt is not None
    assert (halt.code, halt.text, halt.by, halt.exits) == ("stale_data", "no fresh price", "bot", Exits.ON)
    assert (halt.since, halt.cause_gone_at) == (world.now, None)
    assert world.content.managed_assets is before
    assert types_of(change) == [EventType.TRADING_HALTED]
    event = change.events[0]
    assert (event.asset, event.before) == ("*", {"trading_halt": None})
    assert event.after == {"trading_halt": msgspec.to_builtins(halt)}


def test_every_other_command_leaves_the_halt_where_it_is(world: LifecycleWorld) -> None:
    halt = halted(world).content.trading_halt
    world.pause()
    world.say(p.ResumeManagedAsset(reason="go"))
    world.open_exit()
    world.fill()
    assert world.content.trading_halt is halt


def test_a_cause_is_the_watchdogs_to_name_and_a_person_gives_none(world: LifecycleWorld) -> None:
    world.refused(STALE, "payload_invalid", asset="*", actor="user_ann")
    world.refused(BY_HAND, "payload_invalid", asset="*", actor="bot")
    halted(world, BY_HAND, "user_ann")
    assert world.content.trading_halt is not None
    assert world.content.trading_halt.code == "halted_by_hand"


def test_the_same_halt_again_may_only_turn_the_exits_off(world: LifecycleWorld) -> None:
    first = halted(world).content.trading_halt
    assert first is not None
    world.refused(STALE, "trading_halted_already", asset="*", actor="bot")
    world.refused(BY_HAND, "trading_halted_already", asset="*", actor="user_ann")
    world.wait(minutes=1)
    second = halted(world, OFF, "user_ann").content.trading_halt
    assert second == msgspec.structs.replace(first, exits=Exits.OFF, held_at=world.now)
    world.refused(OFF, "trading_halted_already", asset="*", actor="user_ann")


def test_agreed_exits_stay_on_in_a_halt_and_leave_only_where_it_says_so(world: LifecycleWorld) -> None:
    """Q-MH-8: a hiccup of the data must not switch the stop off."""
    halted(world)
    assert why_no_exit_now(world.content, "SOL") is None
    world.say(exit_opened())
    assert why_no_exit_now(world.content, "SOL") == "exit_in_flight"


def test_with_exits_off_no_intent_opens_and_no_sale_is_ordered(world: LifecycleWorld) -> None:
    halted(world, OFF, "user_ann")
    assert (why_no_exit_now(world.content, "SOL"), why_no_exit(world.entry())) == ("trading_halted", None)
    world.refused(exit_opened(), "trading_halted")
    world.refused(p.ForceManagedExit(confirm="SOL:exit", reason="out"), "trading_halted")


def test_an_ordered_sale_that_has_not_left_does_not_wake_up_at_the_resume(world: LifecycleWorld) -> None:
    world.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    change = world.say(OFF, asset="*", actor="user_ann")
    assert world.entry().force_exit is None
    assert [(event.type, event.asset) for event in change.events] == [
        (EventType.TRADING_HALTED, "*"),
        (EventType.TRADING_HALTED, "SOL"),
    ]
    world.say(resume("halted_by_hand"), asset="*")
    assert world.entry().force_exit is None


def test_an_order_in_flight_is_named_by_the_halt_and_booked_in_it(world: LifecycleWorld) -> None:
    world.open_exit()
    change = world.say(OFF, asset="*", actor="user_ann")
    assert change.detail["orders_in_flight"] == ["SOL"]
    world.fill()
    assert world.state() is AssetState.EXIT_EXECUTED
    assert world.content.trading_halt is not None


def test_only_a_person_ends_a_halt(world: LifecycleWorld) -> None:
    halted(world)
    assert CommandType.HALT_TRADING in RISK_LOWERING
    spec = SPECS[CommandType.RESUME_TRADING]
    for actor in ("bot", "system"):
        with pytest.raises(RefusedError, match="not for"):
            spec.check_sender(actor, {}, {})


def test_a_resume_is_refused_while_the_cause_is_there_unless_it_is_accepted(world: LifecycleWorld) -> None:
    halted(world)
    refusal = world.refused(resume("stale_data"), "halt_cause_present", asset="*")
    assert "no fresh price" in refusal.why
    change = world.say(resume("stale_data", accept=True), asset="*")
    assert world.content.trading_halt is None
    assert types_of(change) == [EventType.TRADING_RESUMED]
    assert change.events[0].data == {"reason": "looked", "accepted": True}


def test_a_cause_that_is_gone_lets_a_person_resume_and_one_that_is_back_not(world: LifecycleWorld) -> None:
    halted(world)
    gone = p.UpdateTradingHalt(cause_is_there=False, text="fresh")
    back = p.UpdateTradingHalt(cause_is_there=True, text="stale again")
    world.refused(back, "nothing_to_change", asset="*")
    world.say(gone, asset="*")
    world.refused(gone, "nothing_to_change", asset="*")
    assert world.content.trading_halt is not None, "the halt itself stays until a person resumes"
    world.say(back, asset="*")
    world.refused(resume("stale_data"), "halt_cause_present", asset="*")
    world.say(gone, asset="*")
    world.say(resume("stale_data"), asset="*")
    assert world.content.trading_halt is None


def test_a_halt_by_hand_has_no_cause_to_look_at(world: LifecycleWorld) -> None:
    halted(world, BY_HAND, "user_ann")
    world.refused(p.UpdateTradingHalt(cause_is_there=False, text="x"), "nothing_to_change", asset="*")
    world.say(resume("halted_by_hand"), asset="*")
    assert world.content.trading_halt is None


def test_a_resume_names_the_code_of_the_halt_to_the_letter(world: LifecycleWorld) -> None:
    """DR-4: the words that were read belong to this halt."""
    halted(world)
    for confirm in ("resume:stale_loop", "resume:", "yes", "RESUME:stale_data"):
        words = p.ResumeTrading(confirm=confirm, reason="x", accept=True)
        assert "resume:stale_data" in world.refused(words, "confirmation_wrong", asset="*").why


def test_what_was_asked_for_before_the_halt_comes_too_late(world: LifecycleWorld) -> None:
    asked_at = world.now
    world.wait(seconds=5)
    halted(world, BY_HAND, "user_ann")
    act = Act(
        command_id="late",
        type=CommandType.RESUME_TRADING,
        actor="user_ann",
        asset="*",
        now=world.now,
        accepted_at=asked_at,
        policy=world.policy,
    )
    with pytest.raises(RefusedError) as refusal:
        decide(world.content, act, resume("halted_by_hand"), None)
    assert refusal.value.code == "state_changed"
    stepped_back = msgspec.structs.replace(act, now=asked_at - dt.timedelta(hours=1))
    assert decide(world.content, stepped_back, resume("halted_by_hand"), None).content.trading_halt is None


def test_without_a_halt_there_is_nothing_to_resume_and_nothing_to_update(world: LifecycleWorld) -> None:
    world.refused(resume("stale_data"), "trading_not_halted", asset="*")
    world.refused(p.UpdateTradingHalt(cause_is_there=False, text="x"), "trading_not_halted", asset="*")


def test_no_kept_version_and_no_hand_edit_ends_a_halt_or_brings_one_back(world: LifecycleWorld) -> None:
    earlier = world.content
    world.pause()
    halted(world, OFF, "user_ann")
    act = Act(
        command_id="r",
        type=CommandType.RESTORE_MANAGED_STATE,
        actor="user_ann",
        asset="*",
        now=world.now,
        accepted_at=world.now,
        policy=world.policy,
    )
    change = bring_back(world.content, act, earlier, data={})
    assert change.content.trading_halt == world.content.trading_halt
    assert change.content.state_of("SOL") is AssetState.MANAGED_ACTIVE
    edited = msgspec.structs.replace(world.content, trading_halt=None)
    assert merged(world.content, world.content, edited).trading_halt == world.content.trading_halt
    with pytest.raises(RefusedError) as refusal:
        bring_back(world.content, act, edited, data={})
    assert refusal.value.code == "content_unchanged"


def test_a_halt_blocks_no_approval() -> None:
    """A person's decision sends no order; what it hands over is guarded at once."""
    proposed = world_at(AssetState.RISK_PROPOSED)
    halted(proposed)
    proposed.approve()
    assert proposed.state() is AssetState.MANAGED_ACTIVE
    assert proposed.entry().approved_quantity == Decimal(10)


def test_a_stop_that_rests_at_the_exchange_is_named_by_the_halt(world: LifecycleWorld) -> None:
    world.say(stop_opened())
    change = world.say(OFF, asset="*", actor="user_ann")
    assert change.detail["orders_in_flight"] == ["SOL"]
