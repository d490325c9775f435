"""What a bot costs that has nothing to do: processor time of the real processes."""

import contextlib

from benchmarks.daemons import cpu_s, daemon, pause, quiet_box
from benchmarks.homes import bench_folder, make_home
from benchmarks.measure import Result, bounded

_SETTLES_S = 5


def measure(*, quick: bool = False) -> list[Result]:
    """Return the share of one core that `bot worker` and `bot run` use over 60 s without work."""
    idle_s = 1 if quick else 60
    kinds = ("worker", "run")
    with bench_folder() as folder, contextlib.ExitStack() as stack:
        box = stack.enter_context(quiet_box())
        apps = {kind: make_home(folder / kind, assets=0) for kind in kinds}
        pids = {kind: stack.enter_context(daemon(app, box, kind)) for kind, app in apps.items()}
        pause(0 if quick else _SETTLES_S)
        before = {kind: cpu_s(pid) for kind, pid in pids.items()}
        pause(idle_s)
        used = {kind: cpu_s(pid) - before[kind] for kind, pid in pids.items()}
        for app in apps.values():
            app.close()
    return [
        bounded(f"bot {kind}, idle", value=used[kind] / idle_s * 100, unit="% of a core", at_most=0.5)
        for kind in kinds
    ]
