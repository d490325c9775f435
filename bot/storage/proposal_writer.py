"""Writing proposals and what they were computed from: created once, never changed (DR-12)."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.kernel.canonical import digest_without
from bot.kernel.errors import StateFileError, StateWriteError, UsageError
from bot.kernel.ids import is_id
from bot.storage.files.atomic_file import create_once, flush_folder, sweep_dead_temps
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, encode, plain
from bot.storage.home import FROZEN_FILE_MODE, Home
from bot.storage.proposal_reader import PROPOSAL_SCHEMA, holds_input, input_path, proposal_path
from bot.storage.schema_check import SchemaCheck, product_schemas


def write_proposal(
    home: Home,
    proposal: Mapping[str, Any],
    *,
    file_ops: FileOps | None = None,
    schemas: SchemaCheck | None = None,
) -> str:
    """Create `risk_proposals/<proposal_id>.json` (0440); the same bytes there already are fine.

    Returns:
        The SHA-256 of the file's exact bytes. (Approvals name the document's own `digest`.)

    Raises:
        UsageError: The id cannot be a file name.
        StateFileError: `schema_invalid`: it does not fit its schema, or its digest is not its own.
        StorageError: Another document has this id.
        StateWriteError: The disk refused.
        StateUnsureError: The disk failed.
    """
    proposal_id = proposal.get("proposal_id")
    if not isinstance(proposal_id, str) or not is_id(proposal_id):
        raise UsageError(f"{proposal_id!r} cannot name a proposal.")
    path = proposal_path(home, proposal_id)
    try:
        document = plain(proposal)
        raw = encode(document)
    except NotStrictJsonError as error:
        raise _unfit(path, str(error)) from error
    try:
        (schemas or product_schemas()).check(PROPOSAL_SCHEMA, document, path=path, raw=raw)
    except StateFileError as error:
        raise _unfit(path, error.why) from error
    expected = digest_without(document, "digest")
    if document.get("digest") != expected:
        raise _unfit(path, f"Its digest says {document.get('digest')}, its content gives {expected}.")
    ops = file_ops or FileOps()
    sweep_dead_temps(ops, home.proposals)
    create_once(ops, path, raw, FROZEN_FILE_MODE)
    return hashlib.sha256(raw).hexdigest()


def write_input(home: Home, payload: bytes, *, file_ops: FileOps | None = None) -> str:
    """Keep what a proposal was computed from under the SHA-256 of its bytes; returns that.

    The same payload again changes nothing.

    Raises:
        StateWriteError: The disk refused, or kept something else under this name.
        StateUnsureError: The disk failed.
    """
    sha256 = hashlib.sha256(payload).hexdigest()
    path = input_path(home, sha256)
    if path.exists():
        if not holds_input(home, sha256):
            raise StateWriteError(
                f"{path} is damaged.", why="Its content does not give its name.", fix="Remove it."
            )
        flush_folder(file_ops or FileOps(), path.parent)  # seen is not durable: its maker may be at it still
        return sha256
    ops = file_ops or FileOps()
    sweep_dead_temps(ops, home.proposal_inputs)
    create_once(ops, path, gzip.compress(payload, mtime=0), FROZEN_FILE_MODE)
    return sha256


def _unfit(path: Path, why: str) -> StateFileError:
    return StateFileError(f"The proposal {path.stem} was not written.", code="schema_invalid", why=why)
