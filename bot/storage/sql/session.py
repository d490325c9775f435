"""A transaction with ready-made statements: what a worker does for every single command.

The statements are SQLAlchemy's on both engines, and on a server SQLAlchemy runs them. On the embedded file
building and unwrapping them again each time costs several times what the database itself needs, so there
each is translated once and handed to the driver as text, over a connection that the engine has opened.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Delete, Engine, Insert, Select, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor

from bot.storage.sql.engine import FILE, INODE, inode_of, mapped_errors, reading, writing
from bot.storage.sql.postgres import is_postgres

Statement = Select[Any] | Insert | Update | Delete
"""Made once, at the start of the program: each one is kept, translated, for ever."""
Row = Mapping[Any, Any]
"""By the names of its columns."""


class Insertion:
    """An INSERT that knows ON CONFLICT, which each engine has its own words for."""

    def __init__(self, make: Callable[[Callable[[Table], Any]], Insert]) -> None:
        self._on_file = make(sqlite.insert)
        self._on_server = make(postgresql.insert)

    def on(self, session: "Session") -> Insert:
        """Return it in the words of the engine that the session is open on."""
        return self._on_file if session.server is None else self._on_server


class Session(Protocol):
    """One open transaction; every answer is fetched whole."""

    @property
    def server(self) -> Connection | None:
        """Return the connection to a server, or None on the embedded file."""
        ...

    def rows(self, statement: Statement, words: Mapping[str, Any]) -> Sequence[Row]:
        """Run a statement and return its rows; a sequence of words fills an `IN`."""
        ...

    def run(self, statement: Statement, *words: Mapping[str, Any]) -> None:
        """Run a statement without an answer, once for each of these words."""
        ...


class Sessions:
    """Opens the sessions of one engine; on the embedded file over connections that stay open in between."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_embedded = engine.dialect.name == "sqlite"
        self._idle: list[_Connected] = []

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Hold one write transaction; committed durably at the end, rolled back on any error.

        Raises:
            DatabaseUnavailableError: As `bot.storage.sql.engine.writing`.
        """
        if self._is_embedded:
            with self._cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE", ())
                yield _DriverSession(cursor)
                cursor.execute("COMMIT", ())
        else:
            with writing(self._engine) as connection:
                yield CoreSession(connection)

    @contextlib.contextmanager
    def single_reading(self) -> Iterator[Session]:
        """Hold a session for one single query, which is a transaction by itself.

        Raises:
            DatabaseUnavailableError: The database did not answer.
        """
        if self._is_embedded:
            with self._cursor() as cursor:
                yield _DriverSession(cursor)
        else:
            with reading(self._engine) as connection:
                yield CoreSession(connection)

    def close(self) -> None:
        """Close the connections that nobody uses at this moment."""
        while self._idle:
            self._idle.pop().connection.close()

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[DBAPICursor]:
        """Lend a connection; after an error it is closed, which takes back whatever was not committed."""
        with mapped_errors(self._engine.dialect.loaded_dbapi.Error):
            lent = self._free() or self._connected()
            try:
                cursor = lent.connection.cursor()
                yield cursor
                cursor.close()
            except BaseException:
                lent.connection.close()
                raise
            self._idle.append(lent)

    def _free(self) -> "_Connected | None":
        """Return an idle connection to the file that is there now; one to another file is closed."""
        with contextlib.suppress(IndexError):  # another thread may take the last one first
            while True:
                known = self._idle.pop()
                if known.inode is not None and known.inode == inode_of(known.path):
                    return known
                known.connection.close()
        return None

    def _connected(self) -> "_Connected":
        borrowed = self._engine.raw_connection()
        made = _Connected(borrowed.driver_connection, borrowed.info[FILE], borrowed.info[INODE])
        borrowed.detach()  # from here on it is closed here, not by the engine's pool
        return made


class _Connected(NamedTuple):
    """A connection to the embedded file, as it was when it was opened."""

    connection: Any
    path: Path
    inode: int | None


class CoreSession:
    """A transaction of SQLAlchemy's, on either engine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def server(self) -> Connection | None:
        """Return the connection if it leads to a server."""
        return self._connection if is_postgres(self._connection) else None

    def rows(self, statement: Statement, words: Mapping[str, Any]) -> Sequence[Row]:
        """Run a statement and return its rows."""
        return self._connection.execute(statement, dict(words)).mappings().all()

    def run(self, statement: Statement, *words: Mapping[str, Any]) -> None:
        """Run a statement once for each of these words."""
        if words:
            self._connection.execute(statement, [dict(each) for each in words])


class _DriverSession:
    """A transaction of the embedded database's own driver."""

    server = None

    def __init__(self, cursor: DBAPICursor) -> None:
        self._cursor = cursor

    def rows(self, statement: Statement, words: Mapping[str, Any]) -> Sequence[Row]:
        """Run a statement and return its rows."""
        lengths = tuple(
            (name, len(value)) for name, value in words.items() if isinstance(value, list | tuple)
        )
        translated = _translated(statement, lengths)
        self._cursor.execute(translated.text, translated.values(words))
        names = translated.columns
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def run(self, statement: Statement, *words: Mapping[str, Any]) -> None:
        """Run a statement once for each of these words."""
        if words:
            translated = _translated(statement, ())
            for each in words:
                self._cursor.execute(translated.text, translated.values(each))


class _Translated(NamedTuple):
    """A statement in the embedded database's own words."""

    text: str
    columns: tuple[str, ...]
    """The names of what it returns."""
    binds: tuple[Callable[[Mapping[str, Any]], Any], ...]
    """For each of its question marks, how its value is found."""

    def values(self, words: Mapping[str, Any]) -> list[Any]:
        return [bind(words) for bind in self.binds]


@cache
def _translated(statement: Statement, lengths: tuple[tuple[str, int], ...]) -> _Translated:
    """Translate a statement; each number of words in an `IN` makes a text of its own."""
    compiled = statement.compile(dialect=sqlite.dialect())
    constants: Mapping[str, Any] = compiled.params
    several = {name: [None] * number for name, number in lengths}
    expanded = compiled.construct_expanded_state({**constants, **several})
    places = {
        place: _nth_of(name, number)
        for name, many in expanded.parameter_expansion.items()
        for number, place in enumerate(many)
    }
    asked_for = {name for name, bind in compiled.binds.items() if bind.required}
    binds = tuple(
        places.get(name) or (itemgetter(name) if name in asked_for else _constant(constants[name]))
        for name in expanded.positiontup or ()
    )
    return _Translated(
        expanded.statement, tuple(str(name) for name, _ in statement.exported_columns.items()), binds
    )


def _nth_of(name: str, number: int) -> Callable[[Mapping[str, Any]], Any]:
    return lambda words: words[name][number]


def _constant(value: object) -> Callable[[Mapping[str, Any]], Any]:
    return lambda _: value
