"""What the store tells: findings of a check, alarms and the report of a recovery."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One result of a read-only check."""

    severity: Literal["ok", "warning", "error"]
    what: str
    path: str
    fix: str = ""


class AlarmCode(StrEnum):
    """What no crash explains: mended by a recovery, or found with the commands that have no row yet."""

    PUBLIC_FILE_REPLACED = "public_file_replaced"
    PUBLIC_FILE_MISSING = "public_file_missing"
    VERSION_RESTORED = "version_restored"
    UNBOOKED_SET_ASIDE = "unbooked_set_aside"
    UNBOOKED_NOT_KEPT = "unbooked_not_kept"


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should look at; nothing was lost."""

    code: AlarmCode
    document: str
    what: str
    path: Path
    kept_at: Path | None = None
    """Where the odd file was set aside."""
    changed: tuple[str, ...] | None = None
    """At which places it differed in content, the first ones; None where that is not the question."""


class RecoveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one recovery did; all empty when there was nothing to do."""

    alarms: tuple[Alarm, ...] = ()
    republished: tuple[str, ...] = ()
    temp_files_swept: int = 0
    audit_records_appended: int = 0
    audit_bytes_cut: int = 0
