"""Calling the command line as a person or a script does: in this process, as a process, on a terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bot.cli.entry import run

REPOSITORY = Path(__file__).resolve().parents[2]
_LIMIT_S = 30
# A terminal of its own, so that Ctrl-C reaches the command as it reaches a person's.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Said(NamedTuple):
    """What a call printed, and its exit code."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Return standard output as the one JSON document that it must be."""
        return json.loads(self.out)


def call(home: Path, *words: str) -> Said:
    """Run one command in this process, without a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["--home", str(home), *words])
    return Said(int(code), out.getvalue(), err.getvalue())


def argv(home: Path, *words: str) -> list[str]:
    """Return the words that start a command as a process of its own."""
    return [sys.executable, "-m", "bot.main", "--home", str(home), *words]


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment with some variables set."""
    return {**os.environ, **more}


def call_process(home: Path, *words: str, **variables: str) -> Said:
    """Run one command as a process, without a terminal."""
    done = subprocess.run(
        argv(home, *words),
        cwd=REPOSITORY,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def call_terminal(
    home: Path,
    *words: str,
    columns: int = 100,
    types: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Said:
    """Run one command on a terminal; `types` is typed once it asks. Both streams come as `out`."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *argv(home, *words)[1:]],
        cwd=REPOSITORY,
        env=environment(TERM="xterm-256color", **(variables or {})),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    said = b""
    try:
        while select.select([master], [], [], _LIMIT_S)[0]:
            try:
                said += os.read(master, 65_536)
            except OSError:  # the other end is closed: the process is done
                break
            if types is not None and b"or nothing to leave" in said:
                select.select([], [], [], 0.2)  # the question is printed just before it is read for
                os.write(master, types.encode())
                types = None
        return Said(process.wait(timeout=_LIMIT_S), said.decode().replace("\r\n", "\n"), "")
    finally:
        process.kill()
        process.wait()
        os.close(master)
