"""The queue of commands in SQL: it keeps them, in order, and says what became of them.

Exactly-once does not come from here but from the state's lock, its `applied` ring and the commit by
link. Rules: 1 the same actor and key give the same row, or a refusal for another request. 2 Per
asset commands keep the order of acceptance; between assets the lowest priority number goes first.
3 A final row never changes (the WHERE says so). 4 RETURNING is always fetched whole. 5 The same statements
on both engines; on a server a claim skips a row that another worker has in hand.
6 A row that cannot be read is there all the same, and says so (`CommandRow.unreadable`).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    select,
    update,
)

from bot.kernel.clock import Clock, from_iso, iso_z
from bot.kernel.errors import DatabaseUnavailableError, RefusedError, UsageError
from bot.kernel.ids import is_id
from bot.lifecycle.command_figures import QueueFigures
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, NewCommand
from bot.storage.home import Home
from bot.storage.process_info import host_name
from bot.storage.sql.command_figures import read_figures
from bot.storage.sql.command_rows import columns_of, outcome_columns, row_of
from bot.storage.sql.engine import open_engine, reading, writing
from bot.storage.sql.layout import prepare_layout
from bot.storage.sql.owner import Owner, belongs_to, claim
from bot.storage.sql.postgres import announce, database_now, is_postgres
from bot.storage.sql.read_cache import ReadCache
from bot.storage.sql.session import CoreSession, Insertion, Row, Session, Sessions
from bot.storage.sql.tables import IS_QUEUED, commands

_CANDIDATES_SHOWN = 10
_PRUNED_AT_ONCE = 1_000

_OWN_TURN = cast(commands.c.priority, BigInteger) * literal_column(f"{1 << 40}") + commands.c.id
_TURN = func.max(_OWN_TURN).over(partition_by=commands.c.asset, order_by=commands.c.id).label("turn")
"""A command goes when its priority says so, and never before an older one of its asset."""


def _in_turn(*conditions: ColumnElement[bool]) -> Select[Any]:
    turns = select(commands.c.id, _TURN).where(IS_QUEUED, *conditions).subquery("turns")
    return (
        select(commands)
        .join(turns, turns.c.id == commands.c.id)
        .order_by(turns.c.turn, commands.c.id)
        .limit(bindparam("most", type_=Integer))
    )


# Built once: what they say never changes, only the words that go in.
_WAITING = (  # in the order in which everybody locks them
    select(commands.c.id)
    .where(commands.c.id.in_(bindparam("rows", expanding=True)), IS_QUEUED)
    .order_by(commands.c.id)
)
_COUNT = (
    update(commands)
    .where(commands.c.id.in_(_WAITING.with_for_update(skip_locked=True)), IS_QUEUED)
    .values(
        attempts=commands.c.attempts + 1,
        claimed_by=bindparam("worker", type_=Text),
        claimed_at=bindparam("now", type_=Text),
    )
    .returning(commands.c.id, commands.c.attempts)
)
_GIVE_BACK = (
    update(commands)
    .where(commands.c.id.in_(_WAITING.with_for_update()), IS_QUEUED, commands.c.attempts > 0)
    .values(attempts=commands.c.attempts - 1)
)
_UNFINISHED = (
    select(commands.c.id, commands.c.uid)
    .where(commands.c.uid.in_(bindparam("uids", expanding=True)), IS_QUEUED)
    .order_by(commands.c.id)
    .with_for_update()
)
_QUEUED = _in_turn()
_QUEUED_OF_ASSET = _in_turn(commands.c.asset == bindparam("asset"))
_OUTCOME = ("state", "finished_at", "outcome_code", "outcome_reason", "outcome_detail", "applied_serial")
_FINISH = (
    update(commands)
    .where(commands.c.id == bindparam("row"), IS_QUEUED)
    .values({name: bindparam(name, type_=commands.c[name].type) for name in _OUTCOME})
)


def _insertion(*names: str) -> Insertion:
    words = {name: bindparam(name, type_=commands.c[name].type) for name in names}
    return Insertion(
        lambda insert: insert(commands).values(words).on_conflict_do_nothing().returning(*commands.c)
    )


_ASKED = (
    *("uid", "type", "asset", "priority", "payload", "actor", "idempotency_key", "request_hash"),
    "created_at",
)
_INSERT, _INSERT_FINISHED = _insertion(*_ASKED, "state"), _insertion(*_ASKED, *_OUTCOME)
_OF_REQUEST = select(commands).where(
    ((commands.c.actor == bindparam("actor")) & (commands.c.idempotency_key == bindparam("idempotency_key")))
    | (commands.c.uid == bindparam("uid"))
)


class CommandTable:
    """The commands of one home; implements `bot.commands.bus.CommandQueue`.

    Usable from several threads. Every method raises `DatabaseUnavailableError` when the database does
    not answer, and then nothing was changed.
    """

    def __init__(
        self, engine: Engine, *, clock: Clock, owner: Owner | None = None, cache: ReadCache | None = None
    ) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._clock = clock
        self._owner = owner
        self._cache = cache

    @classmethod
    def open(
        cls,
        home: Home,
        *,
        clock: Clock,
        lineage: str,
        database_url: str | None = None,
        driver: ModuleType | None = None,
    ) -> "CommandTable":
        """Open the home's table; an embedded one is made or brought up to this release if needed.

        Args:
            home: The home.
            clock: Time of outcomes, where the database runs on this host.
            lineage: The state's life (`Snapshot.meta.lineage`): the database must belong to it.
            database_url: The value of `BOT_DATABASE_URL`, if set.
            driver: What opens the embedded file; the best one by default.

        Raises:
            DatabaseUnavailableError: The database did not answer.
            StorageError: `database_foreign`, `database_outdated` or `database_unknown`.
            SettingsError: The URL cannot be used.
        """
        engine = open_engine(home.sql, database_url=database_url, module=driver)
        owner = owner_of(home, lineage)
        try:
            prepare_layout(engine, upgrade=False)
            with reading(engine) as connection:
                is_claimed = belongs_to(CoreSession(connection), owner)
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
        with self._sessions.writing() as session:
            known = _row_of_request(session, new)
            if known is None:
                values = {**columns_of(new), "state": CommandState.QUEUED.value}
                known = _insert_once(session, new, _INSERT.on(session), values)
                if session.server is not None:
                    announce(session.server)
        return row_of(known)

    def queued(self, *, limit: int, asset: str | None = None) -> list[CommandRow]:
        """Return the commands that wait, in the order in which they must be applied.

        Args:
            limit: How many at most.
            asset: Only this asset's.
        """
        query, words = (_QUEUED, {}) if asset is None else (_QUEUED_OF_ASSET, {"asset": asset})
        with self._sessions.single_reading() as session:
            found = session.rows(query, {"most": limit, **words})
        return [row_of(row) for row in found]

    def count_attempts(self, row_ids: Sequence[int], worker: str) -> dict[int, int]:
        """Count one more attempt on each waiting row, durably, and return how many there are now.

        A row that has its outcome, or that another worker has in hand at this moment, is left out.

        Raises:
            StorageError: `database_foreign`: another host has taken the database over.
        """
        with self._sessions.writing() as session:
            if self._owner is not None:
                belongs_to(session, self._owner)
            words = {"rows": list(row_ids), "worker": worker, "now": self._now(session.server)}
            return {row["id"]: row["attempts"] for row in session.rows(_COUNT, words)}

    def give_attempts_back(self, row_ids: Sequence[int]) -> None:
        """Take one attempt off each waiting row again: the state could not be written, so it was none."""
        with writing(self._engine) as connection:
            connection.execute(_GIVE_BACK, {"rows": list(row_ids)})

    def finish(self, outcomes: Mapping[str, CommandOutcome]) -> frozenset[str]:
        """Store the outcomes by uid; returns those that were stored, without rows that were final."""
        with self._sessions.writing() as session:
            return self._finish(session, outcomes)

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
        return row_of(rows[0]) if rows else None

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
            return [row_of(row) for row in connection.execute(query).mappings().all()]

    def figures(self, *, window: dt.timedelta, at_most: int, count_failed: bool = False) -> QueueFigures:
        """Return what waits and how the newest finished commands went (`read_figures`)."""
        with reading(self._engine) as connection:
            now = from_iso(self._now(connection if is_postgres(connection) else None))
            return read_figures(
                connection, now=now, window=window, at_most=at_most, count_failed=count_failed
            )

    def insert_finished(self, new: NewCommand, outcome: CommandOutcome) -> None:
        """Keep a command that was committed to the state first; again is fine.

        Raises:
            RefusedError: `idempotency_conflict`, as `enqueue`.
        """
        with self._sessions.writing() as session:
            if _row_of_request(session, new) is None:
                values = {**columns_of(new), **outcome_columns(outcome, self._now(session.server))}
                _insert_once(session, new, _INSERT_FINISHED.on(session), values)
                self._follow(session)
            else:
                self._finish(session, {new.uid: outcome})

    def catch_up(self) -> int:
        """Bring the read cache up to the audit log; returns how many records were missing.

        Raises:
            StorageError: `database_ahead`: the cache comes from another log.
        """
        if self._cache is None:
            return 0
        with reading(self._engine) as connection:
            if not self._cache.is_behind(CoreSession(connection)):
                return 0
        taken = 0
        while True:
            with self._sessions.writing() as session:
                step = self._cache.follow(session)
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
        self._sessions.close()
        self._engine.dispose()

    def _finish(self, session: Session, outcomes: Mapping[str, CommandOutcome]) -> frozenset[str]:
        # Rows are locked in one order by everybody, so that two workers never wait for each other.
        waiting = session.rows(_UNFINISHED, {"uids": list(outcomes)})
        if waiting:
            now = self._now(session.server)
            told = ({"row": row["id"], **outcome_columns(outcomes[row["uid"]], now)} for row in waiting)
            session.run(_FINISH, *told)
        self._follow(session)
        return frozenset(row["uid"] for row in waiting)

    def _follow(self, session: Session) -> None:
        if self._cache is not None:
            self._cache.follow(session)

    def _now(self, server: Connection | None) -> str:
        """Return the database's time: a server's own, or this host's for the embedded file."""
        return iso_z(self._clock.now()) if server is None else database_now(server)


def owner_of(home: Home, lineage: str) -> Owner:
    """Return who this process is for a database."""
    return Owner(lineage=lineage, host=host_name(), home=str(home.root))


def _insert_once(session: Session, new: NewCommand, insert: Insert, values: Mapping[str, Any]) -> Row:
    """Insert a row; where another process was faster with the same request, return that one's."""
    made = session.rows(insert, values)
    known = made[0] if made else _row_of_request(session, new)
    if known is None:
        raise DatabaseUnavailableError("The commands database contradicts itself about a key.")
    return known


def _row_of_request(session: Session, new: NewCommand) -> Row | None:
    """Return the row of the same request, or None; refuse another request under its key or uid."""
    words = {"actor": new.actor, "idempotency_key": new.idempotency_key, "uid": new.uid}
    rows = session.rows(_OF_REQUEST, words)
    for row in rows:
        same = (row["actor"], row["idempotency_key"], row["request_hash"])
        if same != (new.actor, new.idempotency_key, new.request_hash):
            raise RefusedError(
                f"The key {new.idempotency_key} was used before.",
                code="idempotency_conflict",
                why=f"Command {row['uid']} ({row['type']} for {row['asset']}) was another request.",
            )
    return rows[0] if rows else None
