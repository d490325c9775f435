"""From putting a command on the bus to its outcome by an idle daemon, beside applying it at once."""

import time
from typing import Any

from benchmarks.daemons import daemon, pause, quiet_box
from benchmarks.homes import BenchApp, Toggle, asset_name, bench_folder, make_home, must_be_applied
from benchmarks.measure import Result, compare
from bot.lifecycle.command_figures import times_of
from bot.storage.sql.engine import sqlite_module

_ASSETS = 10
_LOOK_S = 0.0002
_PATIENCE_S = 30
_BETWEEN_S = 0.03


def measure(*, quick: bool = False) -> list[Result]:
    """Return median and 99th percentile of both; they take turns on two homes of the same size.

    The daemon's time begins before the command is written to the bus and ends when its row says
    `applied`; the single apply's is that of `drain` with one command that waits.
    """
    rounds = 4 if quick else 400
    ours, alone = [], []
    with bench_folder() as folder, quiet_box() as box:
        served = make_home(folder / "served", assets=_ASSETS)
        at_once = make_home(folder / "at_once", assets=_ASSETS)
        at_once.worker.drain()
        with daemon(served, box, "worker"):
            watch = _Watch(served)
            toggles = Toggle(served), Toggle(at_once)
            for number in range(rounds + 1):
                asset = asset_name(number % _ASSETS)
                pause(_BETWEEN_S)
                served_s = watch.applied_in(toggles[0], asset)
                toggles[1].enqueue(asset)
                start = time.perf_counter()
                done = at_once.worker.drain()
                alone_s = time.perf_counter() - start
                must_be_applied([item.outcome for item in done], 1)
                if number:
                    ours.append(served_s)
                    alone.append(alone_s)
            watch.close()
        served.close()
        at_once.close()
    by_daemon, by_itself = times_of(ours), times_of(alone)
    sides = (("p50", by_daemon.p50_s, by_itself.p50_s), ("p99", by_daemon.p99_s, by_itself.p99_s))
    return [
        compare(
            f"enqueue to applied, idle daemon, {name}",
            ours=daemon_s * 1_000,
            theirs=alone_s * 1_000,
            unit="ms",
            against=f"{name} of a single apply",
            times=3.0,
        )
        for name, daemon_s, alone_s in sides
    ]


class _Watch:
    """Looks at a row without a part of the bot, so that looking costs little."""

    def __init__(self, app: BenchApp) -> None:
        address = f"{app.home.sql.absolute().as_uri()}?mode=ro"
        self._database: Any = sqlite_module().connect(address, uri=True, isolation_level=None)

    def applied_in(self, toggle: Toggle, asset: str) -> float:
        """Return the seconds from asking for the coin's next command to its stored outcome."""
        start = time.perf_counter()
        row = toggle.enqueue(asset)
        while time.perf_counter() - start < _PATIENCE_S:
            found = self._database.execute("SELECT state FROM commands WHERE id = ?", (row.id,)).fetchall()
            if found == [("applied",)]:
                return time.perf_counter() - start
            pause(_LOOK_S)
        raise RuntimeError(f"command {row.uid} was not applied: {found}")

    def close(self) -> None:
        self._database.close()
