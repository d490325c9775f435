"""Following a growing list until Ctrl-C: new lines as they come, JSON lines for programs."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bot.app.core import HomeContext
from bot.cli.screen import Screen

_LOOK_EVERY_S = 0.5


def follow(
    screen: Screen,
    home: HomeContext,
    newer: Callable[[], Iterable[Any]],
    *,
    schema: str,
    words: Callable[[Any], Sequence[object]],
) -> None:
    """Print what `newer` gives, again and again; it ends by an interruption only.

    Args:
        screen: Prints.
        home: Has the clock.
        newer: Returns what was not told before.
        schema: Of one JSON line.
        words: An item as the cells of a line.
    """
    while True:
        for item in newer():
            if screen.as_json:
                screen.document(schema, item, home, in_stream=True)
            else:
                screen.row(words(item))
        home.clock.sleep(_LOOK_EVERY_S)
