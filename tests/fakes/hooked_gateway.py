"""A gateway that lets something happen right before or after one of its calls, once."""

from collections.abc import Callable
from typing import Any, cast

from bot.exchange.gateway import Gateway

Hook = Callable[[], object]


class Killed(BaseException):
    """The process ends here: nothing catches it, nothing after it runs."""


def kill() -> None:
    """End the process, as far as the code under test can tell."""
    raise Killed


class _Hooked:
    def __init__(self, gateway: Gateway, before: dict[str, Hook], after: dict[str, Hook]) -> None:
        self._gateway = gateway
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._before.pop(name, lambda: None)()
            answer = found(*arguments, **named)
            self._after.pop(name, lambda: None)()
            return answer

        return call


def hooked(
    gateway: Gateway, *, before: dict[str, Hook] | None = None, after: dict[str, Hook] | None = None
) -> Gateway:
    """Return the gateway with hooks by the name of the call; each one strikes once."""
    return cast("Gateway", _Hooked(gateway, before or {}, after or {}))
