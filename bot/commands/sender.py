"""How a command is applied here and now: state first, the database's row when it answers.

A protective exit never waits for another process, nor for the database. So that no row is lost with the
process, the command is kept in a small file before it is applied: two flushes beside the six of the
commit, and then no order of kills leaves an applied command without what its row is made of. A disk that
does not take that file is told and stops nothing: the row then lives in memory alone.
"""

import threading
from collections.abc import Callable

import msgspec

from bot.commands.apply import CommandApplier
from bot.commands.bus import CommandMaker, CommandQueue
from bot.kernel.errors import BotError, DatabaseUnavailableError, RefusedError, StorageError
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandType, NewCommand
from bot.storage.reports import Alarm, AlarmCode
from bot.storage.unbooked import UnbookedSpool


class CommandSender:
    """Makes, applies and books a command in one step; shared by threads."""

    def __init__(
        self,
        maker: CommandMaker,
        applier: CommandApplier,
        queue: CommandQueue,
        *,
        spool: UnbookedSpool,
        on_alarm: Callable[[Alarm], None],
    ) -> None:
        self._maker = maker
        self._applier = applier
        self._queue = queue
        self._spool = spool
        self._on_alarm = on_alarm
        self._in_hand: set[str] = set()
        self._unbooked: dict[str, tuple[NewCommand, CommandOutcome | None]] = {}
        self._told_on_disk: set[str] = set()
        self._booking = threading.Lock()

    def send(
        self,
        command_type: CommandType,
        asset: str,
        payload: Payload,
        *,
        actor: str,
        uid: str | None = None,
        book: bool = True,
    ) -> CommandOutcome:
        """Apply a command of the bot or the system now and return its outcome.

        Args:
            command_type: What to do.
            asset: For which asset.
            payload: Its words.
            actor: `bot` or `system`.
            uid: The command's id, where something was derived from it before.
            book: Write its row now; False where an order must not wait for a database.

        Raises:
            StorageError: The state could not be written; nothing was done.
        """
        outcome = self._apply(self._maker.make(command_type, asset, payload, actor=actor, uid=uid))
        if book:
            self.book_waiting()
        return outcome

    def apply_past_database(self, command: NewCommand) -> CommandOutcome:
        """Apply a command that the database did not take; its row follows from whichever process is next.

        Raises:
            StorageError: The state could not be written; nothing was done.
        """
        outcome = self._apply(command)
        with self._booking:
            self._tell_outcomes_to_disk()
        return outcome

    def database_answers(self) -> bool:
        """Say whether the database can be read now; what raises risk asks this first, an exit never does."""
        try:
            self._queue.queued(limit=1)
        except DatabaseUnavailableError:
            return False
        return True

    def book_waiting(self) -> int:
        """Write the rows that the database has not taken yet; returns how many still wait.

        Those of processes that were killed are among them.
        """
        with self._booking:
            self._take_from_disk()
            for uid, (command, known) in list(self._unbooked.items()):
                try:
                    outcome = known or self._outcome_of(command)
                except BotError:
                    continue  # the state cannot be asked now; the next time it can
                try:
                    if outcome is not None:
                        self._queue.insert_finished(command, outcome)
                except DatabaseUnavailableError:
                    self._tell_outcomes_to_disk()
                    break  # the state holds the outcome; the row follows
                except RefusedError as error:
                    self._on_alarm(self._spool.set_aside(uid, f"{error.what} {error.why}"))
                self._unbooked.pop(uid)
                self._told_on_disk.discard(uid)
                self._spool.remove(uid)
            return len(self._unbooked)

    def _apply(self, command: NewCommand) -> CommandOutcome:
        self._in_hand.add(command.uid)
        try:
            self._keep(command, None)
            outcome = self._applier.apply(command)
            self._unbooked[command.uid] = (command, outcome)
        finally:
            # After an error its file stays: the next booking asks the state what came of it.
            self._in_hand.discard(command.uid)
        return outcome

    def _take_from_disk(self) -> None:
        entries, alarms = self._spool.read(but={*self._in_hand, *self._unbooked})
        for alarm in alarms:
            self._on_alarm(alarm)
        for entry in entries:
            uid = entry.command.uid
            # Applied by another thread since the folder was read, or about to be: that one's own.
            if not (entry.is_in_other_hands or uid in self._in_hand or uid in self._unbooked):
                self._unbooked[uid] = (entry.command, entry.outcome)
                if entry.outcome is not None:
                    self._told_on_disk.add(uid)

    def _outcome_of(self, command: NewCommand) -> CommandOutcome | None:
        """Return what became of a command whose process was killed; None if it never came to the state."""
        found = self._applier.stored_outcome(command)
        if found is None:
            return None
        detail = {name: value for name, value in found.detail.items() if name != "repeated"}
        return msgspec.structs.replace(found, detail=detail)

    def _tell_outcomes_to_disk(self) -> None:
        """Put what only this process knows beside its commands; once each."""
        for uid, (command, outcome) in list(self._unbooked.items()):
            if outcome is not None and uid not in self._told_on_disk:
                self._keep(command, outcome)
                self._told_on_disk.add(uid)

    def _keep(self, command: NewCommand, outcome: CommandOutcome | None) -> None:
        try:
            self._spool.keep(command, outcome)
        except StorageError as error:  # an exit goes on: state and audit hold it all the same
            self._on_alarm(
                Alarm(
                    code=AlarmCode.UNBOOKED_NOT_KEPT,
                    document="commands",
                    what=f"The row of command {command.uid} may be missing later: {error.what} {error.why}",
                    path=self._spool.folder,
                )
            )
