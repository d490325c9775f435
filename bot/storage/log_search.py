"""Finding what a log says of one command, from its end backwards and only as far as it can matter.

A command is told after it was made, so the search ends at records that are older than it. A wall clock
may step back between the two; the search goes on for a day beyond, which costs a look at some bytes.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.kernel.canonical import canonical_bytes
from bot.kernel.clock import from_iso
from bot.storage.audit_chain import read_line
from bot.storage.files.json_codec import NotStrictJsonError

_BLOCK_BYTES = 64 * 1024
CLOCK_MAY_STEP = dt.timedelta(days=1)
"""A wall clock that steps back further than this between two commands is not reckoned with."""
COMMAND_ID = re.compile(rb'"command_id":("(?:[^"\\]|\\.)*")')


def newest_records_of(path: Path, made_at: Mapping[str, dt.datetime]) -> dict[str, Mapping[str, Any]]:
    """Return the newest whole record of each of these commands that has one; one walk for all of them.

    Args:
        path: An audit log or the refusals.
        made_at: Command id to when it was made; records that are clearly older are not looked at.
    """
    found: dict[str, Mapping[str, Any]] = {}
    if not made_at or not path.exists():
        return found
    wanted = {canonical_bytes(uid): uid for uid in made_at}
    oldest_wanted = min(made_at.values()) - CLOCK_MAY_STEP
    for lines in _blocks_backwards(path):
        is_named = not wanted.keys().isdisjoint(COMMAND_ID.findall(b"".join(lines)))
        for line in reversed(lines) if is_named else ():
            named = {wanted[word] for word in COMMAND_ID.findall(line) if word in wanted}
            record = whole_record(line) if named else None
            uid = None if record is None else record.get("command_id")
            if record is not None and uid in named:
                found.setdefault(str(uid), record)
        oldest = _oldest_among(lines)
        if len(found) == len(made_at) or (oldest is not None and oldest < oldest_wanted):
            return found
    return found


def oldest_moment(block: bytes) -> dt.datetime | None:
    """Return when the first whole record among these lines was written."""
    return _oldest_among(block.splitlines(keepends=True))


def _oldest_among(lines: Iterable[bytes]) -> dt.datetime | None:
    first = next((record for record in map(whole_record, lines) if record is not None), None)
    return None if first is None else from_iso(first["at"])


def whole_record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, or None where it is torn or damaged."""
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
