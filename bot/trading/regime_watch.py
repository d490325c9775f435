"""The regime of each managed coin, read once after each daily close, a few coins per cycle.

The only reading of the loop that is made coin by coin: at most `reads_per_cycle` requests in a cycle,
whatever the number of coins, and none between two closes. What was not read yet has no verdict.
"""

import datetime as dt
from collections.abc import Callable, Mapping

from bot.commands.proposal_facts import DAILY_BARS
from bot.exchange.gateway import MarketData
from bot.holdings.drift import RegimeSeen
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.proposals.facts import closed_candles
from bot.proposals.policy import RegimePolicy
from bot.proposals.regime import RegimeDetector, RuleRegimeDetector

_RETRY_S = 300.0
_DAY = dt.timedelta(days=1)


class RegimeWatch:
    """Remembers what it read; a new process reads again, a few coins per cycle."""

    def __init__(
        self,
        market: MarketData,
        *,
        clock: Clock,
        quote: str,
        reads_per_cycle: Callable[[], int],
        detector: RegimeDetector | None = None,
    ) -> None:
        self._market = market
        self._clock = clock
        self._quote = quote
        self._reads_per_cycle = reads_per_cycle
        self._policy = RegimePolicy()
        self._detector = detector or RuleRegimeDetector(self._policy)
        self._seen: dict[str, RegimeSeen] = {}
        self._retry_at: dict[str, float] = {}

    def seen(self, asset: str) -> RegimeSeen | None:
        """Return the regime at the last close that was read, or None."""
        return self._seen.get(asset)

    def look(self, now_at_market: Mapping[str, dt.datetime]) -> None:
        """Read what closed since the last reading, within the cycle's budget.

        Args:
            now_at_market: The coins that matter, with the market time of their ticker.
        """
        due = sorted(asset for asset, moment in now_at_market.items() if self._is_due(asset, moment))
        if not due:
            return
        # A process that lives for one cycle only (`bot run --once`) begins somewhere else each time.
        first = int(self._clock.now().timestamp()) % len(due)
        for asset in (due[first:] + due[:first])[: self._reads_per_cycle()]:
            self._retry_at[asset] = self._clock.monotonic() + _RETRY_S
            self._read(asset, now_at_market[asset])

    def _is_due(self, asset: str, moment: dt.datetime) -> bool:
        seen = self._seen.get(asset)
        if seen is not None and seen.bar_closed_at + _DAY > moment:
            return False
        return self._clock.monotonic() >= self._retry_at.get(asset, 0.0)

    def _read(self, asset: str, moment: dt.datetime) -> None:
        try:
            candles = self._market.candles(pair_of(asset, self._quote), "1d", limit=DAILY_BARS)
        except ExchangeError:
            return  # no answer is no verdict; asked again later
        closed = closed_candles(candles, "1d", moment)
        if len(closed) < self._policy.slow_bars:
            return
        regime = self._detector.detect(closed)
        self._seen[asset] = RegimeSeen(name=regime.name.value, bar_closed_at=closed[-1].opened_at + _DAY)
