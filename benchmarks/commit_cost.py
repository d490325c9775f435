"""What a commit costs as the document grows, and how much of it is the schema check."""

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from benchmarks.homes import BenchApp, asset_name, bench_folder, make_home
from benchmarks.measure import Result, bounded, compare
from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE
from bot.storage.home import schema_source
from bot.storage.schema_check import SchemaCheck

_SIZES = (10, 50, 100, 200, 500, 1_000)
_AT = 200
_STEEPER = 1.5


class TimedCheck(SchemaCheck):
    """The product's schemas, with the time that looking at documents took."""

    def __init__(self) -> None:
        super().__init__(schema_source())
        self.spent_ms = 0.0

    def check(self, name: str, data: object, *, path: Path | None = None, raw: bytes = b"") -> None:
        """Check, and add up the time."""
        self.spent_ms += _ms(lambda: super(TimedCheck, self).check(name, data, path=path, raw=raw))


def measure(*, quick: bool = False) -> list[Result]:
    """Return cost and growth of a commit with full inline history, and the schema check's share.

    One coin changes in each commit, as by a command.
    Linear means: a byte more costs at most 1.5 times as much between the two largest documents as it
    does on average from the smallest to the largest.
    """
    sizes = (2, 4, 6) if quick else _SIZES
    at = sizes[1] if quick else _AT
    rounds = 2 if quick else 25
    with bench_folder() as folder:
        timed = TimedCheck()
        apps = {size: make_home(folder / str(size), assets=size, schemas=timed) for size in sizes}
        took_ms: dict[int, list[float]] = {size: [] for size in sizes}
        check_ms: dict[int, list[float]] = {size: [] for size in sizes}
        for turn in range(rounds + 1):
            for size, app in apps.items():
                timed.spent_ms = 0.0
                committed_ms = _ms(lambda app=app, turn=turn: _commit(app, turn))  # type: ignore[misc]  # bound now
                if turn:
                    took_ms[size].append(committed_ms)
                    check_ms[size].append(timed.spent_ms)
        sizes_kb = {size: app.home.managed_state.stat().st_size / 1_000 for size, app in apps.items()}
        for app in apps.values():
            app.close()
    costs_ms = {size: statistics.median(times) for size, times in took_ms.items()}
    checks_ms = {size: statistics.median(times) for size, times in check_ms.items()}
    return _results(costs_ms, checks_ms, sizes_kb, at)


def _results(
    costs_ms: dict[int, float], checks_ms: dict[int, float], sizes_kb: dict[int, float], at: int
) -> list[Result]:
    smallest, before, largest = min(costs_ms), sorted(costs_ms)[-2], max(costs_ms)

    def per_kb(low: int, high: int) -> float:
        return (costs_ms[high] - costs_ms[low]) / (sizes_kb[high] - sizes_kb[low])

    return [
        bounded(f"commit, {at} coins, {sizes_kb[at]:,.0f} kB", value=costs_ms[at], unit="ms", at_most=50),
        compare(
            f"commit, a kB more, {before} to {largest} coins",
            ours=per_kb(before, largest),
            theirs=per_kb(smallest, largest),
            unit="ms",
            against=f"a kB more on average, {smallest} to {largest} coins",
            times=_STEEPER,
        ),
        *(
            compare(
                f"schema check, {size} coins",
                ours=checks_ms[size],
                theirs=costs_ms[size],
                unit="ms",
                against="the whole commit",
                times=0.1,
            )
            for size in (at, largest)
        ),
    ]


def _commit(app: BenchApp, turn: int) -> None:
    with app.store.transaction() as work:
        now = work.current(MANAGED_STATE).content.managed_assets
        asset = asset_name(turn % len(now))
        entry = msgspec.structs.replace(now[asset], stop_loss=Decimal("91.5") + turn)
        changed = ManagedStateContent(managed_assets={**now, asset: entry})
        work.commit(MANAGED_STATE, changed, commands=(), events=())


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1_000
