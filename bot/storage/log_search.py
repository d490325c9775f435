"""Finding what a log says of one command, from its end backwards and only as far as it can matter.

A command is told after it was made, so the search ends at records that are older than it. A wall clock
may step back between the two; the search goes on for a day beyond, which costs a look at some bytes.
"""

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.kernel.canonical import canonical_bytes
from bot.kernel.clock import from_iso
from bot.storage.audit_chain import read_line
from bot.storage.files.json_codec import NotStrictJsonError

_BLOCK_BYTES = 64 * 1024
_CLOCK_MAY_STEP = dt.timedelta(days=1)


def newest_record_of(path: Path, command_id: str, *, since: dt.datetime) -> Mapping[str, Any] | None:
    """Return the newest whole record of a command, or None.

    Args:
        path: An audit log or the refusals.
        command_id: Whose record.
        since: When the command was made; records that are clearly older are not looked at.
    """
    if not path.exists():
        return None
    words = canonical_bytes({"command_id": command_id})[1:-1]
    for lines in _blocks_backwards(path):
        for line in reversed(lines):
            if words in line:
                record = _record(line)
                if record is not None and record.get("command_id") == command_id:
                    return record
        oldest = next((record for record in map(_record, lines) if record is not None), None)
        if oldest is not None and from_iso(oldest["at"]) < since - _CLOCK_MAY_STEP:
            return None
    return None


def _record(line: bytes) -> dict[str, Any] | None:
    if line.endswith(b"\n"):
        with contextlib.suppress(NotStrictJsonError):
            return read_line(line)
    return None


def _blocks_backwards(path: Path) -> Iterator[list[bytes]]:
    """Yield the file's lines in blocks, the last block first; inside a block they are in order."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        begun = b""  # the line whose beginning is in the block before
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            block = file.read(end - start) + begun
            first = 0 if start == 0 else block.find(b"\n") + 1
            if start == 0 or first:
                yield block[first:].splitlines(keepends=True)
            begun = block[:first] if first else block
            end = start
