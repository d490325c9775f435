"""An error is four lines to a person and a code to a program."""

from collections.abc import Iterator

import pytest

from bot.kernel import errors
from bot.kernel.errors import BotError, RefusedError, StopRuleBrokenError
from bot.kernel.exit_codes import ExitCode
from bot.kernel.reasons import REASONS, reason_for


def kinds(base: type[BotError] = BotError) -> Iterator[type[BotError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


def test_an_error_says_what_why_what_was_not_changed_and_what_to_do() -> None:
    error = RefusedError("SOL cannot be released", code="pause_first")
    row = REASONS["pause_first"]
    assert (error.what, error.why, error.fix) == ("SOL cannot be released", row.sentence, row.help)
    assert error.unchanged == "Nothing was changed."
    assert error.exit_code is ExitCode.REFUSED
    assert str(error) == f"SOL cannot be released [pause_first]: {row.sentence}"


def test_what_is_known_better_replaces_the_tables_words() -> None:
    error = BotError("x", code="lock_held", why="Process 7 holds it.", fix="Stop 7.", unchanged="All stands.")
    assert (error.why, error.fix, error.unchanged) == ("Process 7 holds it.", "Stop 7.", "All stands.")
    assert error.exit_code is ExitCode.LOCK_HELD


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.__module__ == errors.__name__])
def test_every_kind_of_error_has_a_code_of_the_table(kind: type[BotError]) -> None:
    assert kind.default_code in REASONS
    assert kind.__doc__


def test_a_stop_rule_is_named() -> None:
    error = StopRuleBrokenError("SR-15", "SOL: a sale", why="Drift never sells.")
    assert (error.rule, error.code) == ("SR-15", "stop_rule_broken")
    assert error.why == "SR-15: Drift never sells."


def test_a_code_that_is_not_in_the_table_reads_as_a_defect() -> None:
    assert reason_for("made_up") is REASONS["unexpected"]
    assert BotError("x", code="made_up").exit_code is ExitCode.UNEXPECTED


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("usage", 2),
        ("state_file_invalid", 3),
        ("role_missing", 4),
        ("transition_not_allowed", 5),
        ("proposal_stale", 6),
        ("balance_unknown", 7),
        ("state_unsure", 8),
        ("lock_held", 11),
        ("unexpected", 1),
    ],
)
def test_scripts_rely_on_these_numbers(code: str, number: int) -> None:
    assert reason_for(code).exit_code == number
