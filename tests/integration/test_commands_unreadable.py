"""A row that somebody wrote around the bus: it fails alone, with its evidence, on both engines."""

from pathlib import Path

import pytest
from sqlalchemy import Text, cast, literal, update

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.lifecycle.commands import CommandRow, CommandState, CommandType
from bot.storage.sql.engine import open_engine, writing
from bot.storage.sql.tables import commands
from tests.fakes.bot_process import bot
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.sequential_ids import SequentialIds

REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL
DEEP = "[" * 50_000


def send(app: App, asset: str) -> CommandRow:
    return app.queue.enqueue(app.maker.make(REQUEST, asset, {}, actor=app.actor))


def spoil(app: App, row: CommandRow, **columns: object) -> None:
    """Write into a row as somebody else's program would."""
    engine = open_engine(app.home.sql, database_url=app.settings["database.url"] or None)
    with writing(engine) as connection:
        connection.execute(update(commands).where(commands.c.uid == row.uid).values(columns))
    engine.dispose()


def outcome_of(app: App, row: CommandRow) -> tuple[str, str]:
    found = app.queue.get(row.uid)
    assert found is not None
    assert found.outcome is not None
    return found.outcome.state, found.outcome.code


@pytest.mark.parametrize(
    ("column", "value"),
    [("payload", DEEP), ("payload", "no JSON"), ("type", "sell_everything"), ("created_at", "soon")],
    ids=["deep", "no-json", "type", "time"],
)
def test_a_row_that_cannot_be_read_fails_alone_and_the_others_go_on(
    app: App, column: str, value: str
) -> None:
    rows = [send(app, asset) for asset in ("ADA", "SOL", "DOGE")]
    behind = app.queue.enqueue(
        app.maker.make(CommandType.PAUSE_MANAGED_ASSET, "SOL", {"exits": "on"}, actor=app.actor)
    )
    spoil(app, rows[1], **{column: value})
    done = app.worker.drain()
    told = {item.row.uid: item.outcome.code for item in done}
    assert told.pop(behind.uid) != "command_unreadable"
    assert told == {rows[0].uid: "applied", rows[1].uid: "command_unreadable", rows[2].uid: "applied"}
    assert outcome_of(app, rows[1]) == (CommandState.FAILED, "command_unreadable")
    bad = app.queue.get(rows[1].uid)
    assert bad is not None
    assert bad.outcome is not None
    assert str(bad.outcome.detail["evidence"]).startswith(f"{column}: ")
    assert app.worker.drain() == [], "it is over"


def test_a_row_that_was_spoilt_after_its_commit_is_told_what_the_state_says(app: App) -> None:
    row = send(app, "SOL")
    applied = app.applier.apply(app.maker.make(REQUEST, "SOL", {}, actor=app.actor, uid=row.uid))
    spoil(app, row, payload="no JSON", type="sell_everything")
    app.worker.drain()
    assert outcome_of(app, row) == (CommandState.APPLIED, "applied")
    found = app.queue.get(row.uid)
    assert found is not None
    assert found.outcome is not None
    assert found.outcome.applied_serial == applied.applied_serial


def test_bytes_that_are_no_text_spoil_their_own_row_only(tmp_path: Path) -> None:
    initialise_home(tmp_path / "home", environment="sandbox")
    app = App(tmp_path / "home", environ={}, clock=FakeClock(START), ids=SequentialIds())
    rows = [send(app, asset) for asset in ("ADA", "SOL", "DOGE")]
    spoil(app, rows[0], payload=b"\xff{}")
    spoil(app, rows[1], payload=cast(literal(b"{\xff}"), Text))
    codes = {item.row.asset: item.outcome.code for item in app.worker.drain()}
    assert codes == {"ADA": "command_unreadable", "SOL": "command_unreadable", "DOGE": "applied"}
    app.close()


def test_a_row_whose_name_is_no_text_is_told_once_and_holds_up_nobody(tmp_path: Path) -> None:
    """It can never be finished, because its name finds it never again."""
    initialise_home(tmp_path / "home", environment="sandbox")
    app = App(tmp_path / "home", environ={}, clock=FakeClock(START), ids=SequentialIds())
    rows = [send(app, asset) for asset in ("ADA", "SOL")]
    spoil(app, rows[0], uid=b"\xff\xfe", payload="no JSON")
    codes = [item.outcome.code for item in app.worker.drain()]
    assert sorted(codes) == ["applied", "command_unreadable"]
    app.close()


def test_the_screens_show_it_and_the_worker_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert bot(home, "init").returncode == 0
    app = App(home, environ={})
    rows = [send(app, asset) for asset in ("ADA", "SOL")]
    spoil(app, rows[0], payload=DEEP)
    app.close()
    listed = bot(home, "commands", "ls")
    assert (listed.returncode, rows[0].uid[:8] in listed.stdout) == (0, True)
    worked = bot(home, "worker", "--once")
    assert "SOL: request_managed_proposal" in worked.stdout, worked.stderr
    shown = bot(home, "commands", "show", rows[0].uid)
    assert shown.returncode == 0
    assert "command_unreadable" in shown.stdout
    assert "unreadable" in shown.stdout.split("payload")[0]
    explained = bot(home, "explain", rows[0].uid)
    assert explained.returncode == 0, explained.stderr
    assert "cannot be read" in explained.stdout
    for screen in (("commands", "ls", "--json"), ("commands", "stats"), ("status",), ("doctor",)):
        found = bot(home, *screen)
        assert "Traceback" not in found.stderr
        assert found.returncode != 70, found.stderr
