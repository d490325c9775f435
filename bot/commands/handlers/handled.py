"""What a handler answers: figures for people, and the commit if there was one."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bot.storage.commit import CommitResult
from bot.storage.state_store import AppliedCommand

RingEntry = Callable[[Mapping[str, Any]], AppliedCommand]
"""Makes what the document remembers of the command, from the figures of its answer."""


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """A handler's yes; without `result` it was only tried out."""

    detail: Mapping[str, Any]
    result: CommitResult | None = None
