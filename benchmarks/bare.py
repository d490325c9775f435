"""The bare primitives of applying a command: its disk calls and SQL writes, recorded and replayed.

What is recorded is what really happens, byte by byte; what is replayed is that and nothing else: no
rule, no schema, no codec, no lock, no read.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.storage.files.file_ops import FileOps
from bot.storage.sql.engine import journal_mode, sqlite_module

Step = tuple[str, tuple[Any, ...]]
"""A word and what it needs: paths relative to the home, bytes, SQL with its parameters."""

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Recorder(FileOps):
    """Makes the real calls and remembers them, and every write to the database beside them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.steps: list[Step] = []
        self.driver = RecordingDriver(self._keep)

    def take(self) -> list[Step]:
        """Return what was recorded since the last call."""
        taken, self.steps = self.steps, []
        return taken

    def open_new(self, path: Path, mode: int) -> int:
        """Record and do."""
        self._keep("open", self._short(path), mode)
        return super().open_new(path, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Record and do."""
        self._keep("write", self._of(descriptor), bytes(data))
        return super().write(descriptor, data)

    def change_mode(self, descriptor: int, mode: int) -> None:
        """Record and do."""
        self._keep("chmod", self._of(descriptor), mode)
        super().change_mode(descriptor, mode)

    def fsync(self, descriptor: int) -> None:
        """Record and do."""
        self._keep("fsync", self._of(descriptor))
        super().fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Record and do."""
        self._keep("close", self._of(descriptor))
        super().close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Record and do."""
        self._keep("link", self._short(source), self._short(target))
        super().link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """Record and do."""
        self._keep("rename", self._short(source), self._short(target))
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        """Record and do."""
        super().unlink(path)
        self._keep("unlink", self._short(path))

    def fsync_folder(self, folder: Path) -> None:
        """Record and do."""
        self._keep("fsync_folder", self._short(folder))
        super().fsync_folder(folder)

    def _keep(self, word: str, *needs: Any) -> None:
        self.steps.append((word, needs))

    def _short(self, path: Path) -> str:
        return str(path.relative_to(self._root))

    def _of(self, descriptor: int) -> str:
        return self._short(Path(f"/proc/self/fd/{descriptor}").readlink())


class RecordingDriver(ModuleType):
    """The SQLite driver, with every write remembered: whoever calls it, with SQLAlchemy or without."""

    def __init__(self, keep: Callable[..., None]) -> None:
        super().__init__("recording")
        self._keep = keep
        self._real: Any = sqlite_module()

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the driver has."""
        return getattr(self._real, name)

    def connect(self, *words: Any, **options: Any) -> Any:
        """Open a connection that remembers."""
        keep, real = self._keep, self._real

        class Connection(real.Connection):  # type: ignore[name-defined,misc]  # chosen at run time
            """One connection; `is_writing` from `BEGIN IMMEDIATE` to its end."""

            is_writing = False

            def cursor(self, *_: Any) -> Any:
                """Open a cursor that remembers."""
                return super().cursor(Cursor)

            def commit(self) -> None:
                """Record and do."""
                self.end("COMMIT")
                super().commit()

            def rollback(self) -> None:
                """Record and do."""
                self.end("ROLLBACK")
                super().rollback()

            def end(self, statement: str) -> None:
                """Remember the end of what is written, if anything is."""
                if self.is_writing:
                    keep("sql", statement, ())
                self.is_writing = False

        class Cursor(real.Cursor):  # type: ignore[name-defined,misc]  # chosen at run time
            """One cursor of such a connection."""

            def execute(self, statement: str, parameters: Any = ()) -> Any:
                """Record and do."""
                if statement == "BEGIN IMMEDIATE":
                    self.connection.is_writing = True
                    keep("sql", statement, ())
                elif statement in {"COMMIT", "ROLLBACK"}:
                    self.connection.end(statement)
                elif self.connection.is_writing and statement.startswith(_WRITES):
                    keep("sql", statement, tuple(parameters))
                return super().execute(statement, parameters)

        return real.connect(*words, factory=Connection, **options)


class Replay:
    """Makes recorded calls in another folder: `os` functions and the SQLite driver alone."""

    def __init__(self, root: Path, database: Path) -> None:
        self._root = root
        module = sqlite_module()
        self._database = module.connect(str(database), isolation_level=None)
        for pragma in (f"journal_mode={journal_mode(module)}", "synchronous=FULL", "foreign_keys=ON"):
            self._database.execute(f"PRAGMA {pragma}").fetchall()
        self._open: dict[str, int] = {}
        self._logs: dict[str, int] = {}

    def play(self, steps: Sequence[Callable[[], object]]) -> None:
        """Make the calls of one command."""
        for step in steps:
            step()

    def prepared(self, steps: Sequence[Step]) -> list[Callable[[], object]]:
        """Return the recorded steps as calls that are ready to be made."""
        return [self._call(word, needs) for word, needs in steps]

    def close(self) -> None:
        """Release everything."""
        for descriptor in (*self._open.values(), *self._logs.values()):
            os.close(descriptor)
        self._database.close()

    def _call(self, word: str, needs: tuple[Any, ...]) -> Callable[[], object]:
        if word == "sql":
            statement, parameters = needs
            return lambda: self._database.execute(statement, parameters).fetchall()
        path = str(self._root / needs[0])
        more = needs[1:]
        calls: dict[str, Callable[[], object]] = {
            "open": lambda: self._opened(path, more[0]),
            "write": lambda: os.write(self._descriptor(path), more[0]),
            "chmod": lambda: os.fchmod(self._descriptor(path), more[0]),
            "fsync": lambda: os.fsync(self._descriptor(path)),
            "close": lambda: os.close(self._open.pop(path)),
            "link": lambda: os.link(path, self._root / more[0]),
            "rename": lambda: os.rename(path, self._root / more[0]),  # noqa: TID251, PTH104 - the primitive is what is measured
            "unlink": lambda: os.unlink(path),  # noqa: PTH108 - as above
            "fsync_folder": lambda: _flush_folder(path),
        }
        return calls[word]

    def _opened(self, path: str, mode: int) -> None:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        self._open[path] = os.open(path, flags, mode)

    def _descriptor(self, path: str) -> int:
        """Return the open temp file, or the log, which stays open."""
        if path in self._open:
            return self._open[path]
        if path not in self._logs:
            self._logs[path] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        return self._logs[path]


def _flush_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
