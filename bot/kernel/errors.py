"""One tree of errors. Each is four lines to a person: what, why, what was not changed, what to do.

A subclass names its default reason code; the sentence, the help and the exit code come from
`bot.kernel.reasons`. Foreign exceptions are mapped once at the border, `raise ... from cause`.
"""

from typing import ClassVar

from bot.kernel.exit_codes import ExitCode
from bot.kernel.reasons import reason_for


class BotError(Exception):
    """Something failed in a way that this program knows how to explain."""

    default_code: ClassVar[str] = "unexpected"

    def __init__(
        self,
        what: str,
        *,
        code: str | None = None,
        why: str | None = None,
        unchanged: str = "Nothing was changed.",
        fix: str | None = None,
    ) -> None:
        """Build the four lines.

        Args:
            what: What failed, naming the thing, as one sentence without the code.
            code: Reason code; the class's own by default.
            why: Why, with found and expected values; the code's sentence by default.
            unchanged: What was not changed.
            fix: What to do; the code's help by default.
        """
        super().__init__(what)
        self.code = code or self.default_code
        row = reason_for(self.code)
        self.what = what
        self.why = why or row.sentence
        self.unchanged = unchanged
        self.fix = fix or row.help

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code that the reason maps to."""
        return reason_for(self.code).exit_code

    def __str__(self) -> str:
        """Return what and why on one line, with the code."""
        return f"{self.what} [{self.code}]: {self.why}"


class RefusedError(BotError):
    """A rule said no; the state is as it was."""

    default_code = "transition_not_allowed"


class UsageError(BotError):
    """What was typed or sent cannot be understood."""

    default_code = "usage"


class SettingsError(BotError):
    """A setting is unknown or has an impossible value."""

    default_code = "setting_invalid"


class StorageError(BotError):
    """A file or the database could not be read or written."""

    default_code = "state_file_invalid"


class StateFileError(StorageError):
    """A state file is damaged, foreign or of an unknown version: it is refused, never guessed."""

    default_code = "state_file_invalid"


class StateWriteError(StorageError):
    """The new state could not be written; the old one stands."""

    default_code = "state_write_failed"


class StateUnsureError(StorageError):
    """A disk flush failed: nobody may go on as if the write were kept."""

    default_code = "state_unsure"


class StateConflictError(StorageError):
    """Another writer committed the same serial first; look again and repeat."""

    default_code = "state_changed"


class RecoveryNeedsOperatorError(StorageError):
    """The copies contradict each other; only a person can decide."""

    default_code = "recovery_needs_operator"


class LockHeldError(StorageError):
    """Another process holds the lock; the message names it."""

    default_code = "lock_held"


class DatabaseUnavailableError(StorageError):
    """The commands database did not answer; state files are not affected."""

    default_code = "database_unavailable"


class AuditError(StorageError):
    """The audit log's chain does not hold."""

    default_code = "audit_invalid"


class ExchangeError(BotError):
    """The exchange could not be used."""

    default_code = "exchange_unavailable"
    category: str = ""
    """Its row in the exchange layer's table of failures, where the gateway named one."""


class ExchangeUnavailableError(ExchangeError):
    """No answer, a rate limit or maintenance: trying later may help."""

    default_code = "exchange_unavailable"


class ExchangeRefusedError(ExchangeError):
    """The exchange refused: keys, clock or symbol; trying again does not help."""

    default_code = "exchange_refused"


class ExchangeAnswerError(ExchangeError):
    """The answer cannot be right, so it was not used."""

    default_code = "exchange_answer_invalid"


class StopRuleBrokenError(BotError):
    """A stop rule (SR-11 to SR-15) forbids the act, which ends there."""

    default_code = "stop_rule_broken"

    def __init__(self, rule: str, what: str, *, why: str) -> None:
        """Name the rule with what would have broken it."""
        super().__init__(what, why=f"{rule}: {why}")
        self.rule = rule
