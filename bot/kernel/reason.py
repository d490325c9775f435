"""What one reason is."""

from typing import NamedTuple

from bot.kernel.exit_codes import ExitCode


class Reason(NamedTuple):
    """One row of the table of reasons."""

    sentence: str
    """Why the answer is no, as a plain sentence."""
    help: str
    """What the person can do next."""
    exit_code: ExitCode
