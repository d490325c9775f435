"""What reading, recovery and commit share: the home, the disk calls, the schemas, the logs."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bot.kernel.clock import Clock
from bot.storage.audit_log import AuditLog
from bot.storage.command_index import CommandIndex
from bot.storage.documents import ALL_KINDS, DocumentKind, Snapshot, T, read_document
from bot.storage.files.atomic_file import names_in
from bot.storage.files.file_ops import FileOps
from bot.storage.home import Home
from bot.storage.parts import VersionParts
from bot.storage.schema_check import SchemaCheck
from bot.storage.schema_upgrades import UPGRADES, Upgrades

_ENDING = ".json"
_DIGITS = 8
_NAME_LENGTH = _DIGITS + len(_ENDING)
_MORE_BYTES = 64 * 1024


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
        self.versions = {kind.name: home.versions(kind.name) for kind in ALL_KINDS}
        self.publics = {kind.name: home.public(kind.name) for kind in ALL_KINDS}
        self.durable: dict[str, int] = {}
        """Per document, the serial whose name this process itself has flushed."""
        self.refusals_mended = False
        """Whether this process has made sure that no torn refusal is left."""
        self.parts = {kind.name: VersionParts(kind) for kind in ALL_KINDS}
        self._seen: dict[str, tuple[bytes, Snapshot[Any]]] = {}

    def version_path(self, kind: DocumentKind[T], serial: int) -> Path:
        """Return the file of one version."""
        return self.versions[kind.name] / f"{serial:08d}{_ENDING}"

    def serials(self, kind: DocumentKind[T]) -> list[int]:
        """Return the serials of a document's versions, lowest first."""
        return serials_among(names_in(self.versions[kind.name]))

    def newest_serials(self, kind: DocumentKind[T]) -> list[int]:
        """Return the two highest of `serials`, or as many as there are."""
        return newest_among(names_in(self.versions[kind.name]))

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


def newest_among(names: Sequence[str]) -> list[int]:
    """Return the two highest of `serials_among`, without a close look at each of a thousand names."""
    # Only if no number is longer is the last name in the order of characters that of the highest one.
    if names and not serials_among(name for name in names if len(name) > _NAME_LENGTH):
        found = serials_among([max(names)])
        if found and f"{found[0] - 1:08d}{_ENDING}" in names:
            return [found[0] - 1, found[0]]
    return serials_among(names)[-2:]


def bytes_of(path: Path) -> bytes:
    """Return a file's bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1)
        while len(data) != size:  # it grew or was cut meanwhile
            more = os.read(descriptor, _MORE_BYTES)
            if not more:
                break
            data += more
        return data
    finally:
        os.close(descriptor)


def bytes_or_none(path: Path) -> bytes | None:
    """Return a file's bytes, or None if there is no file."""
    try:
        return bytes_of(path)
    except FileNotFoundError:
        return None
