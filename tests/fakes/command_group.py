"""A group of commands on a bare store: three are applied, one in their midst is refused."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from bot.commands.apply import CommandApplier
from bot.commands.registry import spec_of
from bot.kernel.canonical import digest
from bot.kernel.clock import Clock
from bot.lifecycle.commands import CommandOutcome, CommandType, NewCommand
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.roles import Role, User
from bot.storage.state_store import StateStore
from tests.fakes.fake_clock import START, FakeClock

GROUP = (
    ("group-sol", CommandType.REQUEST_MANAGED_PROPOSAL, "SOL"),
    ("group-eth", CommandType.REQUEST_MANAGED_PROPOSAL, "ETH"),
    ("group-no", CommandType.PAUSE_MANAGED_ASSET, "BTC"),
    ("group-doge", CommandType.REQUEST_MANAGED_PROPOSAL, "DOGE"),
)
APPLIED = ("group-sol", "group-eth", "group-doge")
REFUSED = "group-no"


def applier_on(store: StateStore, clock: Clock | None = None) -> CommandApplier:
    """Return an applier for one admin's commands, without an exchange."""
    return CommandApplier(
        store,
        clock=clock or FakeClock(),
        policy=lambda: LifecyclePolicy(environment="sandbox"),
        users=lambda: {"ann": User(role=Role.ADMIN, os_user="ann")},
        facts=None,
    )


def command(
    uid: str,
    command_type: CommandType,
    asset: str,
    payload: dict[str, Any] | None = None,
    *,
    made_at: dt.datetime = START,
    actor: str = "user_ann",
) -> NewCommand:
    """Return a command as the bus would hand it out."""
    words = payload if payload is not None else _WORDS.get(command_type, {})
    return NewCommand(
        uid=uid,
        type=command_type,
        asset=asset,
        priority=spec_of(command_type).priority,
        payload=words,
        actor=actor,
        idempotency_key=uid,
        request_hash=digest({"type": command_type.value, "asset": asset}),
        created_at=made_at,
    )


def the_group() -> list[NewCommand]:
    """Return the commands that the fault tests interrupt."""
    return [command(*each) for each in GROUP]


def apply_all(applier: CommandApplier, commands: Sequence[NewCommand]) -> list[CommandOutcome]:
    """Apply commands in as few groups as they need."""
    outcomes: list[CommandOutcome] = []
    while len(outcomes) < len(commands):
        outcomes += applier.apply_group(commands[len(outcomes) :])
    return outcomes


_WORDS: dict[CommandType, dict[str, Any]] = {
    CommandType.PAUSE_MANAGED_ASSET: {"exits": "on"},
    CommandType.RESUME_MANAGED_ASSET: {"reason": "go on"},
}
