"""Where a log tells of a command: what was read of it once is not read again.

A log only grows, so what lies where stays there, and the index has just to read on. Other processes
append as well; therefore each look-up first catches up to the end of the file.
Rules: 1 it must never miss a record that is there: where a place turns out to be another record's, the
log itself is searched. 2 The index only says where to look; the record is read from the file each time,
its hash checked. 3 A log that was exchanged or cut is read anew: its last line that was read must still
stand where it stood, and the chain makes that line the only one that fits all before it.
"""

import contextlib
import datetime as dt
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bot.kernel.canonical import canonical_bytes
from bot.storage.log_search import (
    CLOCK_MAY_STEP,
    COMMAND_ID,
    newest_records_of,
    oldest_moment,
    whole_record,
)

_BLOCK_BYTES = 1024 * 1024
_LINE_BYTES = 4096
"""Most lines fit in."""
_KEPT_MOST = 200_000
"""Places kept in memory at most, some 40 MB; the older half goes, and is read again if it is asked for."""


class CommandIndex:
    """The commands of one log; usable from several threads."""

    def __init__(self, path: Path, *, block_bytes: int = _BLOCK_BYTES, keep_most: int = _KEPT_MOST) -> None:
        self._path = path
        self._block_bytes = block_bytes
        self._keep_most = keep_most
        self._one_at_a_time = threading.Lock()
        self._start_anew(None, 0)

    def newest_records_of(self, made_at: Mapping[str, dt.datetime]) -> dict[str, Mapping[str, Any]]:
        """Return the newest whole record of each of these commands that has one.

        Args:
            made_at: Command id to when it was made; records that are clearly older are not looked at.
        """
        if not made_at or not self._path.exists():
            return {}
        found: dict[str, Mapping[str, Any]] = {}
        doubtful: dict[str, dt.datetime] = {}
        with self._covering(min(made_at.values())) as descriptor:
            for uid, moment in made_at.items():
                place = self._places.get(canonical_bytes(uid))
                if place is None:
                    continue
                record = whole_record(_line_at(descriptor, place))
                if record is not None and record.get("command_id") == uid:
                    found[uid] = record
                else:
                    doubtful[uid] = moment
        return {**found, **newest_records_of(self._path, doubtful)}

    def read_on(self, since: dt.datetime) -> None:
        """Catch up with the log, as far back as a command that was made `since` needs it."""
        if self._path.exists():
            with self._covering(since):
                pass

    @contextlib.contextmanager
    def _covering(self, since: dt.datetime) -> Iterator[int]:
        """Have everything in `_places` that commands made since then can need; gives the open log."""
        with self._one_at_a_time, self._path.open("rb", buffering=0) as file:
            self._cover(file.fileno(), since - CLOCK_MAY_STEP)
            yield file.fileno()
            if len(self._places) > self._keep_most:
                self._drop_older_half()

    def _start_anew(self, identity: tuple[int, int] | None, end: int) -> None:
        self._identity = identity
        self._low = self._high = end
        """Whole lines from here to there are in `_places`: the newest of each command by its JSON text."""
        self._places: dict[bytes, int] = {}
        self._last_line = b""
        self._reaches: dt.datetime | None = None
        """The oldest time that a block began with; the log says nothing newer before `_low`."""

    def _cover(self, descriptor: int, oldest_wanted: dt.datetime) -> None:
        status = os.fstat(descriptor)
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity or not self._still_stands(descriptor):
            end = _end_of_lines(descriptor, status.st_size)
            self._start_anew(identity, end)
            self._last_line = _line_before(descriptor, end)
        self._read_forward(descriptor, status.st_size)
        while self._low and (self._reaches is None or self._reaches >= oldest_wanted):
            self._read_backward(descriptor)

    def _still_stands(self, descriptor: int) -> bool:
        """Say whether the log still has what was read, at its place."""
        size = len(self._last_line)
        return os.pread(descriptor, size, self._high - size) == self._last_line

    def _read_forward(self, descriptor: int, size: int) -> None:
        wanted = self._block_bytes
        while self._high < size:
            block = os.pread(descriptor, min(wanted, size - self._high), self._high)
            end = block.rfind(b"\n") + 1
            if end:
                self._places.update(_commands_in(block[:end], self._high))
                self._high += end
                last = block.rfind(b"\n", 0, end - 1) + 1
                self._last_line = block[last:end] if last else _line_before(descriptor, self._high)
            elif self._high + len(block) >= size:
                break  # somebody is still writing this line, or died while he was
            else:
                wanted *= 2

    def _read_backward(self, descriptor: int) -> None:
        wanted = self._block_bytes
        while True:
            start = max(0, self._low - wanted)
            block = os.pread(descriptor, self._low - start, start)
            first = 0 if start == 0 else block.find(b"\n") + 1
            if start == 0 or 0 < first < len(block):
                break
            wanted *= 2  # one line is longer than the block
        for command, place in _commands_in(block[first:], start + first).items():
            self._places.setdefault(command, place)
        self._low = start + first
        moment = oldest_moment(block[first:])
        if moment is not None:
            self._reaches = moment if self._reaches is None else min(self._reaches, moment)

    def _drop_older_half(self) -> None:
        in_order = sorted(self._places.values())
        self._low = in_order[len(in_order) // 2]
        self._places = {command: place for command, place in self._places.items() if place >= self._low}
        self._reaches = None


def _commands_in(block: bytes, at: int) -> dict[bytes, int]:
    """Return where in whole lines the newest record of each command stands; the lines begin at `at`."""
    found: dict[bytes, int] = {}
    for start, named in _named_by_line(block):
        if len(named) == 1:
            found[named[0]] = at + start
            continue
        own = _own_command(block[start : block.index(b"\n", start)])
        if own is not None:  # the others are only spoken of
            found[own] = at + start
    return found


def _named_by_line(block: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Yield where a line begins, with the commands that it names, for each line that names one."""
    begun, named = 0, list[bytes]()
    for match in COMMAND_ID.finditer(block):
        start = block.rfind(b"\n", 0, match.start()) + 1
        if start != begun and named:
            yield begun, named
            named = []
        begun = start
        named.append(match.group(1))
    if named:
        yield begun, named


def _own_command(line: bytes) -> bytes | None:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return None
    own = record.get("command_id") if isinstance(record, dict) else None
    return canonical_bytes(own) if isinstance(own, str) else None


def _line_at(descriptor: int, place: int) -> bytes:
    wanted = _LINE_BYTES
    while True:
        block = os.pread(descriptor, wanted, place)
        end = block.find(b"\n") + 1
        if end or len(block) < wanted:
            return block[:end]
        wanted *= 4


def _end_of_lines(descriptor: int, size: int) -> int:
    """Return where the last line that has its newline ends."""
    end = size
    while end > 0:
        start = max(0, end - _LINE_BYTES)
        last = os.pread(descriptor, end - start, start).rfind(b"\n")
        if last >= 0:
            return start + last + 1
        end = start
    return 0


def _line_before(descriptor: int, end: int) -> bytes:
    """Return the line that ends there."""
    wanted = _LINE_BYTES
    while True:
        start = max(0, end - wanted)
        block = os.pread(descriptor, end - start, start)
        first = block.rfind(b"\n", 0, -1) + 1
        if first or start == 0:
            return block[first:]
        wanted *= 4
