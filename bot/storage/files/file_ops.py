"""Every disk call that changes something, one method per system call.

Tests put a recording, failing or killing one in its place; so no other module may call the system
for these. `before` sees each call first.
"""

import os
from pathlib import Path


class FileOps:
    """The real calls; all raise `OSError` as the system does."""

    def before(self, operation: str, target: str) -> None:
        """See a call before it is made; a subclass may record, raise or end the process here."""

    def open_new(self, path: Path, mode: int) -> int:
        """Create a file that must not exist yet; returns its descriptor, open for writing."""
        self.before("open", str(path))
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write once; returns how many bytes were taken, which may be fewer."""
        self.before("write", str(descriptor))
        return os.write(descriptor, data)

    def change_mode(self, descriptor: int, mode: int) -> None:
        """Set the mode exactly, whatever the umask."""
        self.before("chmod", str(descriptor))
        os.fchmod(descriptor, mode)

    def fsync(self, descriptor: int) -> None:
        """Wait until the file's bytes are durable."""
        self.before("fsync", str(descriptor))
        os.fsync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file."""
        self.before("truncate", str(descriptor))
        os.ftruncate(descriptor, size)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back; it is gone even when this raises."""
        self.before("close", str(descriptor))
        os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Give the file a second name that must not exist yet."""
        self.before("link", str(target))
        os.link(source, target, follow_symlinks=False)

    def rename(self, source: Path, target: Path) -> None:
        """Put the file in the target's place at once."""
        self.before("rename", str(target))
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        self.before("unlink", str(path))
        path.unlink()

    def fsync_folder(self, folder: Path) -> None:
        """Wait until the folder's names are durable."""
        self.before("fsync_folder", str(folder))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def make_folders(self, folder: Path, mode: int) -> None:
        """Make a folder and its parents; one that exists keeps its mode."""
        self.before("mkdir", str(folder))
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=mode, exist_ok=True)
            folder.chmod(mode)
