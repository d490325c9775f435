"""Applying one command beside its bare primitives: the same bytes on the same disk, and nothing else."""

import shutil
import statistics
import time

from benchmarks.bare import Recorder, Replay
from benchmarks.homes import Toggle, asset_name, bench_folder, make_home, must_be_applied
from benchmarks.measure import Result, compare

_ASSETS = 10


def measure(*, quick: bool = False) -> list[Result]:
    """Return the rate of single commands, taken from a waiting row to its stored outcome.

    Both sides take turns, command by command. The primitives are recorded on one home and replayed on
    its copy; the time is taken on another home of the same size.
    """
    rounds = 4 if quick else 300
    with bench_folder() as folder:
        recorder = Recorder(folder / "recorded")
        recorded = make_home(folder / "recorded", assets=_ASSETS, file_ops=recorder)
        recorded.worker.drain()
        recorded.queue.close()
        shutil.copytree(folder / "recorded", folder / "copy")
        recorder.take()
        toggle, asked, applied = Toggle(recorded), [], []
        for number in range(rounds):
            toggle.enqueue(asset_name(number % _ASSETS))
            asked.append(recorder.take())
            must_be_applied([item.outcome for item in recorded.worker.drain()], 1)
            applied.append(recorder.take())
        recorded.close()

        replay = Replay(folder / "copy", folder / "copy" / recorded.home.sql.relative_to(recorded.home.root))
        timed = make_home(folder / "timed", assets=_ASSETS)
        timed.worker.drain()
        toggle = Toggle(timed)
        ours, theirs = [], []
        for number in range(rounds):
            toggle.enqueue(asset_name(number % _ASSETS))
            replay.play(replay.prepared(asked[number]))
            bare = replay.prepared(applied[number])
            start = time.perf_counter()
            done = timed.worker.drain()
            between = time.perf_counter()
            replay.play(bare)
            theirs.append(time.perf_counter() - between)
            ours.append(between - start)
            must_be_applied([item.outcome for item in done], 1)
        replay.close()
        timed.close()
    return [
        compare(
            "single apply",
            ours=1 / statistics.median(ours),
            theirs=1 / statistics.median(theirs),
            unit="commands/s",
            against=f"its {len(applied[-1])} disk calls and SQL writes alone",
            times=0.5,
            side="at least",
        )
    ]
