"""A hundred commands that wait together, for a hundred coins, beside one command at a time."""

import statistics
import time

from benchmarks.homes import BenchApp, Toggle, asset_name, bench_folder, make_home, must_be_applied
from benchmarks.measure import Result, compare


def measure(*, quick: bool = False) -> list[Result]:
    """Return the rate of commands in a full queue; single ones take turns with the groups."""
    assets, rounds, singles = (5, 1, 2) if quick else (100, 12, 10)
    alone_s, together_s = [], []
    with bench_folder() as folder:
        app = make_home(folder / "home", assets=assets)
        app.worker.drain()
        toggle = Toggle(app)
        for turn in range(rounds):
            for number in range(singles):
                toggle.enqueue(asset_name((turn * singles + number) % assets))
                alone_s.append(_drained_in(app, 1))
            for number in range(assets):
                toggle.enqueue(asset_name(number))
            together_s.append(_drained_in(app, assets) / assets)
        app.close()
    return [
        compare(
            f"{assets} waiting commands for {assets} coins",
            ours=1 / statistics.median(together_s),
            theirs=1 / statistics.median(alone_s),
            unit="commands/s",
            against="the same commands one at a time",
            times=10.0,
            side="at least",
        )
    ]


def _drained_in(app: BenchApp, expected: int) -> float:
    """Return the seconds until nothing waits any more."""
    start = time.perf_counter()
    done = app.worker.drain()
    took_s = time.perf_counter() - start
    must_be_applied([item.outcome for item in done], expected)
    return took_s
