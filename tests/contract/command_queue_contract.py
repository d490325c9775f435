"""The contract of a command queue: the same statements, the same answers, whichever engine keeps them.

A test class that inherits from here gives a `world` fixture: one home, a clock, and `open()`.
"""

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from bot.kernel.errors import DatabaseUnavailableError, RefusedError, StorageError, UsageError
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType, NewCommand
from bot.storage.home import Home
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import open_engine, writing
from bot.storage.sql.tables import commands
from tests.fakes.fake_clock import START, FakeClock

APPLIED = CommandOutcome(
    state=CommandState.APPLIED, code="applied", reason="", detail={"price": Decimal("1.10")}, applied_serial=3
)
REJECTED = CommandOutcome(state=CommandState.PRECONDITION_REJECTED, code="proposal_stale", reason="Too old.")


def new(uid: str, asset: str = "SOL", priority: int = 5, **changes: Any) -> NewCommand:
    """Return a command with a key of its own."""
    fields: dict[str, Any] = {
        "uid": uid,
        "type": CommandType.PAUSE_MANAGED_ASSET,
        "asset": asset,
        "priority": priority,
        "payload": {"exits": "on", "limit": Decimal("0.10")},
        "actor": "user_ann",
        "idempotency_key": f"key-{uid}",
        "request_hash": "hash",
        "created_at": START,
    }
    return NewCommand(**{**fields, **changes})


def uids(rows: list[Any]) -> list[str]:
    """Return the ids of rows."""
    return [row.uid for row in rows]


