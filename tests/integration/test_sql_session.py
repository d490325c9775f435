"""A session on the embedded file: whole or not at all, on the file that is there now."""

import contextlib
from pathlib import Path

import pytest
from sqlalchemy import Engine, bindparam, select, update

from bot.kernel.errors import DatabaseUnavailableError
from bot.storage.sql.engine import open_engine, reading, writing
from bot.storage.sql.session import CoreSession, Insertion, Sessions
from bot.storage.sql.tables import meta, metadata

KEEP = Insertion(
    lambda insert: (
        known := insert(meta).values(key=bindparam("key"), value=bindparam("value"))
    ).on_conflict_do_update(index_elements=["key"], set_={"value": known.excluded.value})
)
SOME = select(meta).where(meta.c.key.in_(bindparam("keys", expanding=True))).order_by(meta.c.key)
CHANGE = update(meta).where(meta.c.key == bindparam("which")).values(value=meta.c.value + "!")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(tmp_path / "x.db")
    with writing(engine) as connection:
        metadata.create_all(connection)
    return engine


def keep(sessions: Sessions, *keys: str) -> None:
    with sessions.writing() as session:
        session.run(KEEP.on(session), *({"key": key, "value": key.upper()} for key in keys))


def kept(sessions: Sessions, *keys: str) -> list[tuple[str, str]]:
    with sessions.single_reading() as session:
        return [(row["key"], row["value"]) for row in session.rows(SOME, {"keys": list(keys)})]


def test_a_statement_says_the_same_with_and_without_sqlalchemy(engine: Engine) -> None:
    sessions = Sessions(engine)
    keep(sessions, "a", "b", "c")
    keep(sessions, "a")
    with sessions.writing() as session:
        session.run(CHANGE, {"which": "b"})
        session.run(CHANGE)
    for keys in ([], ["a"], ["a", "b", "none"]):
        with reading(engine) as connection:
            core = CoreSession(connection).rows(SOME, {"keys": keys})
            assert kept(sessions, *keys) == [(row["key"], row["value"]) for row in core]
    assert kept(sessions, "a", "b") == [("a", "A"), ("b", "B!")]
    sessions.close()
    engine.dispose()


def test_after_an_error_nothing_of_the_transaction_is_there(engine: Engine) -> None:
    sessions = Sessions(engine)
    with contextlib.suppress(LookupError), sessions.writing() as session:
        session.run(KEEP.on(session), {"key": "a", "value": "A"})
        raise LookupError
    keep(sessions, "b")
    assert kept(sessions, "a", "b") == [("b", "B")]
    sessions.close()
    engine.dispose()


def test_an_error_of_the_driver_is_told_as_the_bots_own(engine: Engine) -> None:
    sessions = Sessions(engine)
    with pytest.raises(DatabaseUnavailableError), sessions.writing() as session:
        session.run(KEEP.on(session), {"key": "a", "value": None})
    assert kept(sessions, "a") == []
    sessions.close()
    engine.dispose()


def test_a_writer_waits_for_nobody_who_is_done(engine: Engine) -> None:
    first, second = Sessions(engine), Sessions(engine)
    for number in range(5):
        keep(first if number % 2 else second, f"k{number}")
    assert len(kept(first, *(f"k{number}" for number in range(5)))) == 5
    for sessions in (first, second):
        sessions.close()
    engine.dispose()


def test_a_file_that_was_replaced_is_not_written_any_more(engine: Engine, tmp_path: Path) -> None:
    sessions = Sessions(engine)
    keep(sessions, "a")
    for path in tmp_path.glob("x.db*"):
        path.rename(path.with_name(f"old-{path.name}"))
    with pytest.raises(DatabaseUnavailableError):
        keep(sessions, "b")
    engine.dispose()
    again = open_engine(tmp_path / "x.db")
    with writing(again) as connection:
        metadata.create_all(connection)
    again.dispose()
    assert kept(sessions, "a", "b") == []
    sessions.close()
    engine.dispose()
