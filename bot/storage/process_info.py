"""Which process this is, and whether another one still lives.

A pid alone is no identity: it is used again. The start token (boot id and start tick) is.
"""

import datetime as dt
import os
import socket
from pathlib import Path

import msgspec


class WriterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote a document."""

    host: str
    pid: int
    process_started_at: dt.datetime
    version: str


def this_process(version: str) -> WriterInfo:
    """Describe the running process."""
    return WriterInfo(
        host=host_name(), pid=os.getpid(), process_started_at=process_started_at(os.getpid()), version=version
    )


def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def start_token(pid: int) -> str | None:
    """Return what tells this process from a later one with the same pid; None where there is none."""
    ticks = _start_ticks(pid)
    if ticks is None:
        return None
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{boot}:{ticks}"


def is_process_alive(pid: int, token: str | None) -> bool:
    """Say whether that very process still runs here; without a token any process of that pid counts."""
    now = start_token(pid)
    return now is not None and (token is None or token == now)


def process_started_at(pid: int) -> dt.datetime:
    """Return when a process started, to the second, for people; the epoch where nobody can tell."""
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    ticks = _start_ticks(pid)
    if ticks is None:
        return epoch
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return epoch
    boot_s = next((int(line.split()[1]) for line in lines if line.startswith("btime ")), 0)
    return epoch + dt.timedelta(seconds=boot_s + ticks // os.sysconf("SC_CLK_TCK"))


def _start_ticks(pid: int) -> int | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()  # the name in brackets may hold spaces
    if fields[0] == "Z":  # a zombie holds nothing any more
        return None
    return int(fields[19])
