"""The one typed confirmation: exact words, after the screen has shown what will happen (rule 5)."""

import sys
from collections.abc import Sequence

import click

from bot.cli.screen import Screen
from bot.kernel.errors import RefusedError, UsageError

DIGEST_SHOWN = 8
"""How many characters of a digest are shown, and are enough to name it."""


def can_ask(screen: Screen) -> bool:
    """Say whether a person sits at both ends of this call."""
    return sys.stdin.isatty() and screen.is_terminal and not screen.as_json


def confirmed(
    screen: Screen, expected: Sequence[str], given: str | None, *, purpose: str, alone: str, again: str = ""
) -> str:
    """Return the words that were typed, one of the expected ones to the letter.

    Args:
        screen: Asks on standard error.
        expected: What may be typed; the first is the one that is proposed.
        given: `--confirm`; None asks on a terminal.
        purpose: What the words do, for the question: `hand the coin over`.
        alone: What helps without a terminal.
        again: What helps after a slip; `alone` by default.

    Raises:
        UsageError: There is no terminal to ask on.
        RefusedError: `cancelled`: nothing was typed; `confirmation_wrong`: something else was.
    """
    if given is None:
        if not can_ask(screen):
            raise UsageError("This is typed by a person.", why="There is no terminal to ask on.", fix=alone)
        others = " (or another variant)" if len(expected) > 1 else ""
        given = str(
            click.prompt(
                f"Type {expected[0]}{others} to {purpose}, or nothing to leave",
                default="",
                show_default=False,
                err=True,
            )
        )
        if not given:
            raise RefusedError("Nothing was confirmed.", code="cancelled")
    if given not in expected:
        raise RefusedError(
            "The confirmation is wrong.",
            code="confirmation_wrong",
            why=f"Expected {' or '.join(expected)}, to the letter; got {given!r}.",
            fix=again or alone,
        )
    return given


def check_digest(given: str | None, actual: str, *, of: str, look: str) -> None:
    """Refuse words about other bytes than those that are there now.

    Raises:
        UsageError: No digest was given: nothing says what was read.
        RefusedError: `digest_mismatch`.
    """
    if given is None:
        raise UsageError(
            "Without a conversation --confirm needs --digest.",
            why="It says which bytes you read.",
            fix=f"{look} prints the digest's first {DIGEST_SHOWN} characters.",
        )
    if len(given) < DIGEST_SHOWN or not actual.startswith(given.lower()):
        raise RefusedError(
            f"The digest {given} is not that of {of}.",
            code="digest_mismatch",
            why=f"Expected the first {DIGEST_SHOWN} characters or more of the digest that you read.",
            fix=f"Read it again: {look}",
        )
