"""The queue of commands in SQL: it keeps them, in order, and says what became of them.

Exactly-once does not come from here but from the state's lock, its `applied` ring and the commit by
link. Rules: 1 the same actor and key give the same row, or a refusal for another request. 2 Per
asset only the oldest waiting command is offered; between assets the lowest priority number first.
3 A final row never changes (the WHERE says so). 4 RETURNING is always fetched whole. 5 The same statements
on both engines; on a server a claim skips a row that another worker has in hand.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, delete, func, select, update

from bot.kernel.canonical import canonical_bytes
from bot.kernel.clock import Clock, from_iso, iso_z
from bot.kernel.errors import DatabaseUnavailableError, RefusedError, StorageError, UsageError
from bot.kernel.ids import is_id
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.storage.files.json_codec import decode_strict
from bot.storage.home import Home
from bot.storage.process_info import host_name
from bot.storage.sql.engine import insert_into, open_engine, reading, writing
from bot.storage.sql.layout import prepare_layout
from bot.storage.sql.owner import Owner, belongs_to, claim
from bot.storage.sql.postgres import announce, database_now, is_postgres
from bot.storage.sql.read_cache import ReadCache
from bot.storage.sql.tables import IS_QUEUED, commands

_CANDIDATES_SHOWN = 10
_PRUNED_AT_ONCE = 1_000


class CommandTable:
    """The commands of one home; implements `bot.commands.bus.CommandQueue`.

    Usable from several threads. Every method raises `DatabaseUnavailableError` when the database does
    not answer, and then nothing was changed.
    """

    def __init__(
        self, engine: Engine, *, clock: Clock, owner: Owner | None = None, cache: ReadCache | None = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._owner = owner
        self._cache = cache

    @classmethod
    def open(
        cls, home: Home, *, clock: Clock, lineage: str, database_url: str | None = None
    ) -> "CommandTable":
        """Open the home's table; an embedded one is made or brought up to this release if needed.

        Args:
            home: The home.
            clock: Time of outcomes, where the database runs on this host.
            lineage: The state's life (`Snapshot.meta.lineage`): the database must belong to it.
            database_url: The value of `BOT_DATABASE_URL`, if set.

        Raises:
            DatabaseUnavailableError: The database did not answer.
            StorageError: `database_foreign`, `database_outdated` or `database_unknown`.
            SettingsError: The URL cannot be used.
        """
        engine = open_engine(home.sql, database_url=database_url)
        owner = owner_of(home, lineage)
        try:
            prepare_layout(engine, upgrade=False)
            with reading(engine) as connection:
                is_claimed = belongs_to(connection, owner)
            if not is_claimed:
                with writing(engine) as connection:
                    claim(connection, owner)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock=clock, owner=owner, cache=ReadCache(home))

    def enqueue(self, new: NewCommand) -> CommandRow:
        """Keep a command; the same request again returns the row that is there.

        Raises:
            RefusedError: `idempotency_conflict`: the key (or the uid) was used for something else.
        """
        with writing(self._engine) as connection:
            known = _row_of_request(connection, new)
            if known is None:
                values = {**_columns_of(new), "state": CommandState.QUEUED.value}
                known = _insert_once(connection, new, values)
                if is_postgres(connection):
                    announce(connection)
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
            StorageError: `state_changed`: there is no such waiting row, or another worker has it in
                hand at this moment. `database_foreign`: another host has taken the database over.
        """
        with writing(self._engine) as connection:
            if self._owner is not None:
                belongs_to(connection, self._owner)
            free = select(commands.c.id).where(commands.c.id == row_id, IS_QUEUED)
            statement = (
                update(commands)
                .where(commands.c.id.in_(free.with_for_update(skip_locked=True)), IS_QUEUED)
                .values(attempts=commands.c.attempts + 1, claimed_by=worker, claimed_at=self._now(connection))
                .returning(commands.c.attempts)
            )
            counted = connection.execute(statement).scalars().all()
        if not counted:
            raise StorageError(
                f"Command row {row_id} is not waiting any more.",
                code="state_changed",
                why="It has its outcome, or another worker has it in hand.",
            )
        return int(counted[0])

    def give_attempt_back(self, row_id: int) -> None:
        """Take one attempt off a waiting row again: the state could not be written, so it was none."""
        mine = (commands.c.id == row_id, IS_QUEUED, commands.c.attempts > 0)
        with writing(self._engine) as connection:
            connection.execute(update(commands).where(*mine).values(attempts=commands.c.attempts - 1))

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
                values = {**_columns_of(new), **self._outcome(connection, outcome)}
                _insert_once(connection, new, values)
                self._follow(connection)
            else:
                self._finish(connection, new.uid, outcome)

    def catch_up(self) -> int:
        """Bring the read cache up to the audit log; returns how many records were missing.

        Raises:
            StorageError: `database_ahead`: the cache comes from another log.
        """
        if self._cache is None:
            return 0
        with reading(self._engine) as connection:
            if not self._cache.is_behind(connection):
                return 0
        taken = 0
        while True:
            with writing(self._engine) as connection:
                step = self._cache.follow(connection)
            if not step:
                return taken
            taken += step

    def prune(self, *, keep: dt.timedelta) -> int:
        """Remove commands that were finished longer ago than `keep`; returns how many.

        Their idempotency keys are forgotten with them. What waits stays, however old.
        """
        cutoff = iso_z(self._clock.now() - keep)
        old = select(commands.c.id).where(commands.c.state != "queued", commands.c.finished_at < cutoff)
        removed = 0
        while True:
            with reading(self._engine) as connection:
                ids = connection.execute(old.order_by(commands.c.id).limit(_PRUNED_AT_ONCE)).scalars().all()
            if not ids:
                return removed
            with writing(self._engine) as connection:
                gone = delete(commands).where(commands.c.id.in_(ids)).returning(commands.c.id)
                removed += len(connection.execute(gone).all())

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def _finish(self, connection: Connection, uid: str, outcome: CommandOutcome) -> bool:
        values = self._outcome(connection, outcome)
        statement = update(commands).where(commands.c.uid == uid, IS_QUEUED).values(values)
        done = bool(connection.execute(statement.returning(commands.c.id)).all())
        self._follow(connection)
        return done

    def _follow(self, connection: Connection) -> None:
        if self._cache is not None:
            self._cache.follow(connection)

    def _outcome(self, connection: Connection, outcome: CommandOutcome) -> dict[str, Any]:
        if outcome.state is CommandState.QUEUED:
            raise ValueError("an outcome is final; queued is none")
        return {
            "state": outcome.state.value,
            "finished_at": self._now(connection),
            "outcome_code": outcome.code,
            "outcome_reason": outcome.reason,
            "outcome_detail": _json(outcome.detail),
            "applied_serial": outcome.applied_serial,
        }

    def _now(self, connection: Connection) -> str:
        """Return the database's time: a server's own, or this host's for the embedded file."""
        return database_now(connection) if is_postgres(connection) else iso_z(self._clock.now())


def owner_of(home: Home, lineage: str) -> Owner:
    """Return who this process is for a database."""
    return Owner(lineage=lineage, host=host_name(), home=str(home.root))


def _insert_once(connection: Connection, new: NewCommand, values: Mapping[str, Any]) -> RowMapping:
    """Insert a row; where another process was faster with the same request, return that one's."""
    statement = insert_into(connection, commands).values(values).on_conflict_do_nothing()
    made = connection.execute(statement.returning(*commands.c)).mappings().all()
    known = made[0] if made else _row_of_request(connection, new)
    if known is None:
        raise DatabaseUnavailableError("The commands database contradicts itself about a key.")
    return known


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
