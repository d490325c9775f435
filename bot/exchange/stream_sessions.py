"""One connection's life: opened, confirmed by the exchange, ended. A new one is a new client.

Nothing is carried over from a session that was lost, so no half-told state of the client library can be.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from bot.exchange.ccxt_fields import Row
from bot.exchange.stream_reading import TERMINATED

MOST_IN_ONE = 200
"""Markets of one connection; ccxt takes no more."""
_ACCOUNT_TYPE = "spot"


class StreamLostError(Exception):
    """A session could not be opened, or has ended; it stays inside `bot/exchange`."""


class StreamSession(Protocol):
    """A subscription that is held open; `follows` is what it was made for."""

    follows: frozenset[str]

    async def open(self) -> None:
        """Return once the exchange has confirmed it.

        Raises:
            Exception: Whatever kept it from that.
        """
        ...

    async def ended(self) -> str:
        """Wait until it is lost and return why."""
        ...

    async def close(self) -> None:
        """Release its connections; also where it was never opened."""
        ...


class _Held:
    """Tasks that run as long as their connection does."""

    def __init__(self, client: Any, follows: frozenset[str]) -> None:
        self.follows = follows
        self._client = client
        self._holding: list[asyncio.Task[Any]] = []

    async def ended(self) -> str:
        """Wait until one of the tasks ends."""
        done, _ = await asyncio.wait(self._holding, return_when=asyncio.FIRST_COMPLETED)
        return _why(done)

    async def close(self) -> None:
        """End the tasks and the client."""
        for task in self._holding:
            task.cancel()
        await asyncio.gather(*self._holding, return_exceptions=True)
        await self._client.close()


class MarketSession(_Held):
    """The public trades of some markets."""

    def __init__(self, client: Any, follows: frozenset[str], symbols: Sequence[str]) -> None:
        """Prepare.

        Args:
            client: Of this session alone.
            follows: What was wished for.
            symbols: Those of them that the exchange lists.
        """
        super().__init__(client, follows)
        self._parts = [
            list(symbols[start : start + MOST_IN_ONE]) for start in range(0, len(symbols), MOST_IN_ONE)
        ]

    async def open(self) -> None:
        """Subscribe, in as many connections as it takes."""
        parts = self._parts
        self._holding = [
            asyncio.create_task(self._client.watch_trades_for_symbols(part)) for part in parts
        ] or [asyncio.create_task(asyncio.Event().wait())]
        for _ in parts:
            answer = asyncio.create_task(self._client.answers.get())
            done, _ = await asyncio.wait({answer, *self._holding}, return_when=asyncio.FIRST_COMPLETED)
            if answer not in done:
                answer.cancel()
                raise StreamLostError(_why(done))
            if answer.result():
                raise StreamLostError(answer.result())


class AccountSession(_Held):
    """The account's own events."""

    async def open(self) -> None:
        """Subscribe with a signature."""
        await self._client.authenticate({"type": _ACCOUNT_TYPE})
        socket = self._client.client(self._client.urls["api"]["ws"]["ws-api"][_ACCOUNT_TYPE])
        self._holding = [asyncio.ensure_future(_waited(socket.future("the end")))]


class Hearing:
    """Where a session's events go; one that cannot be borne, or that says so itself, ends the session."""

    def __init__(self, tell: Callable[[Row], None]) -> None:
        self._tell = tell
        self.client: Any = None

    def __call__(self, event: Row) -> None:
        """Hand an event on."""
        if event["e"] == TERMINATED:
            self._end(StreamLostError("the exchange ended the account's stream"))
            return
        try:
            self._tell(event)
        except StreamLostError as error:
            self._end(error)

    def _end(self, error: StreamLostError) -> None:
        for socket in list(self.client.clients.values()):
            socket.reject(error)


async def _waited(future: Any) -> Any:
    return await future


def _why(done: Collection[asyncio.Task[Any]] | Sequence[asyncio.Task[Any]]) -> str:
    for task in done:
        if task.cancelled():
            return "it was cancelled"
        error = task.exception()
        if error is not None:
            return str(error) or type(error).__name__
    return "it ended without a word"
