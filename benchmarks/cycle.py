"""How the trading loop's own time grows with the coins, in a steady cycle where nothing happens."""

import statistics
import time

from benchmarks.fleet import Fleet, fleet
from benchmarks.homes import bench_folder
from benchmarks.measure import Result, compare
from bot.app.clock import RandomIds, SystemClock

_FEW, _MANY = 100, 1_000
_TIMES = 12.0


def measure(*, quick: bool = False) -> list[Result]:
    """Hold a cycle over 1,000 coins against one over 100; the exchange answers at once, from memory.

    The regimes are read in cycles before, which are not measured: candles are asked for once a day.
    """
    few, many = (2, 20) if quick else (_FEW, _MANY)
    rounds = 2 if quick else 11
    with bench_folder() as folder:
        fleets = [
            fleet(folder / str(coins), coins, clock=SystemClock(), ids=RandomIds(), regime_reads=coins)
            for coins in (few, many)
        ]
        took: list[list[float]] = [[], []]
        for turn in range(rounds + 1):
            for times, one in zip(took, fleets, strict=True):
                spent = _cycle_ms(one)
                if turn:
                    times.append(spent)
        for one in fleets:
            one.app.close()
    small, large = (statistics.median(times) for times in took)
    return [
        compare(
            f"a steady cycle, {many:,} coins",
            ours=large,
            theirs=small,
            unit="ms",
            against=f"{few} coins",
            times=_TIMES,
        )
    ]


def _cycle_ms(one: Fleet) -> float:
    one.gateway.counted.clear()
    start = time.perf_counter()
    report = one.cycle()
    spent = (time.perf_counter() - start) * 1_000
    if report.steps or one.gateway.counted.total() != 2:  # noqa: PLR2004 - prices and balances, nothing else
        raise RuntimeError(f"not a steady cycle: {report.steps[:3]}, {dict(one.gateway.counted)}")
    return spent
