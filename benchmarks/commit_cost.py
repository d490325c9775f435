"""What a commit costs as the document grows, and how much of it is the schema check."""

import statistics
import time
from collections.abc import Callable

from benchmarks.homes import BenchApp, bench_folder, content, make_home
from benchmarks.measure import Result, bounded, compare
from bot.lifecycle.documents import ManagedStateContent
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.json_codec import decode_strict
from bot.storage.schema_check import product_schemas

_SIZES = (10, 50, 100, 200, 500, 1_000)
_AT = 200
_STEEPER = 1.5


def measure(*, quick: bool = False) -> list[Result]:
    """Return cost and growth of a commit with full inline history, and the schema check's share.

    Linear means: a byte more costs at most 1.5 times as much between the two largest documents as it
    does on average from the smallest to the largest.
    """
    sizes = (2, 4, 6) if quick else _SIZES
    at = sizes[1] if quick else _AT
    rounds = 2 if quick else 25
    with bench_folder() as folder:
        apps = {size: make_home(folder / str(size), assets=size) for size in sizes}
        contents = {size: content(size) for size in sizes}
        took_ms: dict[int, list[float]] = {size: [] for size in sizes}
        check_ms: dict[int, list[float]] = {size: [] for size in sizes}
        for turn in range(rounds + 1):
            for size, app in apps.items():
                committed_ms = _ms(lambda app=app, size=size: _commit(app, contents[size]))  # type: ignore[misc]  # bound now
                checked_ms = _check_ms(app)
                if turn:
                    took_ms[size].append(committed_ms)
                    check_ms[size].append(checked_ms)
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


def _commit(app: BenchApp, new: ManagedStateContent) -> None:
    with app.store.transaction() as work:
        work.commit(MANAGED_STATE, new, commands=(), events=())


def _check_ms(app: BenchApp) -> float:
    """Return what the check costs on the document as it is decoded in a commit."""
    raw = app.home.managed_state.read_bytes()
    document = decode_strict(raw)
    schemas = product_schemas()
    return _ms(lambda: schemas.check(MANAGED_STATE.name, document, path=app.home.managed_state, raw=raw))


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1_000
