"""One call through ccxt: made once, its failure described once, the exchange's clock kept in mind.

1. Signed calls carry the exchange's time; it is measured before the first one and again after the
   exchange called a timestamp wrong. Only calls that change nothing twice are then repeated, once.
2. No foreign exception leaves, of whatever kind, since a request may have been sent: a call ends
   with an answer, with `CallFailedError` for whom must tell failures apart, or with the contract's
   errors.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from bot.exchange import ccxt_mapping as mapping
from bot.exchange.ccxt_client import CheckedBinance
from bot.exchange.ccxt_errors import Failure, failure_of, read_error
from bot.exchange.error_taxonomy import POLICIES, OnRead
from bot.kernel.clock import to_millis
from bot.kernel.errors import BotError

Endpoint = Callable[..., Any]
"""One of ccxt's endpoint methods, such as `client.public_get_time`."""

_NOTHING: Mapping[str, object] = {}


class CallFailedError(Exception):
    """A call failed and the failure says how; it stays inside `bot/exchange`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class CcxtCalls:
    """Makes calls for one gateway."""

    def __init__(self, client: CheckedBinance) -> None:
        self._client = client
        self._clock_is_measured = False
        self._is_closed = False
        self._lock = threading.Lock()

    def read(self, what: str, endpoint: Endpoint, request: Mapping[str, object] = _NOTHING) -> Any:
        """Make a public call.

        Raises:
            ExchangeError: One of the contract's three, opening with `what`.
        """
        try:
            return self.once(endpoint, request)
        except CallFailedError as error:
            raise read_error(what, error.failure) from error.__cause__

    def read_signed(self, what: str, endpoint: Endpoint, request: Mapping[str, object] = _NOTHING) -> Any:
        """Make a signed call that may be repeated.

        Raises:
            ExchangeError: One of the contract's three, opening with `what`.
        """
        try:
            return self.repeatable(endpoint, request)
        except CallFailedError as error:
            raise read_error(what, error.failure) from error.__cause__

    def repeatable(self, endpoint: Endpoint, request: Mapping[str, object]) -> Any:
        """Make a signed call; after "wrong clock" measure the clock again and repeat it once.

        Raises:
            CallFailedError: The call failed.
        """
        self.measure_clock()
        try:
            return self.once(endpoint, request)
        except CallFailedError as error:
            if POLICIES[error.failure.category].read is not OnRead.REMEASURE:
                raise
        self.distrust_clock()
        self.measure_clock()
        return self.once(endpoint, request)

    def once(self, endpoint: Endpoint, request: Mapping[str, object]) -> Any:
        """Make a call exactly once.

        Raises:
            CallFailedError: The call failed.
            BotError: `host_not_allowed`; nothing was sent.
        """
        if self._is_closed:
            raise CallFailedError(
                Failure(status=None, code=None, text="this gateway was closed", no_answer=True)
            )
        self._client.forget_answer()
        try:
            return endpoint(dict(request))
        except BotError:
            raise
        except Exception as error:
            raise CallFailedError(failure_of(error, self._client.last_answer)) from error

    def measure_clock(self) -> None:
        """Measure how far this machine's clock is from the exchange's, unless that is known."""
        with self._lock:
            if self._clock_is_measured:
                return
            answer = self.read("The exchange's time could not be read.", self._client.public_get_time)
            ahead_ms = self._client.milliseconds() - to_millis(mapping.server_time(answer))
            self._client.options["timeDifference"] = ahead_ms
            self._clock_is_measured = True

    def clock_ahead_ms(self) -> int:
        """Measure anew how far this machine's clock is ahead."""
        self.distrust_clock()
        self.measure_clock()
        return int(self._client.options["timeDifference"])

    def distrust_clock(self) -> None:
        """Have the clock measured again before the next signed call."""
        self._clock_is_measured = False

    def close(self) -> None:
        """Release the connections; every later call fails."""
        self._is_closed = True
        self._client.close()
