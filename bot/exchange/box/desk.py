"""What REST and the WebSocket API share: from a route and its parameters to an answer.

Order of things: weight and limits, key, time, signature, the market up to now, the handler, the state
file. Whatever an answer says has been kept, and the streams are woken for it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bot.exchange.box.call import Call
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.route import Route, Security


class Desk:
    """Carries out requests on one exchange."""

    def __init__(self, exchange: Exchange, *, keep: Callable[[], None], wake: Callable[[], None]) -> None:
        self.exchange = exchange
        self._keep = keep
        self._wake = wake

    def carry_out(
        self,
        route: Route,
        params: Mapping[str, str],
        *,
        check_sender: Callable[[int], None],
        share: Decimal | None = None,
    ) -> Any:
        """Return what the route answers.

        Args:
            route: The endpoint.
            params: Its parameters as text.
            check_sender: Called with wall time for signed endpoints; raises for a stranger.
            share: A fault: which part of an order finds somebody to trade with.

        Raises:
            ApiError: When the exchange refuses.
        """
        exchange, now_ms = self.exchange, self.exchange.auth_clock.now_ms()
        exchange.rates.weigh(route.weight(params), now_ms)
        exchange.rates.check(route.new_orders, now_ms)
        if route.security is Security.SIGNED:
            check_sender(now_ms)
        before = exchange.matching.changes
        exchange.matching.taking.share = share
        try:
            call = Call(params=params, exchange=exchange, now_ms=exchange.sync())
            answer = route.handler(call)
        finally:
            exchange.matching.taking.share = None
            if exchange.matching.changes != before:
                self._keep()
                self._wake()
        exchange.rates.ordered(route.new_orders, now_ms)
        return answer
