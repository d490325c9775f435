"""Keeps one stream alive: reconnects with growing pauses, replaces what is followed without a gap.

1. A lost session is told as a gap at once; the next try waits a little, longer after each that fails, and
   never as long as others wait, so that a thousand bots do not come back in the same second.
2. The pauses start anew only after a session that lived for a while: a server that takes connections and
   drops them again is not hammered.
3. What is followed changes by opening the new session first and closing the old one after it is confirmed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec

from bot.exchange.stream_sessions import StreamSession
from bot.exchange.streams import StreamHealth, StreamKind
from bot.kernel.clock import Clock

_OPENS_WITHIN_S = 15.0
_CLOSES_WITHIN_S = 2.0
_LIVED_S = 20.0
_WORDS_KEPT = 300


SessionMaker = Callable[[frozenset[str]], Awaitable[StreamSession]]


class Pauses(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before the next try."""

    first_s: float = 0.25
    growth: float = 2.0
    longest_s: float = 30.0


class StreamKeeper:
    """One stream; everything here runs in the event loop's thread, but `health` may be read from any."""

    def __init__(
        self,
        kind: StreamKind,
        make: SessionMaker,
        clock: Clock,
        *,
        on_live: Callable[[StreamKind], None],
        on_gap: Callable[[StreamKind, str], None],
        chance: Callable[[], float],
        pauses: Pauses = Pauses(),  # noqa: B008 - a frozen value
    ) -> None:
        """Begin with nothing to follow.

        Args:
            kind: Which stream.
            make: Builds a session that is not opened yet; may raise.
            clock: Dates what happens.
            on_live: Told after each confirmed subscription.
            on_gap: Told when a stream that was live is lost, or the first one does not open.
            chance: A number from 0 to 1 for each pause.
            pauses: Before each try.
        """
        self._kind = kind
        self._make = make
        self._clock = clock
        self._on_live = on_live
        self._on_gap = on_gap
        self._chance = chance
        self._pauses = pauses
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._session: StreamSession | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._live_at_s = 0.0
        self._tries = 0
        self.health = StreamHealth(kind=kind)

    def want(self, what: frozenset[str]) -> None:
        """Follow exactly this from soon on."""
        if what != self._wanted:
            self._wanted = what
            self._changed.set()

    def heard(self) -> None:
        """An event came."""
        self._tell(last_event_at=self._clock.now())

    def give_up(self, why: str) -> None:
        """Say that the stream is down for good."""
        self._gap(why)

    async def run(self) -> None:
        """Keep the stream alive until cancelled."""
        try:
            while True:
                self._changed.clear()
                if self._session is not None and not self._wanted:
                    self._drop()
                    self._tell(live_since=None, follows=0)
                elif self._wanted and (self._session is None or self._session.follows != self._wanted):
                    await self._open(self._wanted)
                else:
                    await self._news()
        finally:
            self._drop()
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open(self, wanted: frozenset[str]) -> None:
        fresh: StreamSession | None = None
        try:
            fresh = await self._make(wanted)
            async with asyncio.timeout(_OPENS_WITHIN_S):
                await fresh.open()
        except BaseException as error:
            if fresh is not None:
                self._close(fresh)
            if not isinstance(error, Exception):
                raise
            await self._failed(str(error) or type(error).__name__)
            return
        old, self._session = self._session, fresh
        self._live_at_s = self._clock.monotonic()
        self._tell(live_since=self._clock.now(), follows=len(wanted), trouble="")
        self._on_live(self._kind)
        if old is not None:
            self._close(old)

    async def _news(self) -> None:
        """Wait until the stream is lost or something else is wanted."""
        if self._session is None:
            await self._changed.wait()
            return
        ended = asyncio.ensure_future(self._session.ended())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({ended, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            if not ended.done():
                ended.cancel()
        if ended.done() and not ended.cancelled():
            await self._lost(ended.result())

    async def _lost(self, why: str) -> None:
        if self._clock.monotonic() - self._live_at_s >= _LIVED_S:
            self._tries = 0
        self._gap(why)
        self._drop()
        await self._pause()

    async def _failed(self, why: str) -> None:
        if self._session is None:
            if not self._tries:
                self._gap(why)
            self._tell(trouble=why[:_WORDS_KEPT])
            await self._pause()
            return
        # The old session goes on meanwhile; its end is not missed, whatever is tried beside it.
        self._tell(trouble=why[:_WORDS_KEPT])
        try:
            async with asyncio.timeout(self._next_pause_s()):
                why = await self._session.ended()
        except TimeoutError:
            return
        await self._lost(why)

    def _gap(self, why: str) -> None:
        self._tell(live_since=None, follows=0, gaps=self.health.gaps + 1, trouble=why[:_WORDS_KEPT])
        self._on_gap(self._kind, why[:_WORDS_KEPT])

    async def _pause(self) -> None:
        await asyncio.sleep(self._next_pause_s())

    def _next_pause_s(self) -> float:
        longest = min(self._pauses.first_s * self._pauses.growth**self._tries, self._pauses.longest_s)
        self._tries += 1
        return longest * (0.5 + self._chance() / 2)

    def _drop(self) -> None:
        old, self._session = self._session, None
        if old is not None:
            self._close(old)

    def _close(self, session: StreamSession) -> None:
        """Close a session beside everything else; a far side that does not answer holds nobody up."""
        task = asyncio.ensure_future(_closed(session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _tell(self, **changes: object) -> None:
        self.health = msgspec.structs.replace(self.health, **changes)


async def _closed(session: StreamSession) -> None:
    """Close a session, or give it up after a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSES_WITHIN_S):
            await session.close()
