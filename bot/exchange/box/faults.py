"""Faults on order: scenarios wait in a queue and strike the requests that they match.

The most valuable one is `drop_after`: the order was executed, and the client never hears of it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, get_args

import msgspec

RequestAction = Literal["delay", "drop_before", "drop_after", "status_before", "status_after", "partial_fill"]
EventAction = Literal["event_missing", "event_twice", "event_late", "event_swapped", "disconnect"]
Action = RequestAction | EventAction
_EVENT_ACTIONS = frozenset(get_args(EventAction))


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests or events a scenario strikes; what is absent matches everything."""

    path: str | None = None
    """End of the path, for example `order` or `/api/v3/order`; a method of the WebSocket API."""
    method: str | None = None
    """`GET`, `POST`, `DELETE`, or `WS` for the WebSocket API."""
    event: str | None = None
    """An event's type such as `executionReport`, or a stream's name such as `solusdt@trade`."""
    nth: int = 1
    """The first match that is struck, counted from when the scenario was queued."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    Of requests: `delay` waits and then goes on; `drop_*` closes the connection before or after the
    request was executed; `status_*` answers with a status, body and headers of choice, before or
    after; `partial_fill` lets an order find others for a `share` of its quantity only.

    Of stream events: `event_missing` sends nothing, `event_twice` sends it two times, `event_late`
    after `seconds`, `event_swapped` after the next event of the connection; `disconnect` cuts the
    connections instead of sending it.
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
    share: Decimal = Decimal("0.5")
    """Of `partial_fill`, from 0 to 1."""

    @property
    def is_of_events(self) -> bool:
        """Say whether it strikes events, not requests."""
        return self.action in _EVENT_ACTIONS

    @property
    def is_before(self) -> bool:
        """Say whether the request is not executed at all."""
        return self.action in {"drop_before", "status_before"}

    @property
    def part(self) -> Decimal | None:
        """Return which part of an order may be filled; None for all."""
        return self.share if self.action == "partial_fill" else None

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
    """The queue; the oldest scenario that matches strikes, one per request or event."""

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

        def fits(scenario: Scenario) -> bool:
            match = scenario.match
            return (
                not scenario.is_of_events
                and match.method in {None, method}
                and match.event is None
                and _is_end(path, match.path)
            )

        return self._due(fits)

    def strike_event(self, event: str, stream: str) -> Scenario | None:
        """Return the scenario for an event of a stream, if one is due."""
        return self._due(lambda s: s.is_of_events and s.match.event in {None, event, stream})

    def _due(self, fits: Callable[[Scenario], bool]) -> Scenario | None:
        for entry in self.waiting:
            if not fits(entry.scenario):
                continue
            entry.seen += 1
            if entry.seen < entry.scenario.match.nth:
                continue
            entry.struck += 1
            if entry.struck >= entry.scenario.times:
                self.waiting.remove(entry)
            return entry.scenario
        return None


def _is_end(path: str, wanted: str | None) -> bool:
    return wanted is None or path == wanted or path.endswith("/" + wanted.lstrip("/"))
