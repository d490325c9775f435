"""Restore and adopt on a real home: a new serial, a full audit, and never a coin taken or forgotten."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE, checksum_of
from bot.storage.files.json_codec import decode_strict, encode
from bot.storage.rebuild import rebuild_managed_state
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole, audit_of

RESTORE, ADOPT = CommandType.RESTORE_MANAGED_STATE, CommandType.ADOPT_MANAGED_STATE


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with bot_world(tmp_path / "home") as made:
        yield made
        with made.app.store.transaction():
            pass  # recovers, as every start does
        assert_home_is_whole(made.app)


def serial(world: BotWorld) -> int:
    return world.app.store.read(MANAGED_STATE).meta.serial


def edit(world: BotWorld, **fields: object) -> str:
    """Change SOL's entry in the public file as an editor would; returns the file's SHA-256."""
    path = world.app.home.managed_state
    document = json.loads(path.read_bytes())
    document["managed_assets"]["SOL"].update(fields)
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def set_aside(world: BotWorld) -> None:
    with world.app.store.transaction():
        pass  # any command's recovery


def assert_applied(outcome: CommandOutcome) -> None:
    assert outcome.state is CommandState.APPLIED, outcome


def test_a_kept_version_comes_back_under_a_new_serial_and_the_audit_alone_gives_it(world: BotWorld) -> None:
    world.hand_over("SOL")
    before = serial(world)
    wanted = world.managed
    world.pause("SOL", "off")
    outcome = world.ask(RESTORE, "*", serial=before)
    assert_applied(outcome)
    assert outcome.detail["restored_from"] == before
    assert world.managed == wanted
    assert serial(world) == before + 2
    record = audit_of(world.app, "SOL")[-1]
    assert (record["type"], record["actor"]) == ("state.restored", world.app.actor)
    assert record["data"] == {"restored_from": before}
    assert record["before"]["managed"]["state"] == "managed_paused"
    assert rebuild_managed_state(world.app.store.audit).managed_assets["SOL"]["state"] == "managed_active"


def test_dr_11_a_restore_may_let_a_coin_go_and_its_position_is_closed(world: BotWorld) -> None:
    untouched = serial(world)
    world.hand_over("SOL")
    assert world.position("SOL").is_open
    assert_applied(world.ask(RESTORE, "*", serial=untouched))
    assert "SOL" not in world.managed.managed_assets
    world.cycle()
    assert not world.position("SOL").is_open
    assert audit_of(world.app, "SOL")[-1]["actor"].startswith("user_")


def test_t04_a_coin_that_was_let_go_does_not_come_back_without_an_approval(world: BotWorld) -> None:
    world.hand_over("SOL")
    managed = serial(world)
    world.pause("SOL", "off")
    world.ask(CommandType.RELEASE_MANAGED_ASSET, "SOL", mode="immediate")
    world.app.scheduler.run_due(world.clock.now())
    assert world.managed.state_of("SOL") is AssetState.FROZEN
    before = serial(world)
    outcome = world.ask(RESTORE, "*", serial=managed)
    assert (outcome.state, outcome.code) == (CommandState.PRECONDITION_REJECTED, "content_not_allowed")
    assert serial(world) == before


def test_what_was_sold_is_never_sold_again_by_a_restore(world: BotWorld) -> None:
    world.hand_over("SOL")
    managed = serial(world)
    world.fall_to_stop("SOL")
    world.cycle()
    assert world.entry("SOL").state is AssetState.EXIT_EXECUTED
    sent = world.orders_sent()
    assert world.ask(RESTORE, "*", serial=managed).code == "content_not_allowed"
    world.cycle()
    assert world.orders_sent() == sent


def test_an_unknown_version_and_one_that_was_written_by_hand_are_refused(world: BotWorld) -> None:
    world.hand_over("SOL")
    assert world.ask(RESTORE, "*", serial=999).code == "no_such_version"
    world.pause("SOL", "on")
    path = world.app.home.versions("managed_state") / f"{serial(world) - 1:08d}.json"
    forged = decode_strict(path.read_bytes())
    forged["managed_assets"]["SOL"]["variant"] = "conservative"
    forged["_meta"]["checksum"] = checksum_of(forged)
    path.unlink()
    path.write_bytes(encode(forged))
    path.chmod(0o440)
    outcome = world.ask(RESTORE, "*", serial=serial(world) - 1)
    assert outcome.code == "state_file_invalid"
    assert "audit recorded another content" in outcome.reason
    path.unlink()


def test_a_dry_run_of_a_restore_changes_nothing(world: BotWorld) -> None:
    world.hand_over("SOL")
    before = serial(world)
    world.pause("SOL", "on")
    app = world.app
    command = app.maker.make(RESTORE, "*", {"serial": before}, actor=app.actor)
    assert_applied(app.applier.apply(command, dry_run=True))
    assert serial(world) == before + 1


def test_the_same_restore_twice_is_applied_once(world: BotWorld) -> None:
    world.hand_over("SOL")
    before = serial(world)
    world.pause("SOL", "on")
    app = world.app
    command = app.maker.make(RESTORE, "*", {"serial": before}, actor=app.actor)
    first, second = app.applier.apply(command), app.applier.apply(command)
    assert first.applied_serial == second.applied_serial == serial(world)


def test_a_hand_edit_that_was_set_aside_is_adopted(world: BotWorld) -> None:
    world.hand_over("SOL")
    digest = edit(world, state="managed_paused", exits="off")
    set_aside(world)
    assert world.entry("SOL").state is AssetState.MANAGED_ACTIVE
    outcome = world.ask(ADOPT, "*", file_digest=digest)
    assert_applied(outcome)
    assert world.entry("SOL").state is AssetState.MANAGED_PAUSED
    record = audit_of(world.app, "SOL")[-1]
    assert (record["type"], record["data"]["adopted_file"]) == ("state.adopted", digest)


def test_an_edit_that_hands_over_more_or_damages_the_file_is_refused(world: BotWorld) -> None:
    world.hand_over("SOL")
    greedy = edit(world, approved_quantity=9_999)
    set_aside(world)
    assert world.ask(ADOPT, "*", file_digest=greedy).code == "content_not_allowed"
    unknown = edit(world, state="mine")
    set_aside(world)
    assert world.ask(ADOPT, "*", file_digest=unknown).code == "state_file_invalid"
    assert world.ask(ADOPT, "*", file_digest="0" * 64).code == "no_such_file"


def test_an_edit_is_stale_once_a_command_changed_the_same_coin(world: BotWorld) -> None:
    world.hand_over("SOL")
    digest = edit(world, state="managed_paused", exits="off")
    set_aside(world)
    world.pause("SOL", "on")
    assert world.ask(ADOPT, "*", file_digest=digest).code == "state_changed"
    assert world.entry("SOL").exits == "on"


def test_an_edit_keeps_what_commands_did_to_other_coins(world: BotWorld) -> None:
    world.hand_over("SOL")
    digest = edit(world, state="managed_paused", exits="on")
    set_aside(world)
    world.hand_over("ETH")
    assert_applied(world.ask(ADOPT, "*", file_digest=digest))
    assert world.entry("SOL").state is AssetState.MANAGED_PAUSED
    assert world.entry("ETH").state is AssetState.MANAGED_ACTIVE
