"""What reading, recovery and commit share: the home, the disk calls, the schemas, the logs."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.kernel.clock import Clock
from bot.storage.audit_log import AuditLog
from bot.storage.command_index import CommandIndex
from bot.storage.documents import DocumentKind, Snapshot, T, read_document
from bot.storage.files.file_ops import FileOps
from bot.storage.home import Home
from bot.storage.schema_check import SchemaCheck
from bot.storage.schema_upgrades import UPGRADES, Upgrades

_ENDING = ".json"
_DIGITS = 8


class StoreContext:
    """The means of one store; what it remembers only saves work, it never decides anything."""

    def __init__(
        self,
        home: Home,
        *,
        clock: Clock,
        environment: str,
        file_ops: FileOps,
        schemas: SchemaCheck,
        upgrades: Upgrades = UPGRADES,
    ) -> None:
        self.home = home
        self.clock = clock
        self.environment = environment
        self.ops = file_ops
        self.schemas = schemas
        self.upgrades = upgrades
        self.audit = AuditLog(home.audit_log, file_ops=file_ops)
        self.refusals = AuditLog(home.refusals_log, file_ops=file_ops)
        self.orders = AuditLog(home.orders_log, file_ops=file_ops)
        self.told_in_audit = CommandIndex(home.audit_log)
        self.told_in_refusals = CommandIndex(home.refusals_log)
        self.durable: dict[str, int] = {}
        """Per document, the serial whose name this process itself has flushed."""
        self.refusals_mended = False
        """Whether this process has made sure that no torn refusal is left."""
        self._seen: dict[str, tuple[bytes, Snapshot[Any]]] = {}

    def version_path(self, kind: DocumentKind[T], serial: int) -> Path:
        """Return the file of one version."""
        return self.home.versions(kind.name) / f"{serial:08d}.json"

    def serials(self, kind: DocumentKind[T]) -> list[int]:
        """Return the serials of a document's versions, lowest first."""
        folder = self.home.versions(kind.name)
        try:
            return serials_among(os.listdir(folder))  # noqa: PTH208 - a thousand paths for their names is slow
        except (FileNotFoundError, NotADirectoryError):
            return []

    def snapshot(self, kind: DocumentKind[T], raw: bytes, path: Path) -> Snapshot[T]:
        """Read a version strictly; bytes that were read before are not read again.

        Raises:
            StateFileError: As `read_document`.
        """
        seen = self._seen.get(kind.name)
        if seen is not None and seen[0] == raw:
            return seen[1]
        return read_document(
            kind,
            raw,
            path=path,
            schemas=self.schemas,
            environment=self.environment,
            upgrades=self.upgrades,
        )

    def remember(self, kind: DocumentKind[T], raw: bytes, snapshot: Snapshot[T]) -> None:
        """Keep the newest version's bytes with what they say."""
        self._seen[kind.name] = (raw, snapshot)


def serials_among(names: Iterable[str]) -> list[int]:
    """Return the serials that file names stand for, lowest first; other names are nobody's."""
    numbers = (name[: -len(_ENDING)] for name in names if name.endswith(_ENDING) and name.isascii())
    return sorted(int(number) for number in numbers if len(number) >= _DIGITS and number.isdigit())


def bytes_or_none(path: Path) -> bytes | None:
    """Return a file's bytes, or None if there is no file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
