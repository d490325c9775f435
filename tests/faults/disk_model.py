"""A disk that remembers what was promised, so that every picture a power cut may leave can be made.

`JournalOps` makes the real calls and notes them. `Disk` replays the notes and keeps apart what is
durable (flushed) and what only the running system sees. Two models of what a cut leaves behind:
ordered, where directory changes reach the disk in order and any flush takes all earlier ones along;
and weak, where any subset of the changes since the folder's own flush may be there. In both, a file
whose bytes were not flushed holds nothing new, half of it, zeros in its place, or all of it.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bot.storage.files.file_ops import FileOps

Model = Literal["ordered", "weak"]
Image = dict[str, tuple[bytes, int]]
"""What lies on the disk: path in the home to bytes and mode."""

FOLDERS = ("state", "state/audit", "state/quarantine", "backups")
_PENDING_MAX = 12


class PowerCut(BaseException):
    """The process ends here; nothing that it tries afterwards happens."""


@dataclass(frozen=True, slots=True)
class Note:
    """One call that changes what is on the disk, or makes it durable."""

    what: Literal["create", "link", "rename", "unlink", "data", "mode", "sync", "sync_folder"]
    path: str = ""
    source: str = ""
    inode: int = 0
    data: bytes = b""
    mode: int = 0


@dataclass(slots=True)
class Disk:
    """What is durable and what is only seen, after some notes."""

    names: dict[str, int]
    data: dict[int, bytes]
    modes: dict[int, int]
    model: Model
    seen_data: dict[int, bytes] = field(default_factory=dict)
    pending: list[Note] = field(default_factory=list)

    @classmethod
    def of(cls, image: Image, model: Model) -> "Disk":
        """Return a disk on which this image is durable; its files are inodes 1, 2, … in order."""
        numbers = {path: number for number, path in enumerate(sorted(image), start=1)}
        return cls(
            names=dict(numbers),
            data={number: image[path][0] for path, number in numbers.items()},
            modes={number: image[path][1] for path, number in numbers.items()},
            model=model,
        )

    def apply(self, note: Note) -> None:
        """Let one call happen."""
        match note.what:
            case "data":
                self.seen_data[note.inode] = note.data
            case "mode":
                self.modes[note.inode] = note.mode
            case "sync":
                self.data[note.inode] = self.seen_data.pop(note.inode, self.data.get(note.inode, b""))
                if self.model == "ordered":
                    self._settle(lambda _: True)
            case "sync_folder":
                everything = self.model == "ordered"
                self._settle(lambda change: everything or str(Path(change.path).parent) == note.path)
            case _:
                self.pending.append(note)

    def images(self) -> Iterator[Image]:
        """Yield everything that may be there after a cut now."""
        assert len(self.pending) <= _PENDING_MAX, "too many unflushed changes to enumerate"
        for changes in self._subsets():
            names = dict(self.names)
            for change in changes:
                _change(names, change)
            yield from self._with_data(names)

    def _settle(self, is_durable: Callable[[Note], bool]) -> None:
        for change in self.pending:
            if is_durable(change):
                _change(self.names, change)
        self.pending = [change for change in self.pending if not is_durable(change)]

    def _subsets(self) -> Iterator[Sequence[Note]]:
        if self.model == "ordered":
            yield from (self.pending[:count] for count in range(len(self.pending) + 1))
            return
        for count in range(len(self.pending) + 1):
            yield from itertools.combinations(self.pending, count)

    def _with_data(self, names: Mapping[str, int]) -> Iterator[Image]:
        # Nobody reads a temp file after a crash, so its bytes make no picture of their own.
        read = {inode for path, inode in names.items() if not path.endswith(".tmp")}
        loose = sorted(inode for inode in read if inode in self.seen_data)
        for choice in itertools.product(*(self._leftovers(inode) for inode in loose)):
            data = {**self.data, **self.seen_data, **dict(zip(loose, choice, strict=True))}
            yield {path: (data.get(inode, b""), self.modes[inode]) for path, inode in names.items()}

    def _leftovers(self, inode: int) -> list[bytes]:
        durable, seen = self.data.get(inode, b""), self.seen_data[inode]
        same = next((i for i, (a, b) in enumerate(zip(durable, seen, strict=False)) if a != b), None)
        same = min(len(durable), len(seen)) if same is None else same
        new = len(seen) - same
        found = [durable, seen[: same + new // 2], seen[:same] + bytes(new), seen]
        return list(dict.fromkeys(found))


def _change(names: dict[str, int], change: Note) -> None:
    if change.what == "unlink":
        names.pop(change.path, None)
        return
    if change.what == "rename":
        names.pop(change.source, None)
    names[change.path] = change.inode


def image_of(root: Path) -> Image:
    """Read the part of a home that the store writes."""
    folders = [root / name for name in FOLDERS]
    folders += [path for path in (root / "backups").iterdir() if path.is_dir()]
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode & 0o7777) for path in files}


def lay_out(image: Image, root: Path) -> None:
    """Make a home's written part exactly this image."""
    for name in image_of(root):
        if name not in image:
            (root / name).unlink()
    for name, (data, mode) in image.items():
        path = root / name
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(mode)


