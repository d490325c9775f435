"""How the bot's own loops send commands: state first, the database's row when it answers.

A protective exit never waits for another process, nor for the database.
"""

import threading
from collections import deque

from bot.commands.apply import CommandApplier
from bot.commands.bus import CommandMaker, CommandQueue
from bot.kernel.errors import DatabaseUnavailableError
from bot.lifecycle.command_payloads import Payload
from bot.lifecycle.commands import CommandOutcome, CommandType, NewCommand


class CommandSender:
    """Makes, applies and books a command in one step; shared by threads."""

    def __init__(self, maker: CommandMaker, applier: CommandApplier, queue: CommandQueue) -> None:
        self._maker = maker
        self._applier = applier
        self._queue = queue
        self._unbooked: deque[tuple[NewCommand, CommandOutcome]] = deque()
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
        command = self._maker.make(command_type, asset, payload, actor=actor, uid=uid)
        outcome = self._applier.apply(command)
        self._unbooked.append((command, outcome))
        if book:
            self.book_waiting()
        return outcome

    def book_waiting(self) -> int:
        """Write the rows that the database has not taken yet; returns how many still wait."""
        with self._booking:
            while self._unbooked:
                command, outcome = self._unbooked[0]
                try:
                    self._queue.insert_finished(command, outcome)
                except DatabaseUnavailableError:
                    break  # the state holds the outcome; the row follows
                self._unbooked.popleft()
            return len(self._unbooked)
