"""The home: the folder in which everything lies, and whether it is a safe place for it.

`state/`, `risk_proposals/` and `backups/` hold the data; `schemas/` is a copy for editors. State and
backups must lie on one local file system with hard links, because a commit is a link.
"""

import os
import secrets
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bot.kernel.errors import BotError, StateFileError
from bot.storage.files.atomic_file import create_once
from bot.storage.files.file_ops import FileOps

FOLDER_MODE = 0o700
FILE_MODE = 0o600
FROZEN_FILE_MODE = 0o440

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ocfs2"),
        *("gfs2", "beegfs", "orangefs", "davfs", "ncpfs", "coda"),
        *("fuse.sshfs", "fuse.s3fs", "fuse.glusterfs", "fuse.davfs2"),
    }
)


@dataclass(frozen=True)
class Home:
    """All paths of one home; nothing here touches the disk. Those of every command are kept, once made."""

    root: Path

    @cached_property
    def state(self) -> Path:
        """Return the folder of the public state files."""
        return self.root / "state"

    @property
    def managed_state(self) -> Path:
        """Return the public managed state file."""
        return self.state / "managed_state.json"

    @property
    def baseline_holdings(self) -> Path:
        """Return the public baseline file."""
        return self.state / "baseline_holdings.json"

    @cached_property
    def runtime_config(self) -> Path:
        """Return the public file of applied settings."""
        return self.state / "runtime_config.json"

    @property
    def positions(self) -> Path:
        """Return the public positions file."""
        return self.state / "positions.json"

    @cached_property
    def locks(self) -> Path:
        """Return the folder of lock files."""
        return self.state / "locks"

    @cached_property
    def state_lock(self) -> Path:
        """Return the lock file beside the state; it is never replaced."""
        return self.locks / "state.lock"

    @cached_property
    def audit_log(self) -> Path:
        """Return the chain of events."""
        return self.state / "audit" / "audit.jsonl"

    @property
    def refusals_log(self) -> Path:
        """Return the chain of refused commands."""
        return self.state / "audit" / "refusals.jsonl"

    @property
    def orders_log(self) -> Path:
        """Return the chain of what happened to orders."""
        return self.state / "audit" / "orders.jsonl"

    @property
    def quarantine(self) -> Path:
        """Return the folder for files that were set aside."""
        return self.state / "quarantine"

    @property
    def run(self) -> Path:
        """Return the folder of the pid file, the heartbeat and the box's address."""
        return self.state / "run"

    @property
    def unbooked(self) -> Path:
        """Return the folder of commands whose row the database has not taken yet; made when needed."""
        return self.run / "unbooked"

    @property
    def pid_file(self) -> Path:
        """Return the pid file of the one `run` or `worker` per home."""
        return self.run / "bot.pid"

    @property
    def heartbeat(self) -> Path:
        """Return the heartbeat file."""
        return self.run / "heartbeat.json"

    @property
    def box(self) -> Path:
        """Return the file in which a running box says where it listens."""
        return self.run / "box.json"

    @property
    def circuit(self) -> Path:
        """Return the file in which the circuit breaker's state outlives its process."""
        return self.run / "circuit.json"

    @property
    def sql(self) -> Path:
        """Return the commands database of the embedded engine; its folder holds nothing else."""
        return self.state / "sql" / "commands.db"

    @property
    def proposals(self) -> Path:
        """Return the folder of proposal files."""
        return self.root / "risk_proposals"

    @property
    def proposal_inputs(self) -> Path:
        """Return the folder of what proposals were computed from."""
        return self.proposals / "inputs"

    @property
    def attic(self) -> Path:
        """Return the folder for proposals that nothing refers to any more."""
        return self.proposals / "attic"

    @cached_property
    def backups(self) -> Path:
        """Return the folder of all versions."""
        return self.root / "backups"

    @property
    def schemas(self) -> Path:
        """Return the copy of the JSON schemas that editors resolve `$schema` to."""
        return self.root / "schemas"

    @property
    def settings_file(self) -> Path:
        """Return the settings file."""
        return self.root / "bot.toml"

    def versions(self, kind_name: str) -> Path:
        """Return the folder of a document's versions: the truth."""
        return self.backups / kind_name

    def public(self, kind_name: str) -> Path:
        """Return a document's public file, which everyone reads."""
        return self.state / f"{kind_name}.json"

    def folders(self) -> tuple[Path, ...]:
        """Return every folder of the home, parents first."""
        kinds = ("managed_state", "baseline_holdings", "runtime_config", "positions")
        return (
            self.state,
            self.locks,
            self.audit_log.parent,
            self.quarantine,
            self.run,
            self.sql.parent,
            self.proposals,
            self.proposal_inputs,
            self.attic,
            self.backups,
            *(self.versions(kind) for kind in kinds),
            self.schemas,
            self.schemas / "commands",
        )


