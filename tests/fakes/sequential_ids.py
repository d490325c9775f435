"""Ids that count, so that a test can name them; they pass `tests/contract/test_ids.py`."""

import threading


class SequentialIds:
    """Implements `bot.kernel.ids.IdSource`: `00000000-0000-4000-8000-000000000001`, then …2."""

    def __init__(self, first: int = 1) -> None:
        self._next = first
        self._lock = threading.Lock()

    def new_id(self) -> str:
        with self._lock:
            number = self._next
            self._next += 1
        return nth_id(number)


def nth_id(number: int) -> str:
    """Return the id that `SequentialIds()` gives as its `number`-th, counted from one."""
    return f"00000000-0000-4000-8000-{number:012d}"
