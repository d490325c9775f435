"""A read-only look at every file of a home: `bot state check`."""

import itertools
import stat
from pathlib import Path
from typing import Any

from bot.kernel.errors import BotError, LockHeldError, StateFileError
from bot.storage.audit_log import AuditLog
from bot.storage.documents import ALL_KINDS, DocumentKind
from bot.storage.examination import examine
from bot.storage.files.atomic_file import temp_files
from bot.storage.files.locks import hold
from bot.storage.home import FILE_MODE, FOLDER_MODE, FROZEN_FILE_MODE, check_home
from bot.storage.reports import Finding
from bot.storage.retention import ALWAYS_KEPT
from bot.storage.store_context import StoreContext, bytes_or_none

_LOCK_TIMEOUT_S = 2.0
_RECOVER = "bot worker --once mends it; nothing was lost."


def check_home_files(context: StoreContext) -> list[Finding]:
    """Return what was found, errors first; changes nothing."""
    try:
        check_home(context.home)
        with hold(
            context.home.state_lock, clock=context.clock, what="state check", timeout_s=_LOCK_TIMEOUT_S
        ):
            findings = _look(context)
    except LockHeldError as error:
        busy = Finding(
            severity="warning",
            what=f"Checked while a process worked: {error.why}",
            path=str(context.home.root),
        )
        findings = [busy, *_look(context)]
    except BotError as error:
        findings = [_from_error(error, context.home.root)]
    order = {"error": 0, "warning": 1, "ok": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def _look(context: StoreContext) -> list[Finding]:
    findings = [finding for kind in ALL_KINDS for finding in _document(context, kind)]
    findings += _agreement(context)
    findings += [_chain(context.audit), _chain(context.refusals), _chain(context.orders)]
    folders = [context.home.state, *(context.home.versions(kind.name) for kind in ALL_KINDS)]
    for folder in folders:
        findings += [
            Finding(
                severity="warning", what="A temp file of an interrupted write.", path=str(path), fix=_RECOVER
            )
            for path in temp_files(folder)
        ]
        findings += _mode(folder, FOLDER_MODE)
    return findings


def _document(context: StoreContext, kind: DocumentKind[Any]) -> list[Finding]:
    serials = context.serials(kind)
    public_path = context.home.public(kind.name)
    findings: list[Finding] = []
    newest = b""
    for serial in serials:
        path = context.version_path(kind, serial)
        findings += _mode(path, FROZEN_FILE_MODE)
        try:
            newest = path.read_bytes()
            snapshot = context.snapshot(kind, newest, path)
            if snapshot.meta.serial != serial:
                raise StateFileError(
                    f"{path} is not what its name says.", why=f"It holds serial {snapshot.meta.serial}."
                )
        except (BotError, OSError) as error:
            findings.append(_from_error(error, path))
    whole_from = serials[-ALWAYS_KEPT] if len(serials) > ALWAYS_KEPT else 0  # older ones may be pruned
    gaps = [
        serial
        for serial, after in itertools.pairwise(serials)
        if after != serial + 1 and serial >= whole_from
    ]
    findings += [
        Finding(severity="warning", what=f"The version after {serial} is gone.", path=str(public_path.name))
        for serial in gaps
    ]
    public = bytes_or_none(public_path)
    if public is None:
        what = "The public file is not there."
        findings.append(Finding(severity="error", what=what, path=str(public_path), fix=_RECOVER))
        return findings
    try:
        context.snapshot(kind, public, public_path)
    except StateFileError as error:
        findings.append(_from_error(error, public_path))
    if public != newest:
        what = "The public file is not the newest version."
        findings.append(Finding(severity="error", what=what, path=str(public_path), fix=_RECOVER))
    findings += _mode(public_path, FILE_MODE)
    if not any(finding.severity == "error" for finding in findings):
        kept = f"{len(serials)} versions, all whole" if len(serials) > 1 else "1 version, whole"
        what = f"{kind.name}: serial {serials[-1]}, {kept}."
        findings.append(Finding(severity="ok", what=what, path=str(public_path)))
    return findings


def _agreement(context: StoreContext) -> list[Finding]:
    path = str(context.audit.path)
    try:
        found = examine(context)
    except (BotError, OSError) as error:
        return [_from_error(error, context.home.root)]
    if found.unwritten or found.tail.size != found.tail.end:
        what = f"The audit lacks {len(found.unwritten)} records that the documents hold, or its end is torn."
        return [Finding(severity="warning", what=what, path=path, fix=_RECOVER)]
    return [Finding(severity="ok", what="Documents and audit agree.", path=path)]


def _chain(log: AuditLog) -> Finding:
    result = log.verify()
    if result.is_whole:
        return Finding(
            severity="ok", what=f"{result.records} records, the chain is whole.", path=str(log.path)
        )
    return Finding(
        severity="error",
        what=f"Line {result.first_bad_line}: {result.reason}.",
        path=str(log.path),
        fix="bot audit verify; a torn end is cut by the next bot worker --once.",
    )


def _mode(path: Path, expected: int) -> list[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return [_from_error(error, path)]
    if mode == expected:
        return []
    what = f"Mode {mode:04o}, expected {expected:04o}."
    return [Finding(severity="warning", what=what, path=str(path), fix=f"chmod {expected:o} {path}")]


def _from_error(error: BotError | OSError, path: Path) -> Finding:
    if isinstance(error, BotError):
        return Finding(severity="error", what=f"{error.what} {error.why}", path=str(path), fix=error.fix)
    return Finding(severity="error", what=f"Unreadable: {error.strerror or error}.", path=str(path))
