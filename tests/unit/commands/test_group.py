"""Which commands share a commit, and how many."""

import pytest

from bot.commands.group import (
    FACTS_MAX,
    GROUP_LEAST,
    GROUP_MAX,
    HOLD_AT_MOST_S,
    GroupSize,
    beginning,
    shares_a_commit,
)
from bot.commands.registry import SPECS, Document
from bot.lifecycle.commands import CommandType, NewCommand
from tests.fakes.command_group import command

PAUSE = CommandType.PAUSE_MANAGED_ASSET
REQUEST = CommandType.REQUEST_MANAGED_PROPOSAL
APPROVE = CommandType.APPROVE_MANAGED_PROPOSAL
RESTORE = CommandType.RESTORE_MANAGED_STATE


def some(*types: CommandType) -> list[NewCommand]:
    return [command(f"c-{number}", command_type, "SOL") for number, command_type in enumerate(types)]


@pytest.mark.parametrize(
    ("types", "together"),
    [
        ([PAUSE], 1),
        ([PAUSE, REQUEST, PAUSE], 3),
        ([PAUSE, REQUEST, RESTORE, PAUSE], 2),
        ([RESTORE, PAUSE], 1),
        ([PAUSE, APPROVE, PAUSE], 1),
        ([APPROVE, APPROVE, PAUSE], 2),
        ([APPROVE] * 20, FACTS_MAX),
        ([PAUSE] * (GROUP_MAX + 5), GROUP_MAX),
    ],
)
def test_a_group_is_the_beginning_of_what_waits_and_of_one_kind(
    types: list[CommandType], together: int
) -> None:
    commands = some(*types)
    assert list(beginning(commands)) == commands[:together]


def test_a_command_that_is_there_twice_ends_the_group_before_its_second_place() -> None:
    first, second = some(PAUSE, PAUSE)
    assert list(beginning([first, second, first])) == [first, second]


def test_a_smaller_group_is_a_shorter_beginning() -> None:
    commands = some(*[PAUSE] * 20)
    assert list(beginning(commands, most=7)) == commands[:7]
    assert len(beginning(some(*[APPROVE] * 20), most=2)) == 2


def test_only_commands_on_one_place_of_the_managed_state_share_a_commit() -> None:
    whole = {CommandType.RESTORE_MANAGED_STATE, CommandType.ADOPT_MANAGED_STATE}
    for spec in SPECS.values():
        alone = spec.document is not Document.MANAGED_STATE or spec.type in whole
        assert shares_a_commit(spec.type) is not alone


def test_a_commit_that_held_the_lock_too_long_halves_the_next_group_and_quick_ones_double_it() -> None:
    size = GroupSize()
    for expected in (50, GROUP_LEAST, GROUP_LEAST):
        size.was_held(HOLD_AT_MOST_S * 1.1)
        assert size.most == expected
    size.was_held(HOLD_AT_MOST_S * 0.9)
    assert size.most == GROUP_LEAST, "neither too long nor quick"
    for expected in (50, GROUP_MAX, GROUP_MAX):
        size.was_held(HOLD_AT_MOST_S * 0.1)
        assert size.most == expected
