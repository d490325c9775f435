"""A guard that asks nothing while the exchange said to wait: a limit that is ignored becomes a ban.

1. After a rate limit or a ban with `Retry-After`, no read and no cancel leaves until that time is over; they
   end here as the same error, told as not sent. A ban that tells no time counts as one of a minute.
2. Under a ban no order leaves either: every request prolongs it, and none would be taken. Such a submit is
   rejected, which is certain, because nothing was sent. A mere limit on reads holds up no exit.
3. Time is measured on a clock that never steps. A new process knows of no ban: its first read learns of it.
"""

from collections.abc import Callable
from typing import TypeVar

from bot.exchange.error_taxonomy import Category, OnRead, policy_of
from bot.exchange.gateway import Gateway
from bot.exchange.guards import EveryCall
from bot.exchange.rate_limit import RateLimitedError
from bot.execution.orders import OrderRequest, Rejected, Submission
from bot.kernel.clock import Clock
from bot.risk.verdict import Approved

T = TypeVar("T")

BAN_S = 60.0
"""How long a ban counts that tells no time."""
LONGEST_S = 3_600.0
"""No answer silences the bot for longer: after this it asks once more."""


class Patience(EveryCall):
    """Holds calls back while the exchange asked for patience."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        super().__init__(gateway)
        self._clock = clock
        self._until_s = 0.0
        self._is_ban = False

    def submit(self, approved: Approved[OrderRequest]) -> Submission:
        """Send an approved order, once; under a ban not at all."""
        left_s = self._left_s()
        if self._is_ban and left_s > 0:
            return Rejected(
                client_order_id=approved.order.client_order_id,
                reason="rate_limited",
                text=f"not sent: the exchange has banned this address for another {left_s:.0f} s",
            )
        return super().submit(approved)

    def _read(self, call: Callable[[], T]) -> T:
        left_s = self._left_s()
        if left_s > 0:
            raise self._held(left_s)
        try:
            return call()
        except RateLimitedError as error:
            self._learn(error)
            raise

    def _cancel(self, call: Callable[[], T]) -> T:
        return self._read(call)

    def _left_s(self) -> float:
        return self._until_s - self._clock.monotonic()

    def _learn(self, error: RateLimitedError) -> None:
        is_ban = policy_of(error).read is OnRead.HOLD
        told_s = error.retry_after_s
        wait_s = (BAN_S if is_ban else 0.0) if told_s is None else min(told_s, LONGEST_S)
        until_s = self._clock.monotonic() + wait_s
        if until_s >= self._until_s:
            self._until_s, self._is_ban = until_s, is_ban

    def _held(self, left_s: float) -> RateLimitedError:
        error = RateLimitedError(
            "The exchange was not asked.",
            why=f"It asked for patience for another {left_s:.0f} s"
            f"{', by a ban of this address' if self._is_ban else ''}.",
            retry_after_s=left_s,
        )
        error.category = (Category.BANNED if self._is_ban else Category.RATE_LIMIT).value
        return error
