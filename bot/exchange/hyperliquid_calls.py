"""Calls to Hyperliquid: facts are asked for, actions are signed and sent, each exactly once.

1. An action carries a number used once, its time in milliseconds, and lives ten seconds from it: what was
   delayed on the way is refused by the exchange, so "no such order" can be believed after a while.
2. Both times are the exchange's: its clock is measured before the first action.
3. No foreign exception leaves: a call ends with an answer, with `CallFailedError` for whom must tell
   failures apart, or with the contract's errors.
"""

import threading
from collections.abc import Callable
from typing import Any

from bot.exchange import hyperliquid_mapping as mapping
from bot.exchange.hyperliquid_client import HyperliquidClient
from bot.exchange.hyperliquid_errors import CallFailedError, Failure, failure_of, no_keys, read_error
from bot.kernel.clock import to_millis
from bot.kernel.errors import BotError

LIVES_MS = 10_000
_CLOCK = "The exchange's time could not be read."


class HyperliquidCalls:
    """Makes calls for one gateway."""

    def __init__(self, client: HyperliquidClient) -> None:
        self._client = client
        self._ahead_ms: int | None = None
        self._last_nonce = 0
        self._is_closed = False
        self._lock = threading.Lock()

    def info(self, what: str, kind: str, **fields: object) -> Any:
        """Ask for facts of one kind.

        Raises:
            ExchangeError: One of the contract's three, opening with `what`.
        """
        try:
            return self._once(self._client.public_post_info, {"type": kind, **fields})
        except CallFailedError as error:
            raise read_error(what, error.failure) from error.__cause__

    def user(self, what: str) -> str:
        """Return whose account is asked about.

        Raises:
            ExchangeRefusedError: `credentials_missing`.
        """
        if not self._client.walletAddress:
            raise no_keys(what)
        return str(self._client.walletAddress)

    def act(self, action: dict[str, object]) -> Any:
        """Sign an action for the testnet and send it, once.

        Raises:
            CallFailedError: No usable answer came.
            BotError: `action_not_allowed`, `host_not_allowed`; nothing was sent.
        """
        nonce = self._next_nonce()
        expires = nonce + LIVES_MS
        signature = self._client.sign_l1_action(action, nonce, None, expires)
        request = {"action": action, "nonce": nonce, "signature": signature, "expiresAfter": expires}
        return self._once(self._client.private_post_exchange, request)

    def measure_clock(self) -> None:
        """Measure how far this machine's clock is ahead of the exchange's, unless that is known.

        Raises:
            ExchangeError: One of the contract's three.
        """
        if self._ahead_ms is None:
            there = to_millis(mapping.server_time(self.info(_CLOCK, "exchangeStatus")))
            self._ahead_ms = self._client.milliseconds() - there

    def distrust_clock(self) -> None:
        """Have the clock measured again before the next action."""
        self._ahead_ms = None

    def close(self) -> None:
        """Release the connections; every later call fails."""
        self._is_closed = True
        self._client.close()

    def _next_nonce(self) -> int:
        with self._lock:
            now_ms = self._client.milliseconds() - (self._ahead_ms or 0)
            self._last_nonce = max(now_ms, self._last_nonce + 1)
            return self._last_nonce

    def _once(self, endpoint: Callable[[dict[str, object]], Any], request: dict[str, object]) -> Any:
        if self._is_closed:
            raise CallFailedError(Failure(status=None, text="this gateway was closed", no_answer=True))
        self._client.forget_answer()
        try:
            return endpoint(request)
        except BotError:
            raise
        except Exception as error:
            raise CallFailedError(failure_of(error, self._client.last_answer)) from error
