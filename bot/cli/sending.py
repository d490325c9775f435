"""How a command is to be sent: waited for or not, only tried out, under which key."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click


class Sending(NamedTuple):
    """What the sending options of one call say."""

    wait: bool = True
    """Wait for the outcome; else only enqueue."""
    dry_run: bool = False
    """Run the same rules and change nothing."""
    key: str | None = None
    """The client's own idempotency key."""

    def part(self, name: str) -> "Sending":
        """Return the same for one of several commands that one call sends: each has a key of its own."""
        return self._replace(key=f"{self.key}-{name}" if self.key else None)


def sends(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--wait/--no-wait`, `--dry-run` and `--key`, as one `sending: Sending`."""

    @click.option(
        "--wait/--no-wait",
        default=True,
        show_default=True,
        help="Wait for the outcome, or only enqueue and print the command's id.",
    )
    @click.option("--dry-run", is_flag=True, help="Run the same rules and change nothing.")
    @click.option("--key", help="Idempotency key: the same key again gives the same answer.")
    @functools.wraps(function)
    def wrapped(*args: Any, wait: bool, dry_run: bool, key: str | None, **kwargs: Any) -> Any:
        return function(*args, sending=Sending(wait=wait, dry_run=dry_run, key=key), **kwargs)

    return wrapped
