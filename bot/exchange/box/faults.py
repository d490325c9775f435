"""Faults on order: scenarios wait in a queue and strike the requests that they match.

The most valuable one is `drop_after`: the order was executed, and the client never hears of it.
"""

from typing import Literal

import msgspec

Action = Literal["delay", "drop_before", "drop_after", "status_before", "status_after"]


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests a scenario strikes; what is absent matches everything."""

    path: str | None = None
    """End of the path, for example `order` or `/api/v3/order`."""
    method: str | None = None
    nth: int = 1
    """The first matching request that is struck, counted from when the scenario was queued."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    `delay` waits and then goes on; `drop_*` closes the connection before or after the request was
    executed; `status_*` answers with a status, body and headers of choice, before or after.
    """

    action: Action
    match: Match = Match()
    times: int = 1
    """How many matching requests are struck, one after another."""
    seconds: float = 0.0
    """How long to wait first; every action may wait."""
    status: int = 503
    code: int | None = None
    """Binance's error code for the body, with `message`; no JSON at all when absent."""
    message: str = ""
    body: str | None = None
    """The body, byte for byte, instead of code and message."""
    headers: dict[str, str] = {}

    @property
    def is_after(self) -> bool:
        """Say whether the request is executed first."""
        return self.action in {"drop_after", "status_after"}

    @property
    def is_drop(self) -> bool:
        """Say whether the connection is closed instead of an answer."""
        return self.action in {"drop_before", "drop_after"}

    def answer(self) -> bytes:
        """Return the body of a `status_*` answer."""
        if self.body is not None:
            return self.body.encode()
        if self.code is None:
            return b""
        return msgspec.json.encode({"code": self.code, "msg": self.message})


class Waiting(msgspec.Struct, kw_only=True):
    """A scenario in the queue with what it has seen."""

    number: int
    scenario: Scenario
    seen: int = 0
    struck: int = 0


class Faults:
    """The queue; the oldest scenario that matches strikes, one per request."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self._count = 0

    def add(self, scenario: Scenario) -> int:
        """Queue a scenario and return its number."""
        self._count += 1
        self.waiting.append(Waiting(number=self._count, scenario=scenario))
        return self._count

    def clear(self) -> None:
        """Forget all scenarios."""
        self.waiting.clear()

    def strike(self, method: str, path: str) -> Scenario | None:
        """Return the scenario for this request, if one is due."""
        if not self.waiting:
            return None
        for entry in self.waiting:
            match = entry.scenario.match
            if match.method not in {None, method} or not _is_end(path, match.path):
                continue
            entry.seen += 1
            if entry.seen < match.nth:
                continue
            entry.struck += 1
            if entry.struck >= entry.scenario.times:
                self.waiting.remove(entry)
            return entry.scenario
        return None


def _is_end(path: str, wanted: str | None) -> bool:
    return wanted is None or path == wanted or path.endswith("/" + wanted.lstrip("/"))
