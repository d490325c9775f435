"""What a command's exit code means; scripts rely on these numbers."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every `bot` command."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    INVALID_FILE = 3
    NOT_ALLOWED = 4
    REFUSED = 5
    STALE = 6
    UNAVAILABLE = 7
    PARTLY_OR_UNKNOWN = 8
    CHANGES_PENDING = 10
    LOCK_HELD = 11
    INTERRUPTED = 130
