"""Bring public files, versions and audit into agreement: at start and before every change.

Idempotent: killed anywhere, it may simply run again. It first examines (reads only) and stops for a
person where the copies contradict each other; only then it mends. The caller holds the state lock.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.kernel.clock import to_utc
from bot.storage.audit_log import Tail
from bot.storage.difference import changed_places
from bot.storage.documents import Snapshot
from bot.storage.examination import Examination, Examined, examine
from bot.storage.files.atomic_file import (
    commit_link,
    discard,
    flush_folder,
    publish_replace,
    sweep_temps,
    temp_files,
    unsure,
    write_temp,
)
from bot.storage.home import FILE_MODE, FROZEN_FILE_MODE
from bot.storage.reports import Alarm, AlarmCode, RecoveryReport
from bot.storage.store_context import StoreContext


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """The one true state after a recovery."""

    snapshots: Mapping[str, Snapshot[object]]
    tail: Tail
    report: RecoveryReport


def recover(context: StoreContext, *, all_needed: bool = True) -> Recovered:
    """Mend what a crash left, set aside what a hand changed, and return the truth.

    Raises:
        StateFileError: A document is missing or foreign.
        RecoveryNeedsOperatorError: Only a person can decide; nothing was written.
        StateUnsureError: The disk failed while mending.
    """
    found = examine(context, all_needed=all_needed)
    swept = sweep_temps(context.ops, [*found.leftovers, *temp_files(context.home.state)])
    alarms: list[Alarm] = []
    republished: list[str] = []
    for document in found.documents.values():
        if document.from_public:
            alarms.append(_restore_version(context, document))
        _make_name_durable(context, document)
        if document.public != document.raw:
            alarms.extend(_set_public_aside(context, found, document))
            publish_replace(context.ops, context.home.public(document.kind.name), document.raw, FILE_MODE)
            republished.append(document.kind.name)
        context.remember(document.kind, document.raw, document.snapshot)
    if found.unwritten and not republished:
        # Renamed and then killed: the audit must not tell what a power cut could still take back.
        flush_folder(context.ops, context.home.state)
    tail, appended, cut = context.audit.append_missing(found.unwritten, durable=found.durable)
    _mend_refusals(context)
    report = RecoveryReport(
        alarms=tuple(alarms),
        republished=tuple(republished),
        temp_files_swept=swept,
        audit_records_appended=appended,
        audit_bytes_cut=cut,
    )
    snapshots = {name: document.snapshot for name, document in found.documents.items()}
    return Recovered(snapshots=snapshots, tail=tail, report=report)


def _mend_refusals(context: StoreContext) -> None:
    """Cut a refusal or an order's line that a crash left torn; once per process: its own ones are whole."""
    if context.refusals_mended:
        return
    for log in (context.refusals, context.orders):
        tail = log.read_tail()
        if tail.size != tail.end:
            log.append_missing([], durable=tail.point)
    context.refusals_mended = True


def _make_name_durable(context: StoreContext, document: Examined) -> None:
    """Flush the versions' folder before anything is built on its newest name."""
    name = document.kind.name
    if context.durable.get(name) != document.serial:
        flush_folder(context.ops, context.home.versions(name))
        context.durable[name] = document.serial


def _restore_version(context: StoreContext, document: Examined) -> Alarm:
    """Make the newest version anew from the public file, which the audit has proven."""
    target = context.version_path(document.kind, document.serial)
    kept = None
    if document.damaged is not None:
        kept = _set_aside(context, document.damaged, f"{document.kind.name}-{document.damaged.name}")
        try:
            context.ops.unlink(document.damaged)
        except OSError as error:
            raise unsure(document.damaged, error) from error
    temp = write_temp(context.ops, target, document.raw, FROZEN_FILE_MODE)
    try:
        with contextlib.suppress(FileExistsError):
            commit_link(context.ops, temp, target)
    finally:
        discard(context.ops, temp)
    context.durable.pop(document.kind.name, None)
    return Alarm(
        code=AlarmCode.VERSION_RESTORED,
        document=document.kind.name,
        what=f"Version {document.serial} was damaged or gone and was restored from the public file.",
        path=target,
        kept_at=kept,
    )


def _set_public_aside(context: StoreContext, found: Examination, document: Examined) -> list[Alarm]:
    """Keep a public file that no crash explains; nothing is lost.

    A kill between commit and publication leaves the version before as the public file; then the
    audit does not have the newest one yet either.
    """
    path = context.home.public(document.kind.name)
    told = found.was_told(document)
    if document.public is None:
        if not told:
            return []
        what = "The public file was gone and was published again."
        return [Alarm(code=AlarmCode.PUBLIC_FILE_MISSING, document=document.kind.name, what=what, path=path)]
    before = context.version_path(document.kind, document.serial - 1)
    if not told and before.exists() and before.read_bytes() == document.public:
        return []
    kept = _set_aside(context, path, path.name)
    changed, where = changed_places(
        document.kind, context.version_path(document.kind, document.serial), edited=kept
    )
    return [
        Alarm(
            code=AlarmCode.PUBLIC_FILE_REPLACED,
            document=document.kind.name,
            what="The public file differed from the newest version, was set aside and published again:"
            f" {where}.",
            path=path,
            kept_at=kept,
            changed=changed,
        )
    ]


def _set_aside(context: StoreContext, path: Path, name: str) -> Path:
    """Give the file a name in the quarantine, durably; it keeps its own name until it is replaced."""
    stamp = to_utc(context.clock.now()).strftime("%Y%m%dT%H%M%S.%fZ")
    number = 0
    while True:
        kept = context.home.quarantine / f"{stamp}{f'-{number}' if number else ''}-{name}"
        try:
            context.ops.link(path, kept)
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise unsure(kept, error) from error
        flush_folder(context.ops, context.home.quarantine)
        return kept