class QueueWorld:
    """One home with its database; opens it as often as a test likes, and closes all of it."""

    def __init__(self, home: Home, clock: FakeClock, database_url: str | None) -> None:
        self.home = home
        self.clock = clock
        self.database_url = database_url
        self._opened: list[CommandTable] = []

    @property
    def tells_its_own_time(self) -> bool:
        """Say whether times are the server's, not the injected clock's."""
        return self.database_url is not None

    def open(self, lineage: str = "life", root: Path | None = None) -> CommandTable:
        """Open the table once more, as another process would."""
        home = self.home if root is None else Home(root)
        table = CommandTable.open(home, clock=self.clock, lineage=lineage, database_url=self.database_url)
        self._opened.append(table)
        return table

    def run(self, statement: str) -> None:
        """Run a statement past the table, as somebody else's program would."""
        engine = open_engine(self.home.sql, database_url=self.database_url)
        try:
            with writing(engine) as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def spoil(self, uid: str, **columns: object) -> None:
        """Write into a row past the table."""
        engine = open_engine(self.home.sql, database_url=self.database_url)
        try:
            with writing(engine) as connection:
                connection.execute(update(commands).where(commands.c.uid == uid).values(columns))
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close everything."""
        for table in self._opened:
            table.close()


class CommandQueueContract:
    """What every queue promises; see `bot.commands.bus.CommandQueue`."""

    @pytest.fixture
    def table(self, world: QueueWorld) -> CommandTable:
        return world.open()

    def test_a_command_comes_back_as_it_was_given(self, table: CommandTable) -> None:
        row = table.enqueue(new("a"))
        found = (row.uid, row.state, row.attempts, row.outcome, row.created_at)
        assert found == ("a", CommandState.QUEUED, 0, None, START)
        assert str(row.payload["limit"]) == "0.10"
        assert table.get("a") == row

    def test_the_same_key_and_request_give_the_same_row(self, table: CommandTable) -> None:
        first = table.enqueue(new("a"))
        assert table.enqueue(new("b", idempotency_key="key-a")) == first
        table.finish({"a": APPLIED})
        assert table.enqueue(new("a")).outcome == APPLIED
        assert len(table.list()) == 1

    def test_the_same_key_for_another_request_is_refused(self, table: CommandTable) -> None:
        table.enqueue(new("a"))
        for other in (
            new("b", idempotency_key="key-a", request_hash="other"),
            new("a", idempotency_key="new"),
        ):
            with pytest.raises(RefusedError) as refused:
                table.enqueue(other)
            assert refused.value.code == "idempotency_conflict"
        table.enqueue(new("c", idempotency_key="key-a", actor="user_bob"))  # keys are each actor's own
        assert uids(table.list()) == ["c", "a"]

    def test_one_request_sent_by_many_at_once_is_one_row(self, world: QueueWorld) -> None:
        tables = [world.open() for _ in range(4)]
        barrier = threading.Barrier(4)
        found: list[str] = []

        def send(number: int) -> None:
            barrier.wait()
            for turn in range(10):
                command = new(f"u{number}-{turn}", idempotency_key=f"click-{turn}")
                found.append(f"{turn}:{tables[number].enqueue(command).uid}")

        in_threads(send, 4)
        assert len(set(found)) == 10
        assert len(tables[0].list(limit=100)) == 10

    def test_per_asset_the_order_stays_and_between_assets_what_lowers_risk_goes_first(
        self, table: CommandTable
    ) -> None:
        for uid, asset, priority in (("s1", "SOL", 9), ("s2", "SOL", 0), ("e1", "ETH", 1), ("d1", "DOGE", 9)):
            table.enqueue(new(uid, asset, priority))
        assert uids(table.queued(limit=10)) == ["e1", "s1", "s2", "d1"]
        assert uids(table.queued(limit=2)) == ["e1", "s1"]
        assert uids(table.queued(limit=10, asset="SOL")) == ["s1", "s2"]
        table.finish({"s1": APPLIED})
        assert uids(table.queued(limit=10)) == ["s2", "e1", "d1"]

    @given(
        waiting=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 3)), max_size=12),
        limit=st.integers(1, 13),
    )
    # One suite on two engines, and the table is emptied for every example.
    @settings(
        max_examples=25,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    def test_the_order_is_that_of_taking_the_best_oldest_one_again_and_again(
        self, world: QueueWorld, table: CommandTable, waiting: list[tuple[str, int]], limit: int
    ) -> None:
        world.run("DELETE FROM commands")
        rows = [
            table.enqueue(new(f"u{number}", asset, priority))
            for number, (asset, priority) in enumerate(waiting)
        ]
        expected: list[str] = []
        while rows:
            oldest = {row.asset: row for row in reversed(rows)}.values()
            best = min(oldest, key=lambda row: (row.priority, row.id))
            rows.remove(best)
            expected.append(best.uid)
        assert uids(table.queued(limit=limit)) == expected[:limit]

    def test_many_rows_are_counted_given_back_and_finished_together(self, table: CommandTable) -> None:
        rows = [table.enqueue(new(uid, uid.upper())) for uid in ("a", "b", "c")]
        table.finish({"b": REJECTED})
        everything = [row.id for row in rows]
        assert table.count_attempts(everything, "w") == {rows[0].id: 1, rows[2].id: 1}
        table.give_attempts_back(everything)
        assert table.count_attempts(everything, "w") == {rows[0].id: 1, rows[2].id: 1}
        assert table.finish({"c": REJECTED, "b": APPLIED, "a": APPLIED, "x": APPLIED}) == {"a", "c"}
        told = {row.uid: row.outcome for row in table.list()}
        assert told == {"a": APPLIED, "b": REJECTED, "c": REJECTED}

    def test_workers_that_finish_the_same_rows_in_other_orders_do_not_block_each_other(
        self, world: QueueWorld, table: CommandTable
    ) -> None:
        names = [f"u{number}" for number in range(40)]
        rows = [table.enqueue(new(uid, uid.upper())) for uid in names]
        tables = [world.open() for _ in range(4)]
        stored: list[str] = []

        def finish(number: int) -> None:
            order = names if number % 2 else names[::-1]
            tables[number].count_attempts([row.id for row in rows], str(number))
            for start in range(0, 40, 10):
                stored.extend(tables[number].finish(dict.fromkeys(order[start : start + 20], APPLIED)))

        in_threads(finish, 4)
        assert sorted(stored) == sorted(names), "every row has one teller"

    def test_attempts_are_counted_until_the_row_is_final(self, table: CommandTable) -> None:
        row = table.enqueue(new("a"))
        counted = [table.count_attempts([row.id], name) for name in ("w1", "w2")]
        assert counted == [{row.id: 1}, {row.id: 2}]
        table.finish({"a": REJECTED})
        assert table.count_attempts([row.id], "w1") == {}
        known = table.get("a")
        assert known is not None
        assert known.attempts == 2

    def test_an_attempt_is_given_back_while_the_row_waits(self, table: CommandTable) -> None:
        row = table.enqueue(new("a"))
        table.give_attempts_back([row.id])
        assert [table.count_attempts([row.id], "w")[row.id] for _ in range(2)] == [1, 2]
        table.give_attempts_back([row.id])
        table.finish({"a": REJECTED})
        table.give_attempts_back([row.id])
        known = table.get("a")
        assert known is not None
        assert known.attempts == 1

    def test_a_final_row_never_changes(self, world: QueueWorld, table: CommandTable) -> None:
        table.enqueue(new("a"))
        world.clock.advance(5)
        assert table.finish({"a": REJECTED}) == {"a"}
        assert not table.finish({"a": APPLIED})
        assert not table.finish({"unknown": APPLIED})
        row = table.get("a")
        assert row is not None
        assert (row.state, row.outcome) == (CommandState.PRECONDITION_REJECTED, REJECTED)
        assert row.finished_at is not None
        if world.tells_its_own_time:
            assert row.finished_at > START + dt.timedelta(days=365), "the server's time, not the bot's"
        else:
            assert row.finished_at == START + dt.timedelta(seconds=5)

    def test_an_outcome_is_final_or_a_defect(self, table: CommandTable) -> None:
        table.enqueue(new("a"))
        with pytest.raises(ValueError, match="final"):
            table.finish({"a": CommandOutcome(state=CommandState.QUEUED, code="", reason="")})

    def test_a_command_that_was_applied_first_can_be_written_later_any_number_of_times(
        self, table: CommandTable
    ) -> None:
        for _ in range(2):
            table.insert_finished(new("a"), APPLIED)
        row = table.get("a")
        assert row is not None
        assert row.outcome == APPLIED
        assert str(row.outcome.detail["price"]) == "1.10"
        table.enqueue(new("b"))
        table.insert_finished(new("b"), APPLIED)
        assert table.queued(limit=5) == []

    def test_a_unique_prefix_is_enough_and_an_ambiguous_one_lists_the_candidates(
        self, table: CommandTable
    ) -> None:
        for uid in ("abc-1", "abc-2", "abd-1", "abc-10"):
            table.enqueue(new(uid))
        assert (table.get("abd") or new("x")).uid == "abd-1"
        assert (table.get("abc-1") or new("x")).uid == "abc-1", "a whole id wins over longer ones"
        with pytest.raises(UsageError, match="Candidates: abc-10, abc-2, abc-1"):
            table.get("abc")
        assert [table.get(odd) for odd in ("zzz", "%", "a_")] == [None, None, None]

    def test_commands_are_listed_newest_first_and_filtered(self, table: CommandTable) -> None:
        for uid, asset in (("a", "SOL"), ("b", "ETH"), ("c", "SOL")):
            table.enqueue(new(uid, asset))
        table.finish({"a": APPLIED})
        assert uids(table.list()) == ["c", "b", "a"]
        assert uids(table.list(asset="SOL")) == ["c", "a"]
        assert uids(table.list(state=CommandState.QUEUED)) == ["c", "b"]
        assert uids(table.list(limit=1)) == ["c"]

    def test_what_was_acknowledged_is_there_for_another_connection(self, world: QueueWorld) -> None:
        world.open().enqueue(new("a"))
        assert uids(world.open().list()) == ["a"]

    def test_the_database_of_another_life_is_refused(self, world: QueueWorld, table: CommandTable) -> None:
        table.enqueue(new("a"))
        with pytest.raises(StorageError) as foreign:
            world.open("another")
        assert foreign.value.code == "database_foreign"

    def test_threads_may_enqueue_at_once(self, table: CommandTable) -> None:
        def work(thread: int) -> None:
            for number in range(15):
                table.enqueue(new(f"t{thread}-{number}"))

        in_threads(work, 4)
        assert sorted(row.id for row in table.list(limit=100)) == list(range(1, 61))

    def test_the_database_itself_refuses_a_half_finished_row(
        self, world: QueueWorld, table: CommandTable
    ) -> None:
        table.enqueue(new("a"))
        for wrong in (
            "UPDATE commands SET state = 'applied'",
            "UPDATE commands SET state = 'odd'",
            "UPDATE commands SET applied_serial = 1",
            "UPDATE commands SET attempts = -1",
        ):
            with pytest.raises(DatabaseUnavailableError, match=r"CHECK|check"):
                world.run(wrong)

    @pytest.mark.parametrize(
        ("column", "value", "trouble"),
        [
            ("payload", "no JSON", "payload: "),
            ("payload", "[1]", "payload: it is no object"),
            ("payload", '{"a":1,"a":2}', "payload: the key 'a' stands twice"),
            ("payload", "[" * 100_000, "payload: "),
            ("payload", f'{{"a":{"[" * 150}{"]" * 150}}}', "payload: nested too deeply"),
            ("type", "drop_everything", "type: 'drop_everything' is not a valid CommandType"),
            ("created_at", "soon", "created_at: "),
        ],
        ids=["no-json", "a-list", "double-key", "deep-and-torn", "deep", "type", "time"],
    )
    def test_a_row_that_cannot_be_read_says_so_and_spoils_no_other(
        self, world: QueueWorld, table: CommandTable, column: str, value: str, trouble: str
    ) -> None:
        for uid in ("a", "bad", "c"):
            table.enqueue(new(uid))
        world.spoil("bad", **{column: value})
        assert uids(table.queued(limit=9)) == ["a", "bad", "c"]
        assert uids(table.list()) == ["c", "bad", "a"]
        bad, good = table.get("bad"), table.get("c")
        assert bad is not None
        assert good is not None
        assert str(bad.unreadable).startswith(trouble)
        assert len(str(bad.unreadable)) < 300, "it tells how it begins, not all of it"
        assert good.unreadable is None
        table.finish({"bad": REJECTED})
        told = table.get("bad")
        assert told is not None
        assert (told.outcome, told.unreadable) == (REJECTED, bad.unreadable)
        table.figures(window=dt.timedelta(days=9_999), at_most=9)

    def test_an_outcome_that_somebody_spoilt_keeps_its_state(
        self, world: QueueWorld, table: CommandTable
    ) -> None:
        table.enqueue(new("a"))
        table.finish({"a": APPLIED})
        world.spoil("a", outcome_detail="gone", finished_at="then")
        row = table.get("a")
        assert row is not None
        assert row.outcome is not None
        assert (row.outcome.state, row.outcome.detail) == (CommandState.APPLIED, {})
        assert str(row.unreadable).startswith("finished_at: ")
        assert "; outcome_detail: " in str(row.unreadable)

    def test_old_finished_rows_go_and_what_waits_stays(self, world: QueueWorld, table: CommandTable) -> None:
        for uid in ("old", "young", "waits"):
            table.enqueue(new(uid))
        table.finish({"old": APPLIED})
        table.finish({"young": REJECTED})
        world.run("UPDATE commands SET finished_at = '2001-01-01T00:00:00Z' WHERE uid = 'old'")
        assert table.prune(keep=dt.timedelta(days=90)) == 1
        assert uids(table.list()) == ["waits", "young"]
        assert table.prune(keep=dt.timedelta(days=90)) == 0
        assert table.enqueue(new("next")).id == 4, "a removed row's number is never given again"


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Run the work in as many threads, and fail where one of them failed."""
    problems: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
