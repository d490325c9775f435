"""A stream that is lost comes back, with growing pauses; what is followed changes without a gap."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from bot.exchange.stream_keeper import Pauses, StreamKeeper
from bot.exchange.streams import StreamKind
from tests.fakes.fake_clock import FakeClock

PAUSES = Pauses(first_s=0.01, growth=2, longest_s=0.03)


class Session:
    """A `StreamSession` that a test ends."""

    def __init__(self, follows: frozenset[str], told: list[str], *, fails: bool) -> None:
        self.follows = follows
        self._told = told
        self._fails = fails
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def name(self) -> str:
        return "+".join(sorted(self.follows))

    async def open(self) -> None:
        if self._fails:
            raise OSError("refused")
        self._told.append(f"open {self.name}")

    async def ended(self) -> str:
        return await asyncio.shield(self.end)

    async def close(self) -> None:
        self._told.append(f"close {self.name}")


class World:
    """One keeper with everything that it did."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.sessions: list[Session] = []
        self.failing = 0
        self.tries = 0
        self.clock = FakeClock()
        self.keeper = StreamKeeper(
            StreamKind.MARKET,
            self._make,
            self.clock,
            on_live=lambda kind: self.told.append(f"live {kind}"),
            on_gap=lambda _kind, why: self.told.append(f"gap {why}"),
            chance=lambda: 1.0,
            pauses=PAUSES,
        )

    async def _make(self, wanted: frozenset[str]) -> Session:
        self.tries += 1
        fails = self.failing > 0
        self.failing -= 1
        session = Session(wanted, self.told, fails=fails)
        self.sessions.append(session)
        return session

    def is_live(self, sessions: int) -> bool:
        return len(self.sessions) == sessions and self.keeper.health.live_since is not None

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.001)


def played(play: Callable[[World], Coroutine[Any, Any, None]]) -> World:
    async def run() -> World:
        world = World()
        task = asyncio.create_task(world.keeper.run())
        try:
            await play(world)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return world

    return asyncio.run(run())


def test_nothing_is_opened_before_something_is_wanted() -> None:
    async def play(world: World) -> None:
        await asyncio.sleep(0.02)
        assert world.tries == 0

    played(play)


def test_a_lost_stream_is_told_at_once_and_opened_anew() -> None:
    async def play(world: World) -> None:
        world.keeper.want(frozenset("A"))
        await world.until(lambda: world.keeper.health.live_since is not None)
        world.sessions[0].end.set_result("cut")
        await world.until(functools.partial(world.is_live, 2))
        assert world.keeper.health.gaps == 1
        assert world.keeper.health.trouble == ""

    assert played(play).told == [
        "open A", "live market", "gap cut", "close A", "open A", "live market", "close A",
    ]  # fmt: skip


def test_a_stream_that_does_not_open_is_one_gap_however_often_it_is_tried() -> None:
    async def play(world: World) -> None:
        world.failing = 4
        world.keeper.want(frozenset("A"))
        await world.until(lambda: world.keeper.health.live_since is not None)

    world = played(play)
    assert world.tries == 5
    assert world.told.count("gap refused") == 1
    assert world.keeper.health.gaps == 1


def test_pauses_grow_until_a_session_has_lived_for_a_while() -> None:
    async def play(world: World) -> None:
        world.keeper.want(frozenset("A"))
        for number in range(3):  # taken and dropped again
            await world.until(functools.partial(world.is_live, number + 1))
            world.sessions[number].end.set_result("dropped")
            await world.until(lambda: world.keeper.health.live_since is None)
        await world.until(functools.partial(world.is_live, 4))
        assert world.keeper._next_pause_s() == PAUSES.longest_s
        world.clock.advance(60)
        world.sessions[3].end.set_result("after a while")
        await world.until(lambda: len(world.sessions) == 5)
        assert world.keeper._next_pause_s() == PAUSES.first_s * PAUSES.growth

    played(play)


def test_what_is_followed_changes_without_a_gap() -> None:
    async def play(world: World) -> None:
        world.keeper.want(frozenset("A"))
        await world.until(lambda: world.keeper.health.live_since is not None)
        world.keeper.want(frozenset("AB"))
        await world.until(lambda: world.keeper.health.follows == 2)
        world.keeper.want(frozenset())
        await world.until(lambda: world.keeper.health.live_since is None)
        assert world.keeper.health.gaps == 0

    assert played(play).told == [
        "open A", "live market", "open A+B", "live market", "close A", "close A+B",
    ]  # fmt: skip


def test_the_old_stream_goes_on_while_the_new_one_does_not_open_and_its_end_is_seen() -> None:
    async def play(world: World) -> None:
        world.keeper.want(frozenset("A"))
        await world.until(lambda: world.keeper.health.live_since is not None)
        world.failing = 1_000_000
        world.keeper.want(frozenset("AB"))
        await world.until(lambda: world.keeper.health.trouble == "refused")
        assert world.keeper.health.live_since is not None
        world.sessions[0].end.set_result("cut")
        await world.until(lambda: world.keeper.health.live_since is None)
        world.failing = 0
        await world.until(lambda: world.keeper.health.follows == 2)

    assert "gap cut" in played(play).told