def schema_source() -> Path:
    """Return the folder of the JSON schemas: the repository's, or the wheel's copy of it.

    Raises:
        StateFileError: When the installation has none.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_schemas", package.parent / "schemas"):
        if folder.is_dir():
            return folder
    raise StateFileError(
        f"The JSON schemas are missing beside {package}.",
        fix="The installation is damaged: install it again.",
    )


def create_home(root: Path, *, file_ops: FileOps | None = None) -> Home:
    """Make the folders of a home (0700) and put the schemas into it; what exists stays.

    Raises:
        BotError: `folder_unsafe`, before anything is written into an unsafe place.
    """
    ops = file_ops or FileOps()
    home = Home(root.resolve())
    ops.make_folders(home.root, FOLDER_MODE)
    _check_place(home.root)
    for folder in home.folders():
        ops.make_folders(folder, FOLDER_MODE)
    source = schema_source()
    for schema in sorted(source.rglob("*.json")):
        target = home.schemas / schema.relative_to(source)
        ops.make_folders(target.parent, FOLDER_MODE)
        _copy_schema(ops, schema, target)
    check_home(home)
    return home


def check_home(home: Home, *, probe: bool = True, mounts: Path = _MOUNTS) -> None:
    """Say by an error why state could not be kept safely in this home.

    Args:
        home: The home.
        probe: Try a hard link too, which writes; without it, looking on works on a read-only disk.
        mounts: The kernel's table of mounts.

    Raises:
        BotError: `home_missing`, or `folder_unsafe` (world-writable or sticky folder, network file
            system, state and backups on two file systems, no hard links).
    """
    missing = [folder for folder in (home.state, home.backups, home.locks) if not folder.is_dir()]
    if missing:
        raise BotError(
            f"{home.root} is not a home.", code="home_missing", why=f"The folder {missing[0]} is not there."
        )
    for folder in (home.root, home.state, home.locks, home.backups):
        _check_place(folder, mounts)
    if home.state.stat().st_dev != home.backups.stat().st_dev:
        raise _unsafe(
            home.backups, "state/ and backups/ lie on two file systems; a commit is a link between."
        )
    if probe:
        _check_hard_links(home)


def file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the type of the file system that holds the folder, empty where the kernel does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    path = str(folder.resolve())
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split()[4].encode().decode("unicode_escape")  # the kernel writes a space as \040
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), right.split()[0]
    return kind


def _check_place(folder: Path, mounts: Path = _MOUNTS) -> None:
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH:
        raise _unsafe(folder, f"Everyone may write there (mode {stat.S_IMODE(mode):04o}); expected 0700.")
    if mode & stat.S_ISVTX:
        raise _unsafe(folder, f"The folder is sticky (mode {stat.S_IMODE(mode):04o}); expected 0700.")
    kind = file_system_of(folder, mounts)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise _unsafe(folder, f"It lies on a network file system ({kind}), where locks do not hold.")


def _check_hard_links(home: Home) -> None:
    """Try a link from state to backups, as a commit does between two names."""
    source = home.state / f".link-probe.{os.getpid()}.{secrets.token_hex(4)}"
    target = home.backups / source.name
    try:
        os.close(os.open(source, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
        target.unlink(missing_ok=True)
        os.link(source, target)
    except OSError as error:
        raise _unsafe(home.backups, f"Hard links do not work there: {error.strerror}.") from error
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def _copy_schema(ops: FileOps, source: Path, target: Path) -> None:
    """Put the schema there, replacing an older release's copy."""
    data = source.read_bytes()
    if target.exists() and target.read_bytes() != data:
        ops.unlink(target)
    create_once(ops, target, data, FILE_MODE)


def _unsafe(folder: Path, why: str) -> BotError:
    return BotError(f"State cannot be kept safely in {folder}.", code="folder_unsafe", why=why)
