"""The hourly upkeep: orphans to the attic, the mirror brought up, failures told and never fatal."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.upkeep import Upkeep
from bot.app.wiring import App
from bot.storage.documents import MANAGED_STATE
from bot.storage.home_copy import MANIFEST, read_manifest, verify_copy
from bot.storage.home_health import newest_copy
from bot.storage.orphans import orphaned_proposals
from bot.storage.proposal_reader import list_proposal_ids
from bot.storage.retention import ALWAYS_KEPT
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.home_checks import assert_home_is_whole

HOUR_S = 3_600


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    environ = {"BOT_BACKUP_MIRROR": str(tmp_path / "mirror")}
    with bot_world(tmp_path / "home", environ=environ) as made:
        yield made
        assert_home_is_whole(made.app)


def upkeep(world: BotWorld) -> dict[str, str]:
    steps = Upkeep(world.app).run_due(world.clock.now())
    return {step.what: ("! " if step.alarm else "") + step.sentence for step in steps}


def mirror_of(world: BotWorld) -> Path:
    return Path(world.environ["BOT_BACKUP_MIRROR"]) / world.app.store.read(MANAGED_STATE).meta.lineage


def plant(world: BotWorld, name: str, *, age_s: int) -> Path:
    """Put a copy of SOL's proposal under another id."""
    source = world.app.home.proposals / f"{world.entry('SOL').current_proposal_id}.json"
    path = source.with_name(f"{name}.json")
    shutil.copy(source, path)
    age(world, path, age_s)
    return path


def age(world: BotWorld, path: Path, age_s: int) -> None:
    moment = (world.clock.now() - dt.timedelta(seconds=age_s)).timestamp()
    os.utime(path, (moment, moment))


def test_it_is_done_once_an_hour_however_often_it_is_asked_for(world: BotWorld) -> None:
    assert "mirror" in upkeep(world)
    assert upkeep(world) == {}
    world.wait(HOUR_S - 1)
    assert upkeep(world) == {}
    world.wait(1)
    assert "mirror" in upkeep(world)


def test_a_clock_that_was_set_back_does_not_stop_the_upkeep(world: BotWorld) -> None:
    upkeep(world)
    marker = world.app.home.run / "upkeep.json"
    marker.write_text('{"at": "2099-01-01T00:00:00Z"}', encoding="utf-8")
    assert "mirror" in upkeep(world)
    marker.write_text("nonsense", encoding="utf-8")
    assert "mirror" in upkeep(world)


def test_the_mirror_holds_the_newest_versions_and_is_verified(world: BotWorld) -> None:
    world.hand_over("SOL")
    upkeep(world)
    target = mirror_of(world)
    assert verify_copy(target) == []
    before = read_manifest(target)
    world.pause("SOL", "on")
    world.wait(HOUR_S)
    upkeep(world)
    after = read_manifest(target)
    assert before is not None
    assert after is not None
    assert after.serials["managed_state"] == world.app.store.read(MANAGED_STATE).meta.serial
    assert after.serials["managed_state"] > before.serials["managed_state"]
    copy = App(target, environ={}, clock=world.clock)
    assert copy.store.read(MANAGED_STATE).content == world.managed
    assert [f for f in copy.store.check() if f.severity == "error"] == []
    copy.close()
    assert newest_copy(world.app.home, target.parent) == (target, after)


def test_a_mirror_keeps_no_more_than_the_newest_hundred_versions(world: BotWorld) -> None:
    world.propose("SOL")
    upkeep(world)
    folder = mirror_of(world) / "backups" / "positions"
    for serial in range(1_001, 1_200):
        (folder / f"{serial:08d}.json").touch()
    world.wait(HOUR_S)
    upkeep(world)
    assert len(list(folder.iterdir())) == ALWAYS_KEPT


def test_a_full_disk_in_the_upkeep_is_told_and_no_error(world: BotWorld) -> None:
    marker = world.app.home.run / "upkeep.json"
    marker.mkdir()  # nothing can be put in its place
    assert upkeep(world)["upkeep"].startswith("! ")
    marker.rmdir()


def test_a_mirror_that_cannot_be_written_is_an_alarm_and_the_rest_goes_on(
    world: BotWorld, tmp_path: Path
) -> None:
    world.propose("SOL")
    plant(world, "stray", age_s=HOUR_S + 1)
    (tmp_path / "mirror").write_text("a file where a folder should be", encoding="utf-8")
    told = upkeep(world)
    assert told["mirror"].startswith("! ")
    assert "stray" in told["orphaned_proposals"]


def test_a_damaged_copy_is_noticed(world: BotWorld) -> None:
    upkeep(world)
    target = mirror_of(world)
    public = target / "state" / "managed_state.json"
    public.write_bytes(public.read_bytes() + b" ")
    (target / "bot.toml").unlink()
    assert [line.split(":")[0] for line in verify_copy(target)] == ["bot.toml", "state/managed_state.json"]
    world.wait(HOUR_S)
    upkeep(world)
    assert verify_copy(target) == []
    assert (target / MANIFEST).stat().st_mode & 0o777 == 0o600


def test_d3_an_orphaned_proposal_goes_to_the_attic_with_a_warning(world: BotWorld) -> None:
    world.propose("SOL")
    known = list_proposal_ids(world.app.home)
    for name in known:
        age(world, world.app.home.proposals / f"{name}.json", 10 * HOUR_S)
    plant(world, "young", age_s=60)
    plant(world, "stray", age_s=HOUR_S + 1)
    assert "stray" in upkeep(world)["orphaned_proposals"]
    assert list_proposal_ids(world.app.home) == sorted([*known, "young"])
    assert (world.app.home.attic / "stray.json").exists()
    (record,) = world.app.store.audit.records(type_prefix="system.proposal_orphaned")
    assert record["data"]["orphan"] == "stray"


def test_a_proposal_that_was_decided_long_ago_is_no_orphan(world: BotWorld) -> None:
    world.hand_over("SOL")
    for path in world.app.home.proposals.glob("*.json"):
        age(world, path, 1_000 * HOUR_S)
    assert orphaned_proposals(world.app.store, now=world.clock.now()) == []


def test_a_name_that_is_taken_in_the_attic_is_not_overwritten(world: BotWorld) -> None:
    world.propose("SOL")
    for _ in range(2):
        plant(world, "stray", age_s=HOUR_S + 1)
        upkeep(world)
        world.wait(HOUR_S)
    assert sorted(path.name for path in world.app.home.attic.iterdir()) == ["stray.1.json", "stray.json"]