class JournalOps(FileOps):
    """The real calls on one home, each noted; may end the process before the n-th of them."""

    def __init__(self, root: Path) -> None:
        self.notes: list[Note] = []
        self.count = 0
        self.cut_at: int | None = None
        image = image_of(root)
        disk = Disk.of(image, "weak")
        self._root = root
        self._names = disk.names
        self._data = disk.data
        self._opened: dict[int, int] = {}
        self._last_inode = len(image)

    def before(self, operation: str, target: str) -> None:
        if self.cut_at is not None and self.count >= self.cut_at:
            if operation == "close":
                os.close(int(target))  # the machine's end closes it; the test's process lives on
            raise PowerCut
        self.count += 1

    def revive(self) -> None:
        """Let the machine run on: another process, the same unflushed caches."""
        self.cut_at = None
        self._opened.clear()

    def open_new(self, path: Path, mode: int) -> int:
        descriptor = super().open_new(path, mode)
        self._last_inode += 1
        self._opened[descriptor] = self._last_inode
        self._data[self._last_inode] = b""
        self._note(Note("mode", inode=self._last_inode, mode=mode))
        self._note(Note("create", self._relative(path), inode=self._last_inode))
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        taken = super().write(descriptor, data)
        inode = self._inode(descriptor)
        self._set_data(inode, self._data[inode] + bytes(data[:taken]))
        return taken

    def change_mode(self, descriptor: int, mode: int) -> None:
        super().change_mode(descriptor, mode)
        self._note(Note("mode", inode=self._inode(descriptor), mode=mode))

    def fsync(self, descriptor: int) -> None:
        super().fsync(descriptor)
        self._note(Note("sync", inode=self._inode(descriptor)))

    def truncate(self, descriptor: int, size: int) -> None:
        super().truncate(descriptor, size)
        inode = self._inode(descriptor)
        self._set_data(inode, self._data[inode][:size])

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self._opened.pop(descriptor, None)

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        self._note(Note("link", self._relative(target), inode=self._names[self._relative(source)]))

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        old = self._relative(source)
        self._note(Note("rename", self._relative(target), old, inode=self._names[old]))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._note(Note("unlink", self._relative(path)))

    def fsync_folder(self, folder: Path) -> None:
        super().fsync_folder(folder)
        self._note(Note("sync_folder", self._relative(folder)))

    def _note(self, note: Note) -> None:
        self.notes.append(note)
        if note.what in {"create", "link", "rename", "unlink"}:
            _change(self._names, note)

    def _set_data(self, inode: int, data: bytes) -> None:
        self._data[inode] = data
        self._note(Note("data", inode=inode, data=data))

    def _inode(self, descriptor: int) -> int:
        if descriptor in self._opened:
            return self._opened[descriptor]
        return self._names[self._relative(Path(f"/proc/self/fd/{descriptor}").readlink())]

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self._root))
