"""Request weight, order counts, and what happens to a client that passes a limit.

Everything is counted in fixed windows of wall time, as the exchange does; a limit of None counts and
never refuses. Who goes on asking after a 429 is banned with 418: two minutes at first, twice as long
each time, three days at most.
"""

from typing import Any

import msgspec

from bot.exchange.box import errors

MINUTE_MS, TEN_SECONDS_MS, DAY_MS = 60_000, 10_000, 86_400_000
REAL_WEIGHT, REAL_ORDERS_10S, REAL_ORDERS_DAY = 6_000, 100, 200_000
"""What the real exchange allows, and what `exchangeInfo` tells where nothing else is set."""
_PATIENCE = 10
"""How many refused requests in a minute end in a ban."""
_FIRST_BAN_MS, _LONGEST_BAN_MS = 120_000, 3 * DAY_MS


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may use; None: counted, never refused."""

    weight_per_minute: int | None = None
    orders_per_10s: int | None = None
    orders_per_day: int | None = None
    stream_messages_per_s: int | None = None
    """Messages that one market stream connection may send."""
    connections_per_5min: int | None = None
    """New WebSocket connections."""


REAL_LIMITS = Limits(
    weight_per_minute=REAL_WEIGHT,
    orders_per_10s=REAL_ORDERS_10S,
    orders_per_day=REAL_ORDERS_DAY,
    stream_messages_per_s=5,
    connections_per_5min=300,
)


class Meter:
    """Counts within fixed windows of wall time."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._window = -1
        self._count = 0

    def count(self, now_ms: int) -> int:
        """Return the count of the running window."""
        window = now_ms // self._window_ms
        if window != self._window:
            self._window, self._count = window, 0
        return self._count

    def add(self, amount: int, now_ms: int) -> int:
        """Count more and return the sum."""
        self._count = self.count(now_ms) + amount
        return self._count

    def rest_s(self, now_ms: int) -> int:
        """Return the whole seconds until the window ends, at least one."""
        return max(1, -(-(self._window_ms - now_ms % self._window_ms) // 1_000))


class RateLimits:
    """The counts of one client; REST and the WebSocket API share them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._weight = Meter(MINUTE_MS)
        self._orders_10s = Meter(TEN_SECONDS_MS)
        self._orders_day = Meter(DAY_MS)
        self._refused = Meter(MINUTE_MS)
        self._banned_until_ms = 0
        self._bans = 0

    def weigh(self, weight: int, now_ms: int) -> int:
        """Count a request's weight and return what is used in this minute."""
        return self._weight.add(weight, now_ms)

    def check(self, new_orders: int, now_ms: int) -> None:
        """Let a request pass that was weighed already.

        Raises:
            ApiError: 418 for a banned client; 429 above the weight or the order limits.
        """
        if now_ms < self._banned_until_ms:
            raise self._banned(now_ms)
        limit = self.limits.weight_per_minute
        if limit is not None and self._weight.count(now_ms) > limit:
            self._note_refusal(now_ms)
            raise errors.too_much_weight(limit, self._weight.rest_s(now_ms))
        for meter, most, window in (
            (self._orders_10s, self.limits.orders_per_10s, "10 SECOND"),
            (self._orders_day, self.limits.orders_per_day, "1 DAY"),
        ):
            if new_orders and most is not None and meter.count(now_ms) + new_orders > most:
                self._note_refusal(now_ms)
                raise errors.too_many_orders(most, window, meter.rest_s(now_ms))

    def ordered(self, new_orders: int, now_ms: int) -> None:
        """Count orders that were taken."""
        self._orders_10s.add(new_orders, now_ms)
        self._orders_day.add(new_orders, now_ms)

    def ban(self, seconds: int, now_ms: int) -> None:
        """Turn a client away until then."""
        self._banned_until_ms = now_ms + seconds * 1_000

    def weight_headers(self, now_ms: int) -> dict[str, str]:
        """Return what every answer says about the weight."""
        used = str(self._weight.count(now_ms))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def order_headers(self, now_ms: int) -> dict[str, str]:
        """Return what the answer to an order says about the counts."""
        return {
            "X-MBX-ORDER-COUNT-10S": str(self._orders_10s.count(now_ms)),
            "X-MBX-ORDER-COUNT-1D": str(self._orders_day.count(now_ms)),
        }

    def rows(self, now_ms: int, *, with_orders: bool) -> list[dict[str, Any]]:
        """Return the counts as the WebSocket API tells them."""
        rows = [
            {**row, "count": count}
            for row, count in zip(self.order_rules(), self._counts(now_ms), strict=True)
        ]
        weight = {**self.weight_rule(), "count": self._weight.count(now_ms)}
        return [*rows, weight] if with_orders else [weight]

    def order_counts(self, now_ms: int) -> list[dict[str, Any]]:
        """Return the counts of orders as `rateLimit/order` tells them."""
        return self.rows(now_ms, with_orders=True)[:-1]

    def rules(self) -> list[dict[str, Any]]:
        """Return the limits as `exchangeInfo` tells them."""
        raw = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000}
        return [self.weight_rule(), *self.order_rules(), raw]

    def weight_rule(self) -> dict[str, Any]:
        """Return the weight limit."""
        limit = self.limits.weight_per_minute or REAL_WEIGHT
        return {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limit}

    def order_rules(self) -> list[dict[str, Any]]:
        """Return the two order limits."""
        short = self.limits.orders_per_10s or REAL_ORDERS_10S
        day = self.limits.orders_per_day or REAL_ORDERS_DAY
        return [
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": short},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": day},
        ]

    def _counts(self, now_ms: int) -> tuple[int, int]:
        return self._orders_10s.count(now_ms), self._orders_day.count(now_ms)

    def _note_refusal(self, now_ms: int) -> None:
        if self._refused.add(1, now_ms) > _PATIENCE:
            self.ban(min(_FIRST_BAN_MS << self._bans, _LONGEST_BAN_MS) // 1_000, now_ms)
            self._bans = min(self._bans + 1, 16)
            raise self._banned(now_ms)

    def _banned(self, now_ms: int) -> errors.ApiError:
        rest_s = max(1, -(-(self._banned_until_ms - now_ms) // 1_000))
        return errors.banned(self._banned_until_ms, rest_s)
