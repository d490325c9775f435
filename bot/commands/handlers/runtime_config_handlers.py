"""Handlers of commands that change the applied settings or the users of a home (DR-1, DR-4, DR-6)."""

from bot.commands.handlers.handled import Handled, RingEntry
from bot.lifecycle.access_rules import change_users
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import (
    AddUser,
    ApplyRuntimeConfig,
    ClearRuntimeConfig,
    RemoveUser,
    SetUserRole,
)
from bot.lifecycle.roles import RoleBook
from bot.lifecycle.runtime_config import SettingsReviewer, change_settings
from bot.storage.documents import RUNTIME_CONFIG
from bot.storage.runtime_config_writer import write_runtime_config
from bot.storage.state_store import Transaction

RuntimePayload = ApplyRuntimeConfig | ClearRuntimeConfig | AddUser | SetUserRole | RemoveUser


def handle(
    transaction: Transaction,
    act: Act,
    payload: RuntimePayload,
    ring_entry: RingEntry | None,
    *,
    book: RoleBook,
    review: SettingsReviewer,
) -> Handled:
    """Decide one command on the applied settings as they are under the lock, and commit the answer.

    Args:
        transaction: Holds the lock.
        act: The command.
        payload: Its typed payload.
        ring_entry: What to remember of the command; None tries it out and writes nothing.
        book: Who may act now.
        review: Knows the table of settings and the files below the applied ones.

    Raises:
        RefusedError: The rule said no; nothing was written.
    """
    now = transaction.current(RUNTIME_CONFIG)
    if isinstance(payload, ApplyRuntimeConfig | ClearRuntimeConfig):
        change = change_settings(now.content, act, payload, serial=now.meta.serial, review=review)
    else:
        change = change_users(now.content, act, payload, book=book)
    if ring_entry is None:
        return Handled(detail=change.detail)
    result = write_runtime_config(
        transaction, change.content, commands=[ring_entry(change.detail)], events=change.events
    )
    return Handled(detail=change.detail, result=result)
