"""The read cache: kept while commands are applied, it is what the files give when it is built anew."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.app.database import rebuild
from bot.app.runtime import worker_once
from bot.kernel.errors import StorageError
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.states import AssetState
from bot.storage.proposal_reader import read_proposal
from bot.storage.sql.engine import writing
from tests.fakes.bot_world import BotWorld
from tests.fakes.database_world import cache_of, database_world, engine_of
from tests.fakes.home_checks import assert_home_is_whole, audit_of, command_states


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BotWorld]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with database_world(tmp_path / "home", server) as made:
        yield made
        assert_home_is_whole(made.app)


def a_day(world: BotWorld) -> None:
    """One coin is handed over, paused and sold at its stop; another is declined, then proposed again."""
    world.hand_over("SOL")
    world.pause("SOL", "on")
    world.propose("ETH")
    proposal_id = world.entry("ETH").current_proposal_id
    declined = world.ask(
        CommandType.REJECT_MANAGED_PROPOSAL, "ETH", proposal_id=proposal_id, reason="not now"
    )
    assert declined.state is CommandState.APPLIED
    world.wait(25 * 3600)
    worker_once(world.app)
    world.propose("ETH")
    world.wait(200 * 3600)
    worker_once(world.app)  # nobody decided: it expires
    world.fall_to_stop("SOL")
    world.cycle()
    worker_once(world.app)


def test_what_is_kept_equals_what_the_files_give(world: BotWorld) -> None:
    a_day(world)
    kept = cache_of(world)
    assert [row["decision"] for row in kept.proposals].count("approved") == 1
    assert {row["decision"] for row in kept.proposals} == {"approved", "rejected", "expired"}
    report = rebuild(world.app)
    assert cache_of(world) == kept
    assert (report.proposals, report.history) == (len(kept.proposals), len(kept.history))


def test_the_history_has_every_event_of_every_coin(world: BotWorld) -> None:
    a_day(world)
    history = cache_of(world).history
    for asset in ("SOL", "ETH"):
        events = [(r["sequence"], r["type"], r["actor"], r["at"]) for r in audit_of(world.app, asset)]
        rows = [row for row in history if row["asset"] == asset]
        assert [(r["id"], r["event_type"], r["actor"], r["ts"]) for r in rows] == events
        moves = [(r["state_from"], r["state_to"]) for r in rows if r["state_from"] != r["state_to"]]
        assert moves[0][0] == "frozen"
        assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(moves))
        assert moves[-1][1] == world.managed.state_of(asset)
    assert all(json.loads(row["metadata_json"])["command_id"] for row in history)


def test_a_proposal_row_holds_the_file_and_who_decided(world: BotWorld) -> None:
    world.propose("SOL")
    (waiting,) = cache_of(world).proposals
    assert (waiting["state"], waiting["decision"], waiting["decided_at"]) == ("risk_proposed", None, None)
    document = read_proposal(world.app.home, waiting["proposal_id"])
    assert json.loads(waiting["proposal_json"]) == json.loads(json.dumps(document, default=float))
    assert waiting["generated_at"] == document["generated_at"]
    world.ask(CommandType.APPROVE_MANAGED_PROPOSAL, "SOL", **world.approval("SOL"))
    (decided,) = cache_of(world).proposals
    assert (decided["state"], decided["decision"]) == ("managed_active", "approved")
    assert decided["decided_by_user_id"] == decided["requested_by_user_id"] == world.app.user_id
    assert decided["serial"] > waiting["serial"]


def test_records_that_come_twice_change_nothing(world: BotWorld) -> None:
    a_day(world)
    kept = cache_of(world)
    run(world, "DELETE FROM meta WHERE key = 'audit_place'")
    assert world.app.queue.catch_up() > 0
    assert cache_of(world) == kept


def test_a_row_never_goes_back_to_an_older_serial(world: BotWorld) -> None:
    world.hand_over("SOL")
    run(world, "UPDATE managed_proposals SET serial = 1000, asset = 'NEWER'")
    run(world, "DELETE FROM meta WHERE key = 'audit_place'")
    world.app.queue.catch_up()
    assert [(row["asset"], row["serial"]) for row in cache_of(world).proposals] == [("NEWER", 1000)]


def test_a_cache_of_another_log_stops_with_a_name_and_can_be_built_anew(world: BotWorld) -> None:
    world.hand_over("SOL")
    foreign = """UPDATE meta SET value = replace(value, '"hash":"', '"hash":"0') WHERE key = 'audit_place'"""
    run(world, foreign)
    with pytest.raises(StorageError) as ahead:
        world.pause("SOL", "on")
    assert ahead.value.code == "database_ahead"
    rebuild(world.app)
    world.app.worker.drain()
    assert command_states(world.app) == {CommandState.APPLIED}, "applied once, booked now"
    assert world.managed.state_of("SOL") is AssetState.MANAGED_PAUSED
    kept = cache_of(world)
    rebuild(world.app)
    assert cache_of(world) == kept


def run(world: BotWorld, statement: str) -> None:
    engine = engine_of(world)
    with writing(engine) as connection:
        connection.execute(text(statement.replace(":", r"\:")))
    engine.dispose()
