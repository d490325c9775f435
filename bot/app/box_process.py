"""Serving the box from this process, and telling this home's other commands where it is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bot.app.clock import SystemClock
from bot.app.connection import BoxConnection, write_box
from bot.app.parent_watch import watch_parent
from bot.exchange.box.config import BoxConfig
from bot.exchange.box.limits import REAL_LIMITS, Limits
from bot.exchange.box.server import serve_forever
from bot.storage.home import Home


class _Announcer:
    """The stream that the box writes its first line to."""

    def __init__(self, heard: Callable[[BoxConnection], None]) -> None:
        self._heard = heard

    def write(self, line: str) -> int:
        if line.strip():
            self._heard(msgspec.json.decode(line, type=BoxConnection))
        return len(line)

    def flush(self) -> None:
        """Nothing is held back."""


def serve_box(
    home: Home,
    options: Mapping[str, Any],
    *,
    state_file: Path | None,
    announce: Callable[[BoxConnection], None],
    stop_with_parent: int | None = None,
    has_real_limits: bool = False,
) -> None:
    """Serve until stopped; in a home the exchange is kept there and its address is written down.

    Args:
        home: Where commands look for the box; may be no home at all.
        options: Fields of `BoxConfig`.
        state_file: Keeps the exchange over restarts; in a home `state/run/box_exchange.json` by default.
        announce: Told the address once it serves.
        stop_with_parent: The process that started this one; end when it is gone.
        has_real_limits: Refuse what the real exchange would refuse for being too much.
    """
    in_home = home.run.is_dir()
    if state_file is None and in_home:
        state_file = home.run / "box_exchange.json"
    limits = REAL_LIMITS if has_real_limits else Limits()
    config = BoxConfig(
        **options, limits=limits, state_file=str(state_file) if state_file is not None else None
    )

    def heard(address: BoxConnection) -> None:
        if in_home:
            write_box(home, address)
        announce(address)

    if stop_with_parent is not None:
        watch_parent(SystemClock(), stop_with_parent)
    serve_forever(config, _Announcer(heard))  # type: ignore[arg-type]  # it is written to, and no more
