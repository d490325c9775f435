"""The queue of commands in SQL: it keeps them, in order, and says what became of them.

Exactly-once does not come from here but from the state's lock, its `applied` ring and the commit by
link. Rules: 1 the same actor and key give the same row, or a refusal for another request. 2 Per
asset only the oldest waiting command is offered; between assets the lowest priority number first.
3 A final row never changes (the WHERE says so). 4 RETURNING is always fetched whole.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from bot.kernel.canonical import canonical_bytes
from bot.kernel.clock import Clock, from_iso, iso_z
from bot.kernel.errors import RefusedError, StorageError, UsageError
from bot.kernel.ids import is_id
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.storage.files.json_codec import decode_strict
from bot.storage.home import Home
from bot.storage.process_info import host_name
from bot.storage.sql.engine import open_engine, reading, writing
from bot.storage.sql.tables import IS_QUEUED, SCHEMA_VERSION, commands, meta, metadata

_CANDIDATES_SHOWN = 10


class CommandTable:
    """The commands of one home; implements `bot.commands.bus.CommandQueue`.

    Usable from several threads. Every method raises `DatabaseUnavailableError` when the database does
    not answer, and then nothing was changed.
    """

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(
        cls, home: Home, *, clock: Clock, lineage: str, database_url: str | None = None
    ) -> "CommandTable":
        """Open the home's table; made if needed.

        Args:
            home: The home.
            clock: Time of outcomes.
            lineage: The state's life (`Snapshot.meta.lineage`): the database must belong to it.
            database_url: The value of `BOT_DATABASE_URL`, if set.

        Raises:
            DatabaseUnavailableError: The database did not answer.
            StorageError: `database_foreign`: it belongs to another home, or to another release.
            SettingsError: The URL is not supported.
        """
        engine = open_engine(home.sql, database_url=database_url)
        try:
            with writing(engine) as connection:
                metadata.create_all(connection)
                _claim_database(connection, lineage)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock=clock)

    def enqueue(self, new: NewCommand) -> CommandRow:
        """Keep a command; the same request again returns the row that is there.

        Raises:
            RefusedError: `idempotency_conflict`: the key (or the uid) was used for something else.
        """
        with writing(self._engine) as connection:
            known = _row_of_request(connection, new)
            if known is None:
                values = {**_columns_of(new), "state": CommandState.QUEUED.value}
                known = (
                    connection.execute(insert(commands).values(values).returning(commands))
                    .mappings()
                    .all()[0]
                )
            return _to_row(known)

    def queued(self, *, limit: int) -> list[CommandRow]:
        """Return the commands that may be applied now, in order; one per asset at most."""
        oldest = select(func.min(commands.c.id)).where(IS_QUEUED).group_by(commands.c.asset)
        query = (
            select(commands)
            .where(commands.c.id.in_(oldest))
            .order_by(commands.c.priority, commands.c.id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_to_row(row) for row in connection.execute(query).mappings().all()]

    def count_attempt(self, row_id: int, worker: str) -> int:
        """Count one more attempt on a waiting row, durably, and return how many there are now.

        Raises:
            StorageError: There is no such waiting row.
        """
        statement = (
            update(commands)
            .where(commands.c.id == row_id, IS_QUEUED)
            .values(attempts=commands.c.attempts + 1, claimed_by=worker, claimed_at=self._now())
            .returning(commands.c.attempts)
        )
        with writing(self._engine) as connection:
            counted = connection.execute(statement).scalars().all()
        if not counted:
            raise StorageError(
                f"Command row {row_id} is not waiting any more.",
                code="state_changed",
                why="It has its outcome.",
            )
        return int(counted[0])

    def finish(self, uid: str, outcome: CommandOutcome) -> bool:
        """Store the outcome; False if the row was final already or is not there."""
        with writing(self._engine) as connection:
            return self._finish(connection, uid, outcome)

    def get(self, uid_or_prefix: str) -> CommandRow | None:
        """Return a command by its id or a unique prefix of it.

        Raises:
            UsageError: Several ids begin like that; they are listed.
        """
        if not is_id(uid_or_prefix):
            return None
        exact = select(commands).where(commands.c.uid == uid_or_prefix)
        alike = select(commands).where(commands.c.uid.startswith(uid_or_prefix, autoescape=True))
        newest = alike.order_by(commands.c.id.desc()).limit(_CANDIDATES_SHOWN)
        with reading(self._engine) as connection:
            rows = connection.execute(exact).mappings().all() or connection.execute(newest).mappings().all()
        if len(rows) > 1:
            told = ", ".join(str(row["uid"]) for row in rows)
            raise UsageError(f"{uid_or_prefix} stands for several commands.", why=f"Candidates: {told}.")
        return _to_row(rows[0]) if rows else None

    def list(
        self, *, asset: str | None = None, state: CommandState | None = None, limit: int = 50
    ) -> list[CommandRow]:
        """Return the newest commands first."""
        query = select(commands).order_by(commands.c.id.desc()).limit(limit)
        if asset is not None:
            query = query.where(commands.c.asset == asset)
        if state is not None:
            query = query.where(commands.c.state == state.value)
        with reading(self._engine) as connection:
            return [_to_row(row) for row in connection.execute(query).mappings().all()]

    def insert_finished(self, new: NewCommand, outcome: CommandOutcome) -> None:
        """Keep a command that was committed to the state first; again is fine.

        Raises:
            RefusedError: `idempotency_conflict`, as `enqueue`.
        """
        with writing(self._engine) as connection:
            if _row_of_request(connection, new) is None:
                connection.execute(insert(commands).values({**_columns_of(new), **self._outcome(outcome)}))
            else:
                self._finish(connection, new.uid, outcome)

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def _finish(self, connection: Connection, uid: str, outcome: CommandOutcome) -> bool:
        statement = update(commands).where(commands.c.uid == uid, IS_QUEUED).values(self._outcome(outcome))
        return bool(connection.execute(statement.returning(commands.c.id)).all())

    def _outcome(self, outcome: CommandOutcome) -> dict[str, Any]:
        if outcome.state is CommandState.QUEUED:
            raise ValueError("an outcome is final; queued is none")
        return {
            "state": outcome.state.value,
            "finished_at": self._now(),
            "outcome_code": outcome.code,
            "outcome_reason": outcome.reason,
            "outcome_detail": _json(outcome.detail),
            "applied_serial": outcome.applied_serial,
        }

    def _now(self) -> str:
        return iso_z(self._clock.now())


def _claim_database(connection: Connection, lineage: str) -> None:
    """Write whose database this is, or refuse a foreign one."""
    known = {row["key"]: row["value"] for row in connection.execute(select(meta)).mappings().all()}
    wanted = {"lineage": lineage, "schema_version": SCHEMA_VERSION}
    for key, value in wanted.items():
        if known.get(key, value) != value:
            raise StorageError(
                "The commands database does not belong to this home.",
                code="database_foreign",
                why=f"Its {key} is {known[key]}, expected {value}.",
            )
    # The embedded file lies inside the home, so a renamed host is no second one.
    missing = [{"key": key, "value": value} for key, value in wanted.items() if key not in known]
    if "host" not in known:
        missing.append({"key": "host", "value": host_name()})
    if missing:
        connection.execute(insert(meta), missing)


def _row_of_request(connection: Connection, new: NewCommand) -> RowMapping | None:
    """Return the row of the same request, or None; refuse another request under its key or uid."""
    by_key = (commands.c.actor == new.actor) & (commands.c.idempotency_key == new.idempotency_key)
    rows = connection.execute(select(commands).where(by_key | (commands.c.uid == new.uid))).mappings().all()
    for row in rows:
        same = (row["actor"], row["idempotency_key"], row["request_hash"])
        if same != (new.actor, new.idempotency_key, new.request_hash):
            raise RefusedError(
                f"The key {new.idempotency_key} was used before.",
                code="idempotency_conflict",
                why=f"Command {row['uid']} ({row['type']} for {row['asset']}) was another request.",
            )
    return rows[0] if rows else None


def _columns_of(new: NewCommand) -> dict[str, Any]:
    return {
        "uid": new.uid,
        "type": new.type.value,
        "asset": new.asset,
        "priority": new.priority,
        "payload": _json(new.payload),
        "actor": new.actor,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "created_at": iso_z(new.created_at),
    }


def _to_row(row: RowMapping) -> CommandRow:
    finished = row["finished_at"]
    outcome = None
    if finished is not None:
        outcome = CommandOutcome(
            state=CommandState(row["state"]),
            code=row["outcome_code"],
            reason=row["outcome_reason"] or "",
            detail=decode_strict((row["outcome_detail"] or "{}").encode()),
            applied_serial=row["applied_serial"],
        )
    return CommandRow(
        id=row["id"],
        uid=row["uid"],
        type=CommandType(row["type"]),
        asset=row["asset"],
        priority=row["priority"],
        payload=decode_strict(row["payload"].encode()),
        actor=row["actor"],
        idempotency_key=row["idempotency_key"],
        request_hash=row["request_hash"],
        created_at=from_iso(row["created_at"]),
        state=CommandState(row["state"]),
        attempts=row["attempts"],
        finished_at=None if finished is None else from_iso(finished),
        outcome=outcome,
    )


def _json(value: Mapping[str, Any]) -> str:
    """Return canonical JSON; Decimals keep their exact text."""
    try:
        return canonical_bytes(dict(value)).decode()
    except (msgspec.MsgspecError, TypeError) as error:
        raise UsageError(
            "The command cannot be kept: its content has no JSON form.", why=f"{error}."
        ) from error
