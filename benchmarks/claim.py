"""Claiming a command while a million finished ones lie in the table, beside a table without any."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, select, text

from benchmarks.homes import bench_folder
from benchmarks.measure import Result, alternating_ms, compare
from benchmarks.servers import postgres
from bot.app.clock import RandomIds, SystemClock
from bot.kernel.canonical import digest
from bot.lifecycle.commands import CommandType, NewCommand
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import open_engine, writing
from bot.storage.sql.layout import prepare_layout
from bot.storage.sql.tables import commands

_WAITING = 100
_FINISHED = {
    "sqlite": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) ",
        "FROM n",
        "printf('00000000-0000-4000-9000-%012d', i)",
    ),
    "postgresql": (
        "",
        "FROM generate_series(1, {count}) AS n(i)",
        "'00000000-0000-4000-9000-' || lpad(i::text, 12, '0')",
    ),
}


def measure(*, quick: bool = False) -> list[Result]:
    """Return the time of one claim: look at what waits, count an attempt, durably. On both engines."""
    finished, rounds = (1_000, 3) if quick else (1_000_000, 300)
    results = []
    with bench_folder() as folder:
        few, many = folder / "few.db", folder / "many.db"
        results.append(_measured("SQLite", [(few, None, 0), (many, None, finished)], rounds))
        with postgres(folder / "pg") as server:
            if server is not None:
                urls = [server.new_database(), server.new_database()]
                sides = [(few, urls[0], 0), (many, urls[1], finished)]
                results.append(_measured("PostgreSQL", sides, rounds))
    return results


def _measured(engine_name: str, sides: Sequence[tuple[Path, str | None, int]], rounds: int) -> Result:
    with contextlib.ExitStack() as stack:
        claims = [stack.enter_context(_claim(path, url, count)) for path, url, count in sides]
        without_ms, with_ms = alternating_ms(claims, rounds=rounds)
    return compare(
        f"claim, {engine_name}, {sides[1][2]:,} finished rows",
        ours=with_ms,
        theirs=without_ms,
        unit="ms",
        against="none finished",
        times=1.2,
    )


class _Claim:
    def __init__(self, table: CommandTable) -> None:
        self._table = table

    def __call__(self) -> None:
        row = self._table.queued(limit=1)[0]
        self._table.count_attempts([row.id], "bench")


@contextlib.contextmanager
def _claim(path: Path, url: str | None, finished: int) -> Iterator[_Claim]:
    engine = open_engine(path, database_url=url)
    prepare_layout(engine, upgrade=True)
    if finished:
        _fill(engine, finished)
    table = CommandTable(engine, clock=SystemClock())
    for number in range(_WAITING):
        table.enqueue(_command(number))
    yield _Claim(table)
    table.close()


def _command(number: int) -> NewCommand:
    uid = RandomIds().new_id()
    return NewCommand(
        uid=uid,
        type=CommandType.PAUSE_MANAGED_ASSET,
        asset=f"COIN{number:04d}",
        priority=0,
        payload={"exits": "on"},
        actor="user_operator",
        idempotency_key=uid,
        request_hash=digest({"number": number}),
        created_at=SystemClock().now(),
    )


def _fill(engine: Engine, count: int) -> None:
    """Insert finished rows inside the database, then let it learn what it holds."""
    with writing(engine) as connection:
        is_server = connection.dialect.name == "postgresql"
        if is_server:  # the product's own limit is for its short statements
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(_insert_finished(connection, count)))
    with engine.connect() as connection:
        if is_server:
            lasting = connection.execution_options(isolation_level="AUTOCOMMIT")
            lasting.execute(text("SET statement_timeout = 0"))
            lasting.execute(text("VACUUM ANALYZE commands"))
            lasting.execute(text("RESET statement_timeout"))
        else:
            connection.execute(text("ANALYZE"))
            connection.commit()
        if connection.execute(select(commands.c.id).limit(1)).first() is None:
            raise RuntimeError("no finished rows were made")


def _insert_finished(connection: Connection, count: int) -> str:
    head, source, uid = _FINISHED[connection.dialect.name]
    columns = {
        "uid": uid,
        "type": "'pause_managed_asset'",
        "asset": "'COIN' || (i % 100)",
        "priority": "0",
        "payload": """'{"exits":"on","reason":"measured"}'""",
        "actor": "'user_operator'",
        "idempotency_key": uid,
        "request_hash": "'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc'",
        "created_at": "'2026-01-01T00:00:00Z'",
        "state": "'applied'",
        "attempts": "1",
        "finished_at": "'2026-01-01T00:00:01Z'",
        "outcome_code": "'applied'",
        "outcome_detail": "'{}'",
        "applied_serial": "1",
    }
    values = f"SELECT {', '.join(columns.values())} {source}"
    insert = f"INSERT INTO commands ({', '.join(columns)}) "
    return (insert + head + values).replace("{count}", str(count))
